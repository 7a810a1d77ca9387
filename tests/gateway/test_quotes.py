"""Quotes: what a request would cost at most, and terms that a token locks for its customer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from aiohttp.test_utils import make_mocked_request

from basis.accounting.difference import Difference
from basis.accounting.receipt_replay import replay_receipt
from basis.accounting.recompute import recompute
from basis.gateway.keys import Customer
from basis.gateway.price_choice import Preference
from basis.gateway.wishes import read_wish
from basis.rules.epochs import EPOCHS, Activation, EpochBook
from basis.rules.job import UserId
from basis.storage.clock import now_iso
from basis.storage.epoch_store import activate_epoch, propose_epoch
from basis.storage.key_store import KeyLimits
from basis.storage.receipt_store import StoredReceipt
from tests.support.answers import expect_error
from tests.support.epochs import SPRING
from tests.support.house import House, open_house
from tests.support.market import CHEAP, DEAR, PREFER, open_market, prices_of
from tests.support.orchestrators import settled_receipts
from tests.support.quotes import MESSAGES, QUOTE_HEADER, QUOTE_PATH, ask, quote

pytestmark = pytest.mark.asyncio(loop_scope="function")


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[House]:
    """A network of its own for each test."""
    async with open_house(tmp_path) as house:
        yield house


def put_in_force(house: House) -> None:
    """Dearer prices are in force from this moment on, as if they had been announced in time."""
    activation = Activation(epoch=SPRING, effective_from=now_iso())
    with house.context.writer._engine.begin() as connection:
        propose_epoch(connection, SPRING, now="2020-01-01T00:00:00.000Z")
        activate_epoch(
            connection,
            SPRING.version,
            effective_from=activation.effective_from,
            now="2020-01-01T00:00:00.000Z",
        )
    house.context.prices.replace(EpochBook([activation]))


def expect_equal_books(house: House) -> None:
    """Everything recomputes."""
    with house.context.engine.connect() as connection:
        assert recompute(connection).difference is None


async def test_quote__of_messages__names_the_exact_count_and_the_most(shop: House) -> None:
    usage = await shop.usage()

    answer = await quote(shop, messages=MESSAGES, max_tokens=20)

    most = -(-(usage["prompt_tokens"] * 15_000_000 + 20 * 60_000_000) // 10**6)
    assert answer["promptTokens"] == usage["prompt_tokens"]
    assert (answer["maxTokens"], answer["kind"]) == (20, "chat")
    assert answer["mostMicrocredits"] == str(most)
    assert answer["mostChargeRaw"] == str(most * EPOCHS[-1].basis_raw_per_microcredit)
    assert answer["terms"]["epoch"] == EPOCHS[-1].version
    assert (answer["isAffordable"], answer["spendableMicrocredits"]) == (True, None)


async def test_quote__then_the_same_request__holds_the_most_that_was_quoted(shop: House) -> None:
    answer = await quote(shop, messages=MESSAGES, max_tokens=20)

    async with ask(shop, answer["quote"]) as response:
        assert response.status == 200
    receipt: StoredReceipt = await shop.receipt()

    charge = receipt.details.charge
    assert charge is not None
    assert charge.held_microcredits == answer["mostMicrocredits"]
    assert charge.terms_hash == answer["termsHash"]
    assert charge.locked_at == answer["lockedAt"]
    assert int(charge.microcredits) <= int(charge.held_microcredits)
    expect_equal_books(shop)


async def test_recompute__terms_older_than_a_quote_lasts__are_a_difference(shop: House) -> None:
    answer = await quote(shop, messages=MESSAGES)
    async with ask(shop, answer["quote"]) as response:
        assert response.status == 200
    receipt = await shop.receipt()
    old = "2026-11-23T00:00:00.000Z"

    for locked_at in (old, "yesterday"):
        assert receipt.details.charge is not None
        charge = msgspec.structs.replace(receipt.details.charge, locked_at=locked_at)
        changed = replace(receipt, details=msgspec.structs.replace(receipt.details, charge=charge))
        with pytest.raises(Difference):
            replay_receipt(changed, epochs=EpochBook())


async def test_quote__taken_up__counts_before_what_the_key_prefers_by_default(shop: House) -> None:
    answer = await quote(shop, messages=MESSAGES, max_tokens=20)
    customer = Customer(
        key_id="k", user_id=UserId("user-1"), user_wallet="", limits=KeyLimits(prefers="speed")
    )
    quoted = {QUOTE_HEADER: answer["quote"]}

    preferences = [
        read_wish(make_mocked_request("POST", "/", headers=headers), shop.context, customer)
        for headers in ({}, quoted, {**quoted, PREFER: "quality"})
    ]

    assert [wish.preference for wish in preferences] == [
        Preference.SPEED,
        None,
        Preference.QUALITY,
    ]


async def test_quote__of_an_owners_ask__holds_though_the_offer_changes(tmp_path: Path) -> None:
    body = {"model": "basis-tiny", "messages": MESSAGES, "max_tokens": 20}
    async with open_market(tmp_path, "cheap", "dear") as market:
        url, http = market.running.url, market.customer.http
        offer_hash = await market.offer("cheap", CHEAP, nonce=1)
        await market.offer("dear", DEAR)
        async with http.post(url + QUOTE_PATH, json=body, headers={PREFER: "price"}) as response:
            answer = await response.json()
        await market.offer("cheap", DEAR, nonce=2)
        headers = {QUOTE_HEADER: answer["quote"]}
        chat = url + "/v1/chat/completions"
        async with http.post(chat, json=body, headers=headers) as response:
            assert response.status == 200, await response.text()
        (receipt,) = await market.receipts()

    assert answer["terms"]["offerHash"] == offer_hash
    assert prices_of(receipt) == (*CHEAP, offer_hash)
    assert receipt.core.worker_id == "cheap"
    assert receipt.details.charge is not None
    assert receipt.details.charge.locked_at == answer["lockedAt"]


@pytest.mark.parametrize(
    ("fields", "kind", "tokens"),
    [
        ({"prompt": "Hello there"}, "completion", None),
        ({"prompt": [1, 2, 3], "max_tokens": 4}, "completion", 3),
        ({"prompt_tokens": 17, "max_tokens": 3}, "chat", 17),
        ({"prompt_tokens": 0, "max_tokens": 1}, "chat", 0),
        ({"messages": MESSAGES, "tools": []}, "chat", None),
    ],
)
async def test_quote__each_form_of_prompt__is_counted(
    shop: House, fields: dict[str, Any], kind: str, tokens: int | None
) -> None:
    answer = await quote(shop, **fields)

    assert answer["kind"] == kind
    assert answer["promptTokens"] == tokens or (tokens is None and answer["promptTokens"] > 0)


async def test_quote__prices_rise_afterwards__are_locked_for_the_job(shop: House) -> None:
    before = await quote(shop, messages=MESSAGES, max_tokens=20)
    put_in_force(shop)
    after = await quote(shop, messages=MESSAGES, max_tokens=20)
    assert before["mostMicrocredits"] != after["mostMicrocredits"]

    for token in (before["quote"], after["quote"]):
        async with ask(shop, token) as response:
            assert response.status == 200
    receipts = await settled_receipts(shop.running, 2)

    assert [one.details.versions.pricing for one in receipts] == [EPOCHS[-1].version, "spring"]
    assert [one.details.charge.held_microcredits for one in receipts if one.details.charge] == [
        before["mostMicrocredits"],
        after["mostMicrocredits"],
    ]
    expect_equal_books(shop)


async def test_quote__taken_up_by_a_stream_and_many_times__locks_each(shop: House) -> None:
    answer = await quote(shop, messages=MESSAGES)

    for _ in range(2):
        async with ask(shop, answer["quote"], stream=True) as response:
            assert response.status == 200
            await response.read()
    receipts = await settled_receipts(shop.running, 2)

    locked = {one.details.charge.locked_at for one in receipts if one.details.charge}
    assert locked == {answer["lockedAt"]}
    expect_equal_books(shop)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "messages"),
        ({"messages": MESSAGES, "prompt": "x"}, "prompt"),
        ({"prompt": "x", "prompt_tokens": 1}, "prompt_tokens"),
        ({"prompt": "x", "tools": []}, "tools"),
        ({"prompt_tokens": -1}, "prompt_tokens"),
        ({"prompt_tokens": 1.5}, "prompt_tokens"),
        ({"prompt_tokens": 10**30}, "prompt_tokens"),
        ({"prompt_tokens": "12"}, "prompt_tokens"),
        ({"prompt_tokens": 1, "max_tokens": 0}, "max_tokens"),
        ({"prompt_tokens": 1, "max_tokens": 10**30}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": MESSAGES, "temperature": 1}, "temperature"),
    ],
)
async def test_quote__wrong_request__is_400_and_names_it(
    shop: House, fields: dict[str, Any], param: str
) -> None:
    async with shop.customer.post(QUOTE_PATH, model="basis-tiny", **fields) as response:
        await expect_error(response, 400, "invalid_input", param=param)


async def test_quote__more_than_the_context__is_refused_as_the_request_would_be(
    shop: House,
) -> None:
    for fields, param in (
        ({"prompt_tokens": 10**6}, "prompt_tokens"),
        ({"prompt_tokens": 1, "max_tokens": 10**6}, "max_tokens"),
    ):
        async with shop.customer.post(QUOTE_PATH, model="basis-tiny", **fields) as response:
            await expect_error(response, 400, "context_length_exceeded", param=param)


async def test_quote__without_key_or_model__is_refused(shop: House) -> None:
    async with shop.worker.http.post(shop.running.url + QUOTE_PATH, json={}) as response:
        await expect_error(response, 401, "invalid_api_key")
    async with shop.customer.post(QUOTE_PATH, model="none", prompt_tokens=1) as response:
        await expect_error(response, 404, "model_not_found")
    async with shop.customer.post(QUOTE_PATH, model="basis-small", prompt_tokens=1) as response:
        assert response.status == 503


async def test_quote__on_an_empty_account__says_that_it_cannot_be_paid(
    shop: House, tmp_path: Path
) -> None:
    from basis.storage.account_store import store_credit_limit

    with shop.context.writer._engine.begin() as connection:
        store_credit_limit(connection, "user-1", 5, now=now_iso())

    answer = await quote(shop, messages=MESSAGES, max_tokens=20)

    assert (answer["isAffordable"], answer["spendableMicrocredits"]) == (False, "5")
    async with ask(shop, answer["quote"]) as response:
        assert response.status == 402
        error = (await response.json())["error"]
    assert error["required_microcredits"] == answer["mostMicrocredits"]
