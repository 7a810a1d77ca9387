"""Workers that die, give up or lie: what the customer gets, and what the receipt says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from basis.rules.units import AmountRaw
from basis.wire import frames
from basis.wire.frames import WorkerFault
from tests.support.answers import DONE, expect_discreet_error, expect_error, read_events
from tests.support.answers import stream_text as text_of
from tests.support.house import House, open_house
from tests.support.orchestrators import in_flight, settled_receipts
from tests.support.scripted_worker import Script, ScriptedWorker, say_hello

NOTHING = AmountRaw(0)
Act = Callable[[ScriptedWorker, frames.Job], Awaitable[None]]


def first_time(act: Act) -> Script:
    """A script shared by several workers: the first job of all is met by `act`, others answered."""
    turns = iter([act])

    async def run(worker: ScriptedWorker, job: frames.Job) -> None:
        await next(turns, say_hello)(worker, job)

    return run


async def vanish(worker: ScriptedWorker, _job: frames.Job) -> None:
    """The machine is gone."""
    await worker.socket.close()


def giving_up(fault: WorkerFault) -> Act:
    """A worker that gives the lease back."""

    async def give_up(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.fail(job, fault, "secret detail")

    return give_up


def giving_up_late(fault: WorkerFault) -> Act:
    """A worker that gives the lease back after the customer has seen something."""

    async def give_up(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.chunk(job, 0, "Half an ")
        await worker.wait_for(lambda w: w.last_ack(job) >= 0)
        await worker.fail(job, fault, "secret detail")

    return give_up


@pytest.fixture
async def pair(tmp_path: Path) -> tuple[House, ScriptedWorker]:  # type: ignore[misc]  # it yields
    """A house with a second worker; a test sets the script of both."""
    async with (
        open_house(tmp_path, window_frames=4) as house,
        ScriptedWorker(house.running.url, worker_id="scripted-2") as second,
    ):
        yield house, second


Pair = tuple[House, ScriptedWorker]


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_failures__worker_dies_before_anything_came__another_answers(
    pair: Pair, is_streamed: bool
) -> None:
    house, second = pair
    house.worker.script = second.script = first_time(vanish)

    async with house.customer.chat(stream=is_streamed) as response:
        text = await response.text()
    receipt = await house.receipt()

    assert response.status == 200, text
    assert " there." in text
    assert receipt.status.value == "completed"
    assert receipt.details.attempts == 2


async def test_failures__unstreamed_answer_breaks_off__another_starts_anew(pair: Pair) -> None:
    house, second = pair

    async def break_off(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.chunk(job, 0, "Never ")
        await worker.wait_for(lambda w: w.last_ack(job) >= 0)
        await worker.socket.close()

    house.worker.script = second.script = first_time(break_off)

    async with house.customer.chat() as response:
        answer = await response.json()
    receipt = await house.receipt()

    assert answer["choices"][0]["message"]["content"] == "Hello there."
    assert answer["usage"] == await house.usage()
    assert receipt.details.attempts == 2


async def test_failures__worker_dies_in_mid_stream__says_so_in_band(pair: Pair) -> None:
    house, second = pair

    async def break_off(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.chunk(job, 0, "Half an ")
        await worker.wait_for(lambda w: w.last_ack(job) >= 0)
        await worker.socket.close()

    house.worker.script = second.script = first_time(break_off)

    async with house.customer.chat(stream=True) as response:
        *events, last = await read_events(response)
    receipt = await house.receipt()

    assert text_of(events) == "Half an "
    assert last != DONE
    expect_discreet_error(last["error"])
    assert last["error"]["code"] == "worker_lost"
    assert receipt.status.value == "failed"
    assert receipt.details.failure_reason == "worker_lost"
    assert receipt.core.total_charged_raw == receipt.core.worker_reward_raw == NOTHING
    assert receipt.core.output_tokens == 0


FAULTS = {
    WorkerFault.BAD_REQUEST: (400, "bad_request"),
    WorkerFault.CONTEXT_EXCEEDED: (400, "context_exceeded"),
    WorkerFault.UNSUPPORTED: (400, "unsupported"),
    WorkerFault.MODEL_UNAVAILABLE: (502, "worker_failed"),
    WorkerFault.OUT_OF_MEMORY: (502, "worker_failed"),
    WorkerFault.RUNTIME_ERROR: (502, "worker_failed"),
    WorkerFault.RUNTIME_TRUNCATED: (502, "worker_truncated"),
    WorkerFault.RUNTIME_UNREACHABLE: (502, "worker_failed"),
    WorkerFault.CANCELLED: (502, "worker_failed"),
    WorkerFault.DRAINING: (502, "worker_failed"),
}
FINAL = {WorkerFault.BAD_REQUEST, WorkerFault.CONTEXT_EXCEEDED}


@pytest.mark.parametrize("fault", list(WorkerFault))
async def test_failures__nobody_else_is_there__tells_the_fault(
    tmp_path: Path, fault: WorkerFault
) -> None:
    status, code = FAULTS[fault]

    async with open_house(tmp_path, script=giving_up(fault)) as house:
        async with house.customer.chat(stream=True) as response:
            await expect_error(response, status, code)
        receipt = await house.receipt()

    assert (receipt.status.value, receipt.details.failure_reason) == ("failed", code)
    assert receipt.core.total_charged_raw == NOTHING


@pytest.mark.parametrize("fault", sorted(set(WorkerFault) - FINAL))
async def test_failures__fault_of_the_worker__is_tried_elsewhere(
    pair: Pair, fault: WorkerFault
) -> None:
    house, second = pair
    house.worker.script = second.script = first_time(giving_up(fault))

    async with house.customer.chat() as response:
        assert response.status == 200, await response.text()
    receipt = await house.receipt()

    assert receipt.details.attempts == 2
    assert {job.lease_id[-2:] for job in house.worker.jobs + second.jobs} == {".1", ".2"}


@pytest.mark.parametrize("fault", sorted(FINAL))
async def test_failures__fault_of_the_request__is_not_tried_elsewhere(
    pair: Pair, fault: WorkerFault
) -> None:
    house, second = pair
    house.worker.script = second.script = first_time(giving_up(fault))

    async with house.customer.chat() as response:
        await expect_error(response, *FAULTS[fault])

    assert len(house.worker.jobs) + len(second.jobs) == 1


async def test_failures__every_worker_fails__stops_after_the_second(
    pair: Pair,
) -> None:
    house, second = pair
    async with ScriptedWorker(house.running.url, worker_id="scripted-3") as third:
        for worker in (house.worker, second, third):
            worker.script = giving_up(WorkerFault.RUNTIME_ERROR)

        async with house.customer.chat() as response:
            await expect_error(response, 502, "worker_failed")
        receipt = await house.receipt()

        jobs = [worker.jobs for worker in (house.worker, second, third)]
    assert sorted(map(len, jobs)) == [0, 1, 1]
    assert receipt.details.attempts == 2


async def test_failures__worker_gives_up_in_mid_stream__is_not_tried_elsewhere(pair: Pair) -> None:
    house, second = pair
    house.worker.script = second.script = giving_up_late(WorkerFault.OUT_OF_MEMORY)

    async with house.customer.chat(stream=True) as response:
        *_, last = await read_events(response)

    assert last["error"]["code"] == "worker_failed"
    assert len(house.worker.jobs) + len(second.jobs) == 1


async def test_failures__any_of_them__leaves_no_slot_taken(pair: Pair) -> None:
    house, second = pair
    acts = [giving_up(fault) for fault in WorkerFault] + [vanish]
    turns = iter(acts)

    async def fail_somehow(worker: ScriptedWorker, job: frames.Job) -> None:
        await next(turns, vanish)(worker, job)

    house.worker.script = second.script = fail_somehow
    answers = [house.customer.chat(stream=number % 2 == 0) for number in range(6)]
    for response in await asyncio.gather(*answers):
        assert response.status >= 400
        response.release()

    receipts = await settled_receipts(house.running, 6)
    assert len(receipts) == 6
    assert in_flight(house.running) == 0
