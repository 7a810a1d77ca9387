"""The roster is bounded, shown page by page, and forgets who never came; nobody's money with it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from basis.app import RunningOrchestrator
from basis.rules.errors import StorageUnavailable
from basis.storage.clock import days_ago_iso, now_iso
from basis.storage.writer import GroupCommitWriter
from tests.support.answers import expect_error
from tests.support.house import House, open_house
from tests.support.orchestrators import Customer, orchestrator, until
from tests.support.registration import register
from tests.support.scripted_worker import ScriptedWorker

LATER = days_ago_iso(-1)
"""After everything that a test does: whoever may be forgotten is."""


async def register_many(customer: Customer, count: int) -> list[str]:
    """The ids of so many new workers, in order."""
    ids = [f"gpu-{number:02}" for number in range(count)]
    for worker_id in reversed(ids):
        async with register(customer, worker_id=worker_id) as response:
            assert response.status == 201
    return ids


async def fetch_workers(customer: Customer, query: str = "") -> Any:
    """What `GET /api/workers` answers."""
    async with customer.get(f"/api/workers{query}") as response:
        assert response.status == 200
        return await response.json()


async def test_workers__plain_call__shows_a_small_network_whole(tmp_path: Path) -> None:
    async with orchestrator(tmp_path) as (_, customer):
        ids = await register_many(customer, 3)
        answer = await fetch_workers(customer)

    assert [worker["worker_id"] for worker in answer["workers"]] == ids
    assert (answer["count"], answer["after"]) == (3, None)


async def test_workers__page_by_page__shows_each_once(tmp_path: Path) -> None:
    async with orchestrator(tmp_path) as (_, customer):
        ids = await register_many(customer, 7)
        pages = [await fetch_workers(customer, "?limit=3")]
        while pages[-1]["after"]:
            pages.append(await fetch_workers(customer, f"?limit=3&after={pages[-1]['after']}"))

    assert [len(page["workers"]) for page in pages] == [3, 3, 1]
    assert [worker["worker_id"] for page in pages for worker in page["workers"]] == ids
    assert {page["count"] for page in pages} == {7}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", ["/api/workers", "/api/inference/receipts"])
@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("page=2", "page"),
        ("Limit=1", "Limit"),
    ],
)
async def test_lists__wrong_parameter__is_named(
    house: House, path: str, query: str, param: str
) -> None:
    async with house.customer.get(f"{path}?{query}") as response:
        await expect_error(response, 400, "invalid_input", param=param)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("after", ["", "-x", "a/b", "x" * 65, "%00"])
async def test_workers__after_what_is_no_worker_id__is_named(house: House, after: str) -> None:
    async with house.customer.get(f"/api/workers?after={after}") as response:
        await expect_error(response, 400, "invalid_input", param="after")


@pytest.mark.asyncio(loop_scope="module")
async def test_batches__wrong_parameter__is_named(house: House) -> None:
    async with house.customer.get("/api/settlement/batches?status=pending") as response:
        await expect_error(response, 400, "invalid_input", param="status")


async def test_register__roster_full__is_told_so_and_the_known_are_not(tmp_path: Path) -> None:
    async with orchestrator(tmp_path, max_registered=2) as (_, customer):
        await register_many(customer, 2)
        async with register(customer, worker_id="one-too-many") as refused:
            await expect_error(refused, 503, "roster_full")
        async with register(customer, worker_id="gpu-00") as known:
            assert known.status == 200

    assert int(refused.headers["Retry-After"]) > 0


async def test_register__many_at_once__never_exceed_the_roster(tmp_path: Path) -> None:
    async def status_of(customer: Customer, number: int) -> int:
        async with register(customer, worker_id=f"gpu-{number}") as response:
            return response.status

    async with orchestrator(tmp_path, max_registered=3) as (running, customer):
        statuses = await asyncio.gather(*(status_of(customer, number) for number in range(12)))

    assert sorted(statuses) == [201] * 3 + [503] * 9
    assert len(running.context.roster) == 3


async def forget(running: RunningOrchestrator, *, unchanged_since: str = LATER) -> int:
    """How many workers were forgotten."""
    return await running.context.roster.forget_unlinked(unchanged_since=unchanged_since)


async def test_forget__never_linked_and_old__may_register_anew(tmp_path: Path) -> None:
    async with orchestrator(tmp_path, max_registered=2) as (running, customer):
        await register_many(customer, 2)
        forgotten = await forget(running)
        async with customer.get("/api/workers/gpu-00") as response:
            await expect_error(response, 404, "not_found")
        async with register(customer, worker_id="gpu-00") as response:
            again = await response.json()
        shown = await fetch_workers(customer)

    async with orchestrator(tmp_path) as (_, customer):
        after_restart = await fetch_workers(customer)
    assert forgotten == 2
    assert again["created"]
    assert shown["count"] == after_restart["count"] == 1


async def test_forget__registered_lately__stays(tmp_path: Path) -> None:
    async with orchestrator(tmp_path) as (running, customer):
        before = now_iso()
        await register_many(customer, 1)

        assert await forget(running, unchanged_since=before) == 0


@pytest.mark.parametrize("does_work", [True, False], ids=["earned", "only-linked"])
async def test_forget__once_linked__stays_for_ever(tmp_path: Path, does_work: bool) -> None:
    async with open_house(tmp_path) as house:
        if does_work:
            async with house.customer.chat() as response:
                assert response.status == 200
            assert (await house.receipt()).core.worker_reward_raw > 0
        assert await forget(house.running) == 0
        await house.worker.leave()
        assert await forget(house.running) == 0
        token = house.worker.token

    async with orchestrator(tmp_path) as (running, _):
        assert await forget(running) == 0
        async with ScriptedWorker(running.url, token=token) as again:
            assert again.welcome is not None


async def test_forget__store_refuses__forgets_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_writer: GroupCommitWriter, _operation: object) -> object:
        raise StorageUnavailable("the disk is full")

    async with orchestrator(tmp_path) as (running, customer):
        ids = await register_many(customer, 3)
        monkeypatch.setattr(GroupCommitWriter, "write", refuse)
        with pytest.raises(StorageUnavailable):
            await forget(running)
        monkeypatch.undo()
        shown = await fetch_workers(customer)

    assert [worker["worker_id"] for worker in shown["workers"]] == ids


async def test_forget__at_the_start__by_the_operators_days(tmp_path: Path) -> None:
    async with orchestrator(tmp_path) as (_, customer):
        await register_many(customer, 1)
    async with orchestrator(tmp_path, forget_unlinked_days=30) as (running, _):
        kept = len(running.context.roster)
    async with orchestrator(tmp_path, forget_unlinked_days=0) as (running, _):
        await until(lambda: len(running.context.roster) == 0)

    assert kept == 1
