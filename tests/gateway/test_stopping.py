"""A graceful stop: what runs may finish, what comes is refused, what is cut off has failed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from basis.accounting.recompute import recompute
from basis.app import run_orchestrator
from basis.storage.database import open_database
from basis.storage.job_store import load_open_jobs
from basis.storage.receipt_store import StoredReceipt, iterate_receipts
from basis.wire import frames
from tests.support.answers import expect_error
from tests.support.orchestrators import Customer, prepare_folder, quick_settings, until
from tests.support.scripted_worker import ScriptedWorker


def read_receipts(folder: Path) -> list[StoredReceipt]:
    """The receipts of a folder whose orchestrator has stopped; nothing is left open there."""
    engine = open_database(folder, create=False)
    with engine.connect() as connection:
        assert load_open_jobs(connection) == []
        assert recompute(connection).difference is None
        found = list(iterate_receipts(connection))
    engine.dispose()
    return found


async def test_stop__running_job__finishes_within_the_grace_period(tmp_path: Path) -> None:
    hold = asyncio.Event()

    async def answer_late(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.chunk(job, 0, "Hello")
        await hold.wait()
        await worker.chunk(job, 1, " there.")
        await worker.done(job, 2)

    key = prepare_folder(tmp_path)
    network = run_orchestrator(quick_settings(tmp_path, shutdown_grace_s=20))
    running = await network.__aenter__()
    customer = Customer(running.url, key)
    async with ScriptedWorker(running.url, script=answer_late) as worker:
        async with customer.chat(stream=True) as response:
            await response.content.readuntil(b"Hello")
            stopping = asyncio.create_task(network.__aexit__(None, None, None))
            await worker.wait_for(lambda w: w.of_kind(frames.Notice))
            async with customer.chat() as refused:
                await expect_error(refused, 503, "runtime_pending")
            async with customer.get("/readyz") as ready:
                assert (ready.status, (await ready.json())["problems"]) == (503, ["stopping"])
            hold.set()
            rest = (await response.content.read()).decode()
        await stopping
    await customer.http.close()

    (receipt,) = read_receipts(tmp_path)
    assert " there." in rest
    assert rest.endswith("data: [DONE]\n\n")
    assert refused.headers["Retry-After"]
    assert (receipt.status.value, receipt.details.finish_reason) == ("completed", "stop")


async def test_stop__job_outlasts_the_grace_period__has_failed_and_costs_nothing(
    tmp_path: Path,
) -> None:
    async def begin(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.chunk(job, 0, "Half an ")

    key = prepare_folder(tmp_path)
    network = run_orchestrator(quick_settings(tmp_path, shutdown_grace_s=0))
    running = await network.__aenter__()
    customer = Customer(running.url, key)
    async with ScriptedWorker(running.url, script=begin, slots=1) as worker:
        async with customer.chat(stream=True) as response:
            while b"Half an " not in await response.content.readline():
                pass
            queued = asyncio.ensure_future(customer.chat())
            scheduler = running.context.dispatcher.scheduler
            await until(lambda: scheduler.queue_length("basis-tiny") == 1)

            await network.__aexit__(None, None, None)

            *_, last = await read_rest(response)
            async with await queued as refused:
                await expect_error(refused, 503, "runtime_pending")
        await worker.closed.wait()
    await customer.http.close()

    receipts = read_receipts(tmp_path)
    assert last["error"]["code"] == "orchestrator_stopped"
    assert sorted(receipt.status.value for receipt in receipts) == ["failed", "failed"]
    assert {receipt.details.failure_reason for receipt in receipts} == {
        "orchestrator_stopped",
        "no_worker",
    }
    assert sum(receipt.core.total_charged_raw for receipt in receipts) == 0


async def read_rest(response) -> list[object]:  # type: ignore[no-untyped-def]  # aiohttp's response
    """The events that are still to come."""
    lines = (await response.content.read()).decode().split("\n")
    return [msgspec.json.decode(line[6:]) for line in lines if line.startswith("data: {")]


async def test_stop__presence__is_written_and_counts_after_a_restart(tmp_path: Path) -> None:
    key = prepare_folder(tmp_path)
    async with (
        run_orchestrator(quick_settings(tmp_path)) as running,
        ScriptedWorker(running.url) as worker,
    ):
        assert worker.welcome is not None

    async with run_orchestrator(quick_settings(tmp_path)) as running:
        customer = Customer(running.url, key)
        async with customer.get("/api/workers/scripted-1") as response:
            described = await response.json()
        await customer.http.close()

    assert described["state"] == "offline"
    assert described["online_minutes_24h"] >= 1


async def test_stop__connected_worker__is_told_why(tmp_path: Path) -> None:
    prepare_folder(tmp_path)
    network = run_orchestrator(quick_settings(tmp_path))
    running = await network.__aenter__()
    async with ScriptedWorker(running.url) as worker:
        await network.__aexit__(None, None, None)
        await worker.closed.wait()

    (notice,) = worker.of_kind(frames.Notice)
    assert (notice.level, notice.code) == ("info", "restarting")
