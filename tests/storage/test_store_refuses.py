"""A store that takes no writes: customers get 503, readiness says why, and it heals by itself."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import event

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
