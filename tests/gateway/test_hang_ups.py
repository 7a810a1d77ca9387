"""Customers who leave: the worker is told, the slot is free, the receipt is right."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from basis.rules.units import AmountRaw
from basis.wire import frames
from tests.support.house import House, open_house
from tests.support.orchestrators import in_flight, settled_receipts, until
from tests.support.scripted_worker import ScriptedWorker, say_hello

NOTHING = AmountRaw(0)


async def say_nothing(_worker: ScriptedWorker, _job: frames.Job) -> None:
    """Takes the job, and never answers."""


async def begin(worker: ScriptedWorker, job: frames.Job) -> None:
    """Begins an answer, and never goes on."""
    await worker.chunk(job, 0, "Hello there.")


async def until_cancelled(house: House) -> None:
    """Until the worker was told to stop its only lease."""
    await house.worker.wait_for(lambda worker: worker.cancelled)
    assert house.worker.cancelled == [house.worker.jobs[0].lease_id]


async def test_hang_up__in_mid_stream__is_charged_for_what_was_delivered(tmp_path: Path) -> None:
    async with open_house(tmp_path, script=begin) as house:
        async with house.customer.chat(stream=True) as response:
            await response.content.readuntil(b"there.")
            response.close()
            await until_cancelled(house)
        receipt = await house.receipt()
        usage = await house.usage()

    assert (receipt.status.value, receipt.details.finish_reason) == ("completed", "cancelled")
    assert receipt.core.prompt_tokens == usage["prompt_tokens"]
    assert receipt.core.output_tokens == usage["completion_tokens"]
    assert receipt.core.total_charged_raw > NOTHING
    assert receipt.core.worker_reward_raw > NOTHING


async def test_hang_up__frames_still_on_their_way__are_not_charged(tmp_path: Path) -> None:
    async with open_house(tmp_path, script=begin) as house:
        async with house.customer.chat(stream=True) as response:
            await response.content.readuntil(b"there.")
            response.close()
            await until_cancelled(house)
        job = house.worker.jobs[0]
        await house.worker.chunk(job, 1, "More. " * 100)
        await house.worker.done(job, 2, output_tokens=500)
        receipt = await house.receipt()
        usage = await house.usage()

        house.worker.script = say_hello
        async with house.customer.chat() as response:
            assert response.status == 200, "late frames must not break the link"

    assert receipt.core.output_tokens == usage["completion_tokens"]
    assert receipt.details.evidence.claimed_output_tokens == 0


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_hang_up__before_the_first_token__costs_nothing(
    tmp_path: Path, is_streamed: bool
) -> None:
    async with open_house(tmp_path, script=say_nothing) as house:
        asking = asyncio.ensure_future(house.customer.chat(stream=is_streamed))
        await until(lambda: bool(house.worker.jobs))
        asking.cancel()
        await until_cancelled(house)
        receipt = await house.receipt()

    assert receipt.status.value == "cancelled"
    assert receipt.details.failure_reason == "customer_left"
    assert receipt.core.total_charged_raw == receipt.core.worker_reward_raw == NOTHING
    assert receipt.core.output_tokens == 0


async def test_hang_up__unstreamed_answer_half_written__costs_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path, script=begin, window_frames=4) as house:
        asking = asyncio.ensure_future(house.customer.chat())
        await house.worker.wait_for(lambda worker: bool(worker.acked))
        asking.cancel()
        await until_cancelled(house)
        receipt = await house.receipt()

    assert (receipt.status.value, receipt.core.total_charged_raw) == ("cancelled", 0)


async def test_hang_up__in_the_queue__costs_nothing_and_reaches_no_worker(tmp_path: Path) -> None:
    async with open_house(tmp_path, script=say_nothing, slots=1) as house:
        scheduler = house.context.dispatcher.scheduler
        first = asyncio.ensure_future(house.customer.chat())
        await until(lambda: bool(house.worker.jobs))
        queued = asyncio.ensure_future(house.customer.chat())
        await until(lambda: scheduler.queue_length("basis-tiny") == 1)

        queued.cancel()
        await until(lambda: scheduler.queue_length("basis-tiny") == 0)
        first.cancel()
        receipts = await settled_receipts(house.running, 2)

    assert [receipt.status.value for receipt in receipts] == ["cancelled"] * 2
    assert sorted(receipt.core.worker_id for receipt in receipts) == ["", "scripted-1"]
    assert sum(receipt.core.total_charged_raw for receipt in receipts) == 0
    assert len(house.worker.jobs) == 1


async def test_hang_up__over_and_over__leaves_every_slot_free(tmp_path: Path) -> None:
    async with open_house(tmp_path, script=begin, slots=2) as house:
        for number in range(8):
            async with house.customer.chat(stream=True) as response:
                await response.content.readuntil(b"there.")
                response.close()
                await until(lambda number=number: len(house.worker.cancelled) > number)
        receipts = await settled_receipts(house.running, 8)
        assert in_flight(house.running) == 0
        assert not house.session.leases

    assert len({receipt.core.job_id for receipt in receipts}) == len(receipts) == 8
