"""Deadlines of a job: in the queue, to the first token, between tokens, and altogether."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from basis.dispatch.lease import now_us
from basis.wire import frames
from tests.support.answers import expect_error, read_events
from tests.support.house import House, open_house
from tests.support.orchestrators import stored_receipts, until
from tests.support.scripted_worker import ScriptedWorker, say_hello

JOBS = {"first_token_timeout_s": 120.0, "stall_timeout_s": 60.0, "total_timeout_s": 900.0}


async def say_nothing(_worker: ScriptedWorker, _job: frames.Job) -> None:
    """Takes the job, and never answers."""


async def begin(worker: ScriptedWorker, job: frames.Job) -> None:
    """Begins an answer, and never goes on."""
    await worker.chunk(job, 0, "Half an ")


def let_time_pass(house: House, seconds: float) -> None:
    """The deadlines are looked at as if so much time had passed."""
    house.context.dispatcher.expire_leases(now=now_us() + int(seconds * 1e6))


async def until_it_waits(house: House, *, has_frame: bool) -> None:
    """Until the only lease's customer waits for the worker, after a frame or before any."""

    def is_waiting() -> bool:
        leases = list(house.session.leases.values())
        return bool(leases) and (
            leases[0].waiting_since_us is not None
            and (leases[0].first_frame_us is not None) is has_frame
        )

    await until(is_waiting)


async def test_deadlines__no_first_token__is_cancelled_and_tried_elsewhere(tmp_path: Path) -> None:
    async with open_house(tmp_path, script=say_nothing, **JOBS) as house:
        asking = asyncio.ensure_future(house.customer.chat())
        await until_it_waits(house, has_frame=False)
        async with ScriptedWorker(house.running.url, worker_id="scripted-2", script=say_hello):
            let_time_pass(house, 119)
            assert not house.worker.cancelled
            let_time_pass(house, 121)

            async with await asking as response:
                assert response.status == 200, await response.text()
        receipt = await house.receipt()
        await house.worker.wait_for(lambda worker: worker.cancelled)

    assert receipt.details.attempts == 2
    assert house.worker.cancelled == [house.worker.jobs[0].lease_id]


async def test_deadlines__no_first_token_anywhere__fails(tmp_path: Path) -> None:
    async with open_house(tmp_path, script=say_nothing, **JOBS) as house:
        asking = asyncio.ensure_future(house.customer.chat(stream=True))
        await until_it_waits(house, has_frame=False)
        let_time_pass(house, 121)

        async with await asking as response:
            await expect_error(response, 502, "first_token_timeout")
        receipt = await house.receipt()

    assert receipt.details.failure_reason == "first_token_timeout"
    assert receipt.core.total_charged_raw == 0


async def test_deadlines__stalls_in_mid_stream__says_so_in_band(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path, script=begin, **JOBS) as house,
        house.customer.chat(stream=True) as response,
    ):
        await until_it_waits(house, has_frame=True)
        let_time_pass(house, 59)
        assert house.session.leases
        let_time_pass(house, 61)

        *_, last = await read_events(response)
        receipt = await house.receipt()

    assert last["error"]["code"] == "stalled"
    assert (receipt.status.value, receipt.core.total_charged_raw) == ("failed", 0)


async def test_deadlines__takes_too_long_altogether__is_not_tried_elsewhere(tmp_path: Path) -> None:
    patient = {**JOBS, "first_token_timeout_s": 10_000.0, "stall_timeout_s": 10_000.0}
    async with (
        open_house(tmp_path, script=begin, **patient) as house,
        ScriptedWorker(house.running.url, worker_id="scripted-2", script=begin) as second,
    ):
        asking = asyncio.ensure_future(house.customer.chat())
        await until(lambda: bool(house.worker.jobs or second.jobs))
        let_time_pass(house, 899)
        let_time_pass(house, 901)

        async with await asking as response:
            await expect_error(response, 502, "timeout")
        assert len(house.worker.jobs) + len(second.jobs) == 1


async def test_deadlines__late_frames_of_a_lease_given_up__are_ignored(tmp_path: Path) -> None:
    async with open_house(tmp_path, script=say_nothing, **JOBS) as house:
        asking = asyncio.ensure_future(house.customer.chat())
        await until_it_waits(house, has_frame=False)
        let_time_pass(house, 121)
        async with await asking as response:
            await expect_error(response, 502, "first_token_timeout")

        await house.worker.answer(house.worker.jobs[0], ["too", "late"])
        house.worker.script = say_hello
        async with house.customer.chat() as response:
            assert response.status == 200, await response.text()

    assert not house.worker.of_kind(frames.Notice)[:-1]


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_deadlines__no_slot_comes_free__is_told_to_come_again(
    tmp_path: Path, is_streamed: bool
) -> None:
    async with open_house(tmp_path, script=say_nothing, slots=1, queue_timeout_s=0.05) as house:
        first = asyncio.ensure_future(house.customer.chat())
        await until(lambda: bool(house.worker.jobs))

        async with house.customer.chat(stream=is_streamed) as response:
            await expect_error(response, 503, "queue_timeout")
        (receipt,) = stored_receipts(house.running)
        first.cancel()

    assert int(response.headers["Retry-After"]) > 0
    assert receipt.details.attempts == 0
    assert receipt.core.worker_id == ""


async def test_deadlines__watch__looks_at_them_by_itself(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path, script=say_nothing, first_token_timeout_s=0.01) as house,
        house.customer.chat() as response,
    ):
        await expect_error(response, 502, "first_token_timeout")
