"""A request may be cancelled at any await: one receipt, no slot taken, the ledger at zero."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from basis.accounting.recompute import recompute
from basis.gateway.acceptance import accept_job, find_model
from basis.gateway.job_run import JobRun
from basis.gateway.keys import Customer
from basis.gateway.sinks import Collector
from basis.gateway.wishes import Wish
from basis.rules.catalog import ModelKind
from basis.rules.job import UserId
from basis.rules.units import TokenCount
from basis.storage.job_store import load_open_jobs
from basis.storage.ledger_store import iterate_entries
from basis.wire.frames import JobKind
from tests.support.house import House, open_house
from tests.support.orchestrators import in_flight, next_turn, settled_receipts

TURNS = range(60)


class EagerSink(Collector):
    """Counts as delivered whatever it got, as a stream does, and waits a turn at each frame."""

    async def deliver(self, frames) -> None:  # type: ignore[no-untyped-def, override]  # as Sink
        self.has_delivered = True
        await next_turn()
        await super().deliver(frames)


def start_job(house: House, sink: Collector) -> asyncio.Task[object]:
    """A job's run as a task of its own."""
    customer = Customer(key_id="k", user_id=UserId("user-1"), user_wallet="")
    model, meter = find_model(house.context, customer, "basis-tiny", ModelKind.CHAT)
    job = accept_job(
        house.context,
        customer=customer,
        model=model,
        meter=meter,
        kind=JobKind.CHAT,
        request=b'{"model":"basis-tiny","messages":[{"role":"user","content":"x"}]}',
        prompt_tokens=TokenCount(7),
        max_tokens=TokenCount(20),
        wish=Wish(preference=None, promise=None),
        rate=house.context.rates.reserve(customer),
    )
    return asyncio.create_task(JobRun(house.context, job, sink).run())


async def wait_for_lease(house: House, tasks: list[asyncio.Task[object]]) -> None:
    """Until one of the jobs is with the worker, or all have ended."""
    while not in_flight(house.running) and not all(task.done() for task in tasks):
        await next_turn()


async def cancel_after(task: asyncio.Task[object], turns: int) -> None:
    """Cancels the task after so many turns of the loop, and hears how it ended."""
    for _ in range(turns):
        await next_turn()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("sink_class", [Collector, EagerSink])
@pytest.mark.parametrize("jobs_at_once", [1, 3])
@pytest.mark.parametrize("since", ["acceptance", "lease"])
async def test_cancellation__after_any_number_of_turns__leaves_one_receipt_and_no_slot(
    tmp_path: Path, sink_class: type[Collector], jobs_at_once: int, since: str
) -> None:
    async with open_house(tmp_path, slots=1) as house:
        for turns in TURNS:
            tasks = [start_job(house, sink_class()) for _ in range(jobs_at_once)]
            if since == "lease":
                await wait_for_lease(house, tasks)
            await asyncio.gather(*(cancel_after(task, turns) for task in tasks))
        started = len(TURNS) * jobs_at_once
        receipts = await settled_receipts(house.running, started)

        assert in_flight(house.running) == 0
        assert not house.session.leases
        assert len({receipt.core.job_id for receipt in receipts}) == len(receipts) == started
        with house.context.engine.connect() as connection:
            assert load_open_jobs(connection) == []
            assert recompute(connection).difference is None
            postings = [p for entry in iterate_entries(connection) for p in entry.postings]
    for asset in {posting.asset for posting in postings}:
        assert sum(posting.amount_raw for posting in postings if posting.asset == asset) == 0
    statuses = {receipt.status.value for receipt in receipts}
    assert "cancelled" in statuses


async def test_cancellation__of_the_request_itself__leaves_one_receipt_per_job(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, slots=2) as house:
        for turns in range(0, 40, 2):
            asking = asyncio.ensure_future(house.customer.chat(stream=turns % 4 == 0))
            for _ in range(turns):
                await next_turn()
            asking.cancel()
        async with house.customer.chat() as response:
            assert response.status == 200
        receipts = await settled_receipts(house.running)
        assert in_flight(house.running) == 0
        assert house.context.keys._running == {}
        with house.context.engine.connect() as connection:
            assert load_open_jobs(connection) == []
            assert recompute(connection).difference is None

    assert len({receipt.core.job_id for receipt in receipts}) == len(receipts)
