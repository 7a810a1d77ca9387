"""A store that takes no writes: customers get 503, readiness says why, and it heals by itself."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import event, update

from basis.storage.schema import balances
from tests.support.house import open_house


async def test_orchestrator__disk_full__is_not_ready_until_there_is_room(tmp_path: Path) -> None:
    limit = {"pages": 1_000_000}

    def on_checkout(connection: sqlite3.Connection, *_others: object) -> None:
        connection.execute(f"PRAGMA max_page_count={limit['pages']}")

    async with open_house(tmp_path) as house:
        event.listen(house.context.engine, "checkout", on_checkout)
        limit["pages"] = 1
        texts = "Hello! " * 20

        statuses: list[int] = []
        while not statuses or statuses[-1] == 200:
            # Pages that are there already may still be filled.
            async with house.customer.chat(texts) as response:
                statuses.append(response.status)
                body = await response.json()
        async with house.customer.get("/readyz") as response:
            ready = (response.status, await response.json())
        limit["pages"] = 1_000_000
        async with house.customer.chat(texts) as response:
            recovered = response.status
        async with house.customer.get("/readyz") as response:
            ready_again = response.status

    assert statuses[-1] == 503
    assert body["error"]["code"] == "storage_unavailable"
    assert ready[0] == 503
    assert ready[1]["problems"] == ["the store refuses writes"]
    assert (recovered, ready_again) == (200, 200)


async def test_orchestrator__damaged_balance__is_not_ready_and_says_which_in_the_log_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_house(tmp_path) as house:
        async with house.customer.chat("Hello!") as response:
            assert response.status == 200
        with house.context.engine.begin() as connection:
            connection.execute(
                update(balances)
                .where(balances.c.account == "network/fee")
                .values(amount_raw="0" + balances.c.amount_raw)
            )
        async with house.customer.chat("Hello!") as response:
            refused = (response.status, await response.json())
        async with house.customer.get("/readyz") as response:
            ready = (response.status, await response.json())

    assert refused[0] == 503
    assert refused[1]["error"]["code"] == "storage_unavailable"
    assert "network/fee" not in refused[1]["error"]["message"]
    assert ready[0] == 503
    assert ready[1]["problems"] == ["the store refuses writes"]
    assert "network/fee" in capsys.readouterr().out
