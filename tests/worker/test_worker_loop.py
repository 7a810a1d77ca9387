"""The worker's life in this process: draining, trying again, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest
import structlog
from orchestrator_double import CATALOG, OrchestratorDouble, chat_job
from running_worker import Start, begin_stuck_job, expect_soon

from basis.wire import frames
from basis.wire.registration import CatalogResponse
from basis.worker.exits import ExitCode
from basis.worker.settings import ModelChoice
from basis.worker.state import Phase


async def test_drain__asked_while_a_job_runs__finishes_it_refuses_new_ones_and_ends(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    orchestrator.window_frames = 1
    worker = start()
    connection = await orchestrator.connected()
    await begin_stuck_job(connection)
    assert await connection.next_status() == frames.Status(busy_slots=0)
    worker.stop.ask()
    assert await connection.next_status() == frames.Status(busy_slots=1, draining=True)
    await connection.send(chat_job("too late", lease_id="lease-2"))
    refused = await connection.next()
    assert isinstance(refused, frames.Failed)
    assert (refused.lease_id, refused.reason) == ("lease-2", frames.WorkerFault.DRAINING)
    await connection.send(frames.Ack(lease_id="lease-1", seq=0))
    assert isinstance((await connection.until_end("lease-1"))[-1], frames.Done)
    await worker.ended()
    await connection.closed.wait()
    assert connection.close_code == 1000


async def test_drain__ordered_by_the_orchestrator__finishes_and_connects_again(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    orchestrator.window_frames = 1
    start()
    connection = await orchestrator.connected()
    await begin_stuck_job(connection)
    await connection.send(frames.Drain(reason="a new version"))
    await connection.send(frames.Ack(lease_id="lease-1", seq=0))
    assert isinstance((await connection.until_end("lease-1"))[-1], frames.Done)
    assert (await orchestrator.connected()).hello.worker_id == "host-test"


async def test_start__orchestrator_away__keeps_trying_and_says_so(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    orchestrator.unavailable_calls = 3
    start()
    assert (await orchestrator.connected()).hello.worker_id == "host-test"


async def test_stop__while_the_orchestrator_is_away__ends_at_once(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    orchestrator.unavailable_calls = 10**9
    worker = start(backoff_first_s=3_600.0, backoff_most_s=3_600.0)
    await expect_soon(lambda: worker.board.state.phase is Phase.WAITING)
    worker.stop.ask()
    async with asyncio.timeout(5):
        await worker.ended()


async def test_refused__draining__is_tried_again(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    refused = frames.Refused(code="draining", message="restarting", retryable=True)
    orchestrator.refusals = [refused, refused]
    start()
    assert (await orchestrator.connected()).hello.worker_id == "host-test"


async def test_refused__unknown_worker__registers_again(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    orchestrator.refusals = [frames.Refused(code="unknown_worker", message="who?")]
    start()
    await orchestrator.connected()
    assert len(orchestrator.registrations) == 2


async def refuse_bad_token(orchestrator: OrchestratorDouble) -> None:
    orchestrator.refusals = [frames.Refused(code="bad_token", message="no")]


async def refuse_version(orchestrator: OrchestratorDouble) -> None:
    orchestrator.refusals = [frames.Refused(code="version", message="old")]


async def take_the_id(orchestrator: OrchestratorDouble) -> None:
    orchestrator.tokens["host-test"] = "bwt-of-someone-else"


async def forbid(orchestrator: OrchestratorDouble) -> None:
    orchestrator.register_error = (401, "invalid_api_key", "another token is needed")


async def dislike_the_wallet(orchestrator: OrchestratorDouble) -> None:
    orchestrator.register_error = (400, "invalid_wallet", "that is no address")


async def empty_the_catalog(orchestrator: OrchestratorDouble) -> None:
    orchestrator.catalog = CatalogResponse(version="empty", models=[])


@pytest.mark.parametrize(
    ("arrange", "expected"),
    [
        (refuse_bad_token, ExitCode.TOKEN_REFUSED),
        (refuse_version, ExitCode.PROTOCOL),
        (take_the_id, ExitCode.TOKEN_REFUSED),
        (forbid, ExitCode.TOKEN_REFUSED),
        (dislike_the_wallet, ExitCode.BAD_WALLET),
        (empty_the_catalog, ExitCode.NO_MODEL),
    ],
)
async def test_end__only_the_owner_can_help__has_its_exit_code(
    arrange: Callable[[OrchestratorDouble], Awaitable[None]],
    expected: ExitCode,
    orchestrator: OrchestratorDouble,
    start: Start,
) -> None:
    await arrange(orchestrator)
    assert await start().exit_code() is expected


async def test_end__another_process_took_over__does_not_fight_for_the_place(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    worker = start()
    connection = await orchestrator.connected()
    await connection.send(frames.Notice(level="error", code="duplicate", text="taken over"))
    assert await worker.exit_code() is ExitCode.TOKEN_REFUSED


async def test_end__artefact_that_the_catalog_does_not_accept__says_both_digests(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    entry = msgspec.structs.replace(CATALOG.models[0], digests=["sha256:other"])
    orchestrator.catalog = CatalogResponse(version="strict", models=[entry])
    worker = start(runtime="llamacpp", models=(ModelChoice(model="basis-tiny"),))
    assert await worker.exit_code() is ExitCode.WRONG_DIGEST
    assert orchestrator.registrations == []


async def test_log__words_of_the_orchestrator__are_short_lines_without_control_characters(
    orchestrator: OrchestratorDouble, start: Start
) -> None:
    evil = "\x1b[2J\r\n" + "x" * 900
    receipt = frames.Receipt(
        job_id=evil,
        status=evil,
        receipt_hash=evil,
        prompt_tokens=1,
        output_tokens=2,
        quality_bps=10_000,
        uptime_bps=10_000,
        latency_bps=10_000,
        reward_raw=evil,
        earned_raw="7",
    )
    with structlog.testing.capture_logs() as lines:
        orchestrator.session_id = evil
        worker = start()
        connection = await orchestrator.connected()
        await connection.send(receipt)
        for job in (chat_job("x", lease_id=evil), chat_job("x", lease_id=evil, model="none")):
            await connection.send(job)
            await connection.until_end(evil)
        await expect_soon(lambda: worker.board.state.jobs_done == 1)

    told = {line["event"]: line for line in lines}
    assert {"connected", "receipt", "job", "job_refused"} <= told.keys()
    words = [word for line in lines for word in line.values() if isinstance(word, str)]
    assert [word for word in words if not word.isprintable() or len(word) > 300] == []


@pytest.mark.parametrize(
    ("runtime", "models", "expected"),
    [
        ("llamacpp", (ModelChoice(model="basis-tiny", local="/no/such.gguf"),), ExitCode.NO_MODEL),
        ("llamacpp", (ModelChoice(model="basis-huge"),), ExitCode.NO_MODEL),
        ("echo", (ModelChoice(model="basis-tiny"),), ExitCode.NO_MODEL),
        ("ollama", (ModelChoice(model="basis-tiny"),), ExitCode.NO_RUNTIME),
        ("openai", (ModelChoice(model="basis-tiny"),), ExitCode.NO_RUNTIME),
        ("comfyui", (), ExitCode.USAGE),
    ],
)
async def test_end__runtime_or_model_missing__has_its_exit_code(
    runtime: str,
    models: tuple[ModelChoice, ...],
    expected: ExitCode,
    orchestrator: OrchestratorDouble,
    start: Start,
) -> None:
    nowhere = "http://127.0.0.1:9"  # the discard port, where nothing listens
    worker = start(runtime=runtime, models=models, runtime_url=nowhere)
    assert await worker.exit_code() is expected
    assert orchestrator.registrations == []
