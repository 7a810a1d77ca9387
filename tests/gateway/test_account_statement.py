"""A customer's statement over HTTP: whole over any number of pages, and no sub-key's affair."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from basis.accounting.funding import top_up
from basis.gateway import account_statement
from basis.storage import ledger_reading
from basis.storage.clock import now_iso
from basis.storage.key_store import load_keys, store_new_key
from basis.storage.secrets import load_hasher, new_api_key
from tests.support.answers import expect_error
from tests.support.house import House, open_house
from tests.support.orchestrators import Customer, settled_receipts

PATH = "/api/account/statement"

pytestmark = pytest.mark.asyncio(loop_scope="function")


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[House]:
    """A network of its own for each test."""
    async with open_house(tmp_path) as house:
        yield house


def give(house: House, *amounts: int) -> None:
    """Tops user-1 up, on one day after the other of November."""
    with house.context.writer._engine.begin() as connection:
        for number, microcredits in enumerate(amounts, start=1):
            top_up(
                connection,
                user_id="user-1",
                key=f"IN-{number}",
                microcredits=microcredits,
                now=f"2026-11-{number:02}T12:00:00.000Z",
            )


async def look(house: House, query: str = "") -> Any:
    """The statement as JSON."""
    async with house.customer.get(PATH + query) as response:
        assert response.status == 200, await response.text()
        return await response.json()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
async def test_statement__over_several_pages__is_whole_in_both_forms(
    shop: House, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    for module in (ledger_reading, account_statement):
        monkeypatch.setattr(module, "LINES_PAGE", 2)
    give(shop, *range(1, count + 1))
    balances = [number * (number + 1) // 2 for number in range(1, count + 1)]

    answer = await look(shop)
    async with shop.customer.get(PATH + "?format=csv") as response:
        assert response.content_type == "text/csv"
        rows = list(csv.DictReader(io.StringIO(await response.text())))

    assert answer["entryCount"] == count
    assert answer["closingMicrocredits"] == str(sum(range(count + 1)))
    assert [one["balanceMicrocredits"] for one in answer["entries"]] == list(map(str, balances))
    assert [row["balance_microcredits"] for row in rows] == [
        "0",
        *map(str, balances),
        answer["closingMicrocredits"],
    ]


async def test_statement__of_a_period__opens_with_what_was_before(shop: House) -> None:
    give(shop, 1, 10, 100, 1_000)

    answer = await look(shop, "?from=2026-11-02&to=2026-11-04")

    assert (answer["openingMicrocredits"], answer["closingMicrocredits"]) == ("1", "111")
    assert [one["cause"] for one in answer["entries"]] == ["operator/IN-2", "operator/IN-3"]


async def test_statement__after_a_job__shows_its_charge_under_its_id(shop: House) -> None:
    give(shop, 10**9)
    async with shop.customer.chat(max_tokens=20) as response:
        assert response.status == 200
    (receipt,) = await settled_receipts(shop.running)

    charged = (await look(shop))["entries"][-1]

    assert receipt.details.charge is not None
    assert (charged["kind"], charged["cause"]) == ("job_completed", receipt.core.job_id)
    assert charged["microcredits"] == f"-{receipt.details.charge.microcredits}"


async def test_statement__asked_with_a_sub_key__is_403(shop: House, tmp_path: Path) -> None:
    key = new_api_key()
    with shop.context.writer._engine.begin() as connection:
        (parent,) = load_keys(connection)
        store_new_key(
            connection,
            key_id="key_child",
            secret_hash=load_hasher(tmp_path).hash(key),
            name="child",
            user_id="user-1",
            user_wallet="",
            now=now_iso(),
            parent_id=parent.id,
        )
    child = Customer(shop.running.url, key)

    async with child.get(PATH) as response:
        await expect_error(response, 403, "forbidden")
    await child.http.close()


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("from=then", "from"),
        ("from=2026-02-02&to=2026-02-02", "to"),
        ("format=pdf", "format"),
        ("asset=BASIS", "asset"),
    ],
)
async def test_statement__wrong_query__is_400_and_names_it(
    shop: House, query: str, param: str
) -> None:
    async with shop.customer.get(f"{PATH}?{query}") as response:
        await expect_error(response, 400, "invalid_input", param=param)


async def test_statement__without_a_key__is_401(shop: House) -> None:
    async with shop.worker.http.get(shop.running.url + PATH) as response:
        await expect_error(response, 401, "invalid_api_key")
