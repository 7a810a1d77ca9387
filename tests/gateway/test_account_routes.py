"""What customers see of their account, and what a sub-key does not."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from basis.accounting.funding import top_up
from basis.gateway import keys
from basis.rules.epochs import EPOCHS
from basis.storage import usage_totals
from basis.storage.clock import now_iso
from basis.storage.key_store import NO_LIMITS, KeyLimits, store_limits, store_new_key
from basis.storage.schema import usage_days
from basis.storage.secrets import load_hasher, new_api_key
from tests.support.answers import expect_error
from tests.support.house import House, open_house
from tests.support.orchestrators import Customer, settled_receipts

AddKey = Callable[..., Customer]

pytestmark = pytest.mark.asyncio(loop_scope="function")


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[House]:
    """A network of its own for each test."""
    async with open_house(tmp_path) as house:
        yield house


@pytest_asyncio.fixture
async def add_key(shop: House, tmp_path: Path) -> AsyncIterator[AddKey]:
    """Makes keys of the prepaid customer shop, and closes their sessions."""
    made: list[Customer] = []

    def add(
        key_id: str, *, parent_id: str | None = None, limits: KeyLimits = NO_LIMITS
    ) -> Customer:
        key = new_api_key()
        with shop.context.writer._engine.begin() as connection:
            store_new_key(
                connection,
                key_id=key_id,
                secret_hash=load_hasher(tmp_path).hash(key),
                name=key_id,
                user_id="shop",
                user_wallet="",
                now=now_iso(),
                parent_id=parent_id,
                limits=limits,
            )
        made.append(Customer(shop.running.url, key))
        return made[-1]

    yield add
    for customer in made:
        await customer.http.close()


async def give(house: House, microcredits: int) -> None:
    """Tops the customer shop up."""
    await house.context.writer.write(
        lambda connection: top_up(
            connection, user_id="shop", key="IN", microcredits=microcredits, now=now_iso()
        )
    )


async def look(customer: Customer, path: str = "/api/account") -> Any:
    """The JSON at a path."""
    async with customer.get(path) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_account__of_a_postpaid_customer__is_without_limit(shop: House) -> None:
    answer = await look(shop.customer)

    assert answer["userId"] == "user-1"
    assert answer["credits"] == {
        "billing": "postpaid",
        "balanceMicrocredits": "0",
        "heldMicrocredits": "0",
        "availableMicrocredits": None,
        "creditLimitMicrocredits": None,
    }
    assert answer["spendableMicrocredits"] is None
    assert answer["parent"] is None
    assert answer["prices"]["epoch"] == EPOCHS[-1].version
    prices = {row["model"]: row for row in answer["prices"]["models"]}
    assert prices["basis-tiny"] == {
        "model": "basis-tiny",
        "promptPrice": "15000000",
        "outputPrice": "60000000",
    }


async def test_account__after_a_job__shows_what_it_cost(shop: House, add_key: AddKey) -> None:
    limits = KeyLimits(credits_per_day=10**9, requests_per_minute=9, tokens_per_minute=9_999)
    customer = add_key("key_a", limits=limits)
    await give(shop, 10**9)

    async with customer.chat(max_tokens=20) as response:
        assert response.status == 200
        usage = (await response.json())["usage"]
    (receipt,) = await settled_receipts(shop.running)
    answer = await look(customer)

    assert receipt.details.charge is not None
    spent = int(receipt.details.charge.microcredits)
    assert spent > 0
    assert answer["credits"]["balanceMicrocredits"] == str(10**9 - spent)
    assert answer["credits"]["heldMicrocredits"] == "0"
    assert answer["spendableMicrocredits"] == str(10**9 - spent)
    assert answer["key"]["limits"]["requestsPerMinute"] == 9
    used = answer["key"]["used"]
    assert used["spentMicrocredits"] == str(spent)
    assert (used["requestsThisMinute"], used["tokensThisMinute"]) == (1, usage["total_tokens"])


async def test_account__of_a_sub_key__hides_the_account_and_shows_what_it_may_spend(
    shop: House, add_key: AddKey
) -> None:
    parent = add_key("key_a", limits=KeyLimits(credits_per_day=700))
    limits = KeyLimits(credits_per_day=900, models=("basis-tiny",))
    child = add_key("key_b", parent_id="key_a", limits=limits)
    await give(shop, 7_654_321)

    of_child, of_parent = await look(child), await look(parent)

    assert of_child["credits"] is None
    assert of_parent["credits"]["balanceMicrocredits"] == "7654321"
    assert of_child["spendableMicrocredits"] == "700"
    assert of_child["parent"]["id"] == "key_a"
    assert of_child["key"]["limits"]["microcreditsPerDay"] == "900"
    assert [row["model"] for row in of_child["prices"]["models"]] == ["basis-tiny"]
    assert "7654321" not in str(of_child)


async def test_usage__of_a_sub_key__is_its_own_and_of_its_parent_all(
    shop: House, add_key: AddKey
) -> None:
    parent = add_key("key_a")
    child = add_key("key_b", parent_id="key_a")
    await give(shop, 10**9)
    for customer in (parent, child, child):
        async with customer.chat(max_tokens=20) as response:
            assert response.status == 200
    await settled_receipts(shop.running, 3)

    of_parent = await look(parent, "/api/account/usage?by=key")
    of_child = await look(child, "/api/account/usage?by=key")
    of_other = await look(shop.customer, "/api/account/usage")

    assert {row["key"]: row["requests"] for row in of_parent["rows"]} == {"key_a": 1, "key_b": 2}
    assert [row["key"] for row in of_child["rows"]] == ["key_b"]
    assert of_other["rows"] == []


def fill_days(house: House, count: int) -> None:
    """Usage of user-1 on so many days."""
    rows = [
        {
            "day": f"20{number // 336:02}-{number // 28 % 12 + 1:02}-{number % 28 + 1:02}",
            "user_id": "user-1",
            "key_id": "key_x",
            "model_id": "basis-tiny",
            "requests": 1,
            "completed": 1,
            "prompt_tokens": 2,
            "output_tokens": 3,
            "microcredits": number,
        }
        for number in range(count)
    ]
    if rows:
        with house.context.writer._engine.begin() as connection:
            connection.execute(usage_days.insert(), rows)


@pytest.mark.parametrize("count", [0, 1, 4, 5, 8, 9])
async def test_usage__over_several_pages__is_whole_in_both_forms(
    shop: House, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    from basis.gateway import account_usage

    for module in (usage_totals, account_usage):
        monkeypatch.setattr(module, "USAGE_PAGE", 4)
    fill_days(shop, count)

    answer = await look(shop.customer, "/api/account/usage?by=day")
    async with shop.customer.get("/api/account/usage?format=csv") as response:
        assert response.content_type == "text/csv"
        rows = list(csv.DictReader(io.StringIO(await response.text())))

    assert [row["microcredits"] for row in answer["rows"]] == [str(one) for one in range(count)]
    assert [row["microcredits"] for row in rows] == [str(one) for one in range(count)]
    assert answer["by"] == "day"


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("by=hour", "by"),
        ("from=yesterday", "from"),
        ("to=2026-02-30", "to"),
        ("from=2026-02-02&to=2026-02-01", "to"),
        ("format=xml", "format"),
        ("days=3", "days"),
        ("by=day&by=key", "by"),
    ],
)
async def test_usage__wrong_query__is_400_and_names_it(shop: House, query: str, param: str) -> None:
    async with shop.customer.get(f"/api/account/usage?{query}") as response:
        await expect_error(response, 400, "invalid_input", param=param)


@pytest.mark.parametrize("path", ["/api/account", "/api/account/usage"])
async def test_account__without_a_key__is_401(shop: House, path: str) -> None:
    async with shop.worker.http.get(shop.running.url + path) as response:
        await expect_error(response, 401, "invalid_api_key")


async def test_limits__changed_beside_a_running_orchestrator__hold_once_the_look_is_stale(
    shop: House, add_key: AddKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = add_key("key_a")
    await give(shop, 10**9)
    assert (await look(customer))["key"]["limits"]["requestsPerMinute"] is None

    limits = KeyLimits(requests_per_minute=1, models=("basis-tiny",))
    await shop.context.writer.write(
        lambda connection: store_limits(connection, key_id="key_a", limits=limits, now=now_iso())
    )
    monkeypatch.setattr(keys, "_FRESH_S", 0.0)  # as if five seconds had passed

    assert (await look(customer))["key"]["limits"]["requestsPerMinute"] == 1
    statuses: list[int] = []
    for _ in range(2):
        async with customer.chat(max_tokens=20) as response:
            statuses.append(response.status)
    async with customer.chat(model="basis-small") as response:
        await expect_error(response, 403, "forbidden")
    assert statuses == [200, 429]
