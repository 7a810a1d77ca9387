"""Too many jobs, or nobody to run them: told at once, with when to come again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from basis.wire import frames
from tests.support.answers import expect_error
from tests.support.house import open_house
from tests.support.orchestrators import in_flight, orchestrator, settled_receipts, until
from tests.support.scripted_worker import ScriptedWorker


async def say_nothing(_worker: ScriptedWorker, _job: frames.Job) -> None:
    """Takes the job, and never answers."""


async def test_limits__queue_is_full__is_told_to_come_again(tmp_path: Path) -> None:
    async with open_house(tmp_path, script=say_nothing, slots=1, queue_depth=1) as house:
        waiting = [asyncio.ensure_future(house.customer.chat()) for _ in range(2)]
        scheduler = house.context.dispatcher.scheduler
        await until(lambda: scheduler.queue_length("basis-tiny") == 1)

        async with house.customer.chat() as response:
            await expect_error(response, 429, "queue_full")
        for task in waiting:
            task.cancel()

    assert int(response.headers["Retry-After"]) > 0
    assert len(house.worker.jobs) == 1


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"])
async def test_limits__nobody_serves_the_model__is_told_at_once(tmp_path: Path, path: str) -> None:
    bodies = {
        "/v1/chat/completions": {
            "model": "basis-tiny",
            "messages": [{"role": "user", "content": "x"}],
        },
        "/v1/completions": {"model": "basis-tiny", "prompt": "x"},
        "/v1/embeddings": {"model": "basis-tiny-embed", "input": "x"},
    }
    async with (
        orchestrator(tmp_path) as (running, customer),
        customer.post(path, **bodies[path]) as response,
    ):
        await expect_error(response, 503, "runtime_pending")
        receipts = await settled_receipts(running, 0)

    assert int(response.headers["Retry-After"]) > 0
    assert receipts == []


async def test_limits__only_worker_drains__is_told_at_once(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.worker.send(frames.Status(busy_slots=0, draining=True))
        await house.worker.wait_for(lambda worker: worker.of_kind(frames.Standing))

        async with house.customer.chat() as response:
            await expect_error(response, 503, "runtime_pending")


async def test_limits__name_not_mapped_yet__is_pending(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.customer.chat(model="basis-default") as answer:
        await expect_error(answer, 503, "runtime_pending")


async def test_limits__last_worker_leaves__those_who_wait_are_told_at_once(tmp_path: Path) -> None:
    async with open_house(tmp_path, script=say_nothing, slots=1) as house:
        running = asyncio.ensure_future(house.customer.chat())
        await until(lambda: bool(house.worker.jobs))
        queued = asyncio.ensure_future(house.customer.chat(stream=True))
        scheduler = house.context.dispatcher.scheduler
        await until(lambda: scheduler.queue_length("basis-tiny") == 1)

        await house.worker.leave()

        async with await running as response:
            await expect_error(response, 502, "worker_lost")
        async with await queued as response:
            await expect_error(response, 503, "runtime_pending")
        receipts = await settled_receipts(house.running, 2)

    assert int(response.headers["Retry-After"]) > 0
    assert sorted(r.details.failure_reason for r in receipts) == ["no_worker", "worker_lost"]


async def test_limits__slot_comes_free__serves_whoever_waited_longest(tmp_path: Path) -> None:
    release = asyncio.Semaphore(0)

    async def answer_when_released(worker: ScriptedWorker, job: frames.Job) -> None:
        await release.acquire()
        await worker.answer(job, ["ok"])

    async with open_house(tmp_path, script=answer_when_released, slots=1) as house:
        scheduler = house.context.dispatcher.scheduler
        asked = []
        for number in range(4):
            asked.append(asyncio.ensure_future(house.customer.chat(f"Number {number}")))
            waiting = max(0, number)
            await until(
                lambda waiting=waiting: (
                    bool(house.worker.jobs) and scheduler.queue_length("basis-tiny") == waiting
                )
            )
        for _ in asked:
            release.release()
        for task in asked:
            async with await task as response:
                assert response.status == 200

    order = [bytes(job.request).decode() for job in house.worker.jobs]
    assert [f"Number {number}" in text for number, text in enumerate(order)] == [True] * 4
    assert in_flight(house.running) == 0
