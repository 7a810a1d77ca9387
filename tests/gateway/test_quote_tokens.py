"""Tokens of quotes: who may take which one up, until when, and every one that we did not make."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from basis.accounting.recompute import recompute
from basis.gateway import wishes
from basis.gateway.keys import Customer as Asker
from basis.rules.job import UserId
from basis.storage.clock import now_iso
from tests.support.answers import expect_error
from tests.support.house import House, open_house
from tests.support.orchestrators import Customer, make_key, orchestrator
from tests.support.quotes import MESSAGES, ask, quote

pytestmark = pytest.mark.asyncio(loop_scope="function")


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[House]:
    """A network of its own for each test."""
    async with open_house(tmp_path) as house:
        yield house


def change(token: str, **fields: Any) -> str:
    """The token with another content under its old signature."""
    prefix, payload, signature = token.split(".")
    content = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    changed = base64.urlsafe_b64encode(msgspec.json.encode({**content, **fields}))
    return f"{prefix}.{changed.rstrip(b'=').decode()}.{signature}"


async def test_quote__forged_or_broken__is_400_and_no_job(shop: House) -> None:
    token = (await quote(shop, messages=MESSAGES))["quote"]

    for wrong in (
        "",
        "x",
        "bq1..",
        token[:-1],
        token[:-1] + ("0" if token[-1] != "0" else "1"),
        token + "0",
        token.replace("bq1.", "bq2."),
        change(token, output_price="1"),
        change(token, user_id="somebody"),
        change(token, expires_at="2999-01-01T00:00:00.000Z"),
        "bq1." + "A" * 5_000 + "." + "0" * 64,
    ):
        async with ask(shop, wrong) as response:
            await expect_error(response, 400, "invalid_input", param="x-basis-quote")
    with shop.context.engine.connect() as connection:
        assert recompute(connection).receipt_count == 0


async def test_quote__of_another_customer__is_400(shop: House, tmp_path: Path) -> None:
    token = (await quote(shop, messages=MESSAGES))["quote"]
    other = Customer(shop.running.url, make_key(tmp_path, user_id="user-2"))

    async with ask(shop, token, customer=other) as response:
        message = await expect_error(response, 400, "invalid_input", param="x-basis-quote")
    await other.http.close()

    assert "another customer" in message


async def test_quote__for_another_model__is_400(shop: House) -> None:
    token = (await quote(shop, messages=MESSAGES))["quote"]
    promise = shop.context.quotes.read(token, _asker(shop, "user-1"), now=now_iso())
    other = shop.context.quotes.sign(msgspec.structs.replace(promise, model_id="basis-small"))

    async with ask(shop, other) as response:
        message = await expect_error(response, 400, "invalid_input", param="x-basis-quote")

    assert "basis-small" in message


def _asker(house: House, user_id: str) -> Any:
    """The customer as the door knows it."""
    return Asker(key_id="key_1", user_id=UserId(user_id), user_wallet="")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"expires_at": "2020-01-01T00:05:00.000Z"}, "ended"),
        ({"locked_at": "2998-01-01T00:00:00.000Z"}, "set back"),
        ({"catalog": "another"}, "models have changed"),
    ],
)
async def test_quote__out_of_its_time__is_400(
    shop: House, changes: dict[str, str], words: str
) -> None:
    token = (await quote(shop, messages=MESSAGES))["quote"]
    promise = shop.context.quotes.read(token, _asker(shop, "user-1"), now=now_iso())
    stale = shop.context.quotes.sign(msgspec.structs.replace(promise, **changes))

    async with ask(shop, stale) as response:
        message = await expect_error(response, 400, "invalid_input", param="x-basis-quote")

    assert words in message


async def test_quote__ends_while_the_body_comes__is_400(
    shop: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await quote(shop, messages=MESSAGES)
    monkeypatch.setattr(wishes, "now_iso", lambda: answer["lockedAt"])
    monkeypatch.setattr("basis.gateway.acceptance.now_iso", lambda: answer["expiresAt"])

    async with ask(shop, answer["quote"]) as response:
        await expect_error(response, 400, "invalid_input", param="x-basis-quote")


async def test_quote__after_a_restart__is_good_still(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        token = (await quote(house, messages=MESSAGES))["quote"]
    async with orchestrator(tmp_path) as (running, _customer):
        promise = running.context.quotes.read(token, _asker(house, "user-1"), now=now_iso())

    assert promise.model_id == "basis-tiny"
    assert promise.expires_at > promise.locked_at


async def test_quote__signed_for_another_purpose__is_none_of_ours(shop: House) -> None:
    token = (await quote(shop, messages=MESSAGES))["quote"]
    prefix, payload, _signature = token.split(".")
    other = shop.context.quotes._hasher.hash(payload)

    async with ask(shop, f"{prefix}.{payload}.{other}") as response:
        await expect_error(response, 400, "invalid_input", param="x-basis-quote")
