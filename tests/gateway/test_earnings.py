"""`GET /api/workers/{id}/earnings`: as public as receipts, bounded, and read by the command."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from basis.gateway import earnings
from basis.storage.clock import now_iso
from tests.support.answers import expect_error
from tests.support.basis_process import run_basis
from tests.support.house import House, open_house
from tests.support.orchestrators import settled_receipts

PATH = "/api/workers/scripted-1/earnings"


async def ask(house: House, query: str = "") -> dict[str, Any]:
    """The earnings of the house's worker, asked without a key."""
    async with house.worker.http.get(house.running.url + PATH + query) as response:
        assert response.status == 200, await response.text()
        return dict(await response.json())


async def test_earnings__of_a_worker_that_did_two_jobs__are_told_to_anybody(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        nothing = await ask(house)
        for _job in range(2):
            async with house.customer.chat() as response:
                assert response.status == 200
        receipts = await settled_receipts(house.running, 2)
        by_day, by_model = await ask(house), await ask(house, "?by=model")
        past = await ask(house, "?from=2020-01-01&to=2020-12-31")
        told = await asyncio.to_thread(
            run_basis,
            *("worker", "earnings", "--worker", "scripted-1"),
            *("--orchestrator", house.running.url, "--json"),
            folder=tmp_path,
        )
        missing = await asyncio.to_thread(
            run_basis,
            *("worker", "earnings", "--worker", "nobody", "--orchestrator", house.running.url),
            folder=tmp_path,
        )

    assert nothing["rows"] == past["rows"] == []
    reward_raw = str(sum(receipt.core.worker_reward_raw for receipt in receipts))
    for answer, of in ((by_day, now_iso()[:10]), (by_model, "basis-tiny")):
        (row,) = answer["rows"]
        assert (row["of"], row["completed"], row["reward_raw"]) == (of, 2, reward_raw)
        assert answer["total"] == {**row, "of": "total"}
    assert told.returncode == 0, told.stderr
    assert f'"reward_raw": "{reward_raw}"' in told.stdout
    assert (missing.returncode, missing.stdout) == (4, "")


@pytest.mark.asyncio(loop_scope="module")
async def test_earnings__of_nobody__are_not_found(house: House) -> None:
    async with house.customer.get("/api/workers/nobody/earnings") as response:
        await expect_error(response, 404, "not_found")


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("from=yesterday", "from"),
        ("from=2026-02-30", "from"),
        ("to=2026-11-23T00:00:00Z", "to"),
        ("by=hour", "by"),
        ("by=", "by"),
        ("since=2026-11-01", "since"),
        ("from=2026-11-01&from=2026-11-02", "from"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_earnings__by_a_wrong_parameter__are_refused_by_its_name(
    house: House, query: str, param: str
) -> None:
    async with house.customer.get(f"{PATH}?{query}") as response:
        await expect_error(response, 400, "invalid_input", param=param)


async def test_earnings__over_more_receipts_than_one_answer_adds_up__ask_for_fewer_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(earnings, "_MOST_RECEIPTS", 1)
    async with open_house(tmp_path) as house:
        for _job in range(2):
            async with house.customer.chat() as response:
                assert response.status == 200
        await settled_receipts(house.running, 2)

        async with house.customer.get(PATH) as response:
            message = await expect_error(response, 400, "invalid_input", param="from")

    assert "fewer days" in message
