"""One lease: numbering, the window, cancelling, and giving back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import msgspec
import pytest
from orchestrator_double import chat_job

from basis.wire.frames import (
    Chunk,
    Done,
    Failed,
    FinishReason,
    FromWorker,
    Job,
    Vector,
    WorkerFault,
)
from basis.wire.registration import RuntimeName
from basis.worker.lease import Lease
from basis.worker.link import LinkLost
from basis.worker.runtimes.base import (
    Finish,
    Piece,
    RuntimeFacts,
    RuntimeFailure,
    TextPiece,
    VectorPiece,
)
from basis.worker.state import LeaseOutcome


class ScriptedRuntime:
    """Gives the pieces that a test wrote down, and tells how far it was read."""

    name = RuntimeName.ECHO

    def __init__(self, *script: Piece | Exception) -> None:
        self.script = script
        self.given = 0
        self.is_closed = False

    async def start(self) -> None: ...

    async def facts(self) -> RuntimeFacts:
        return RuntimeFacts(version="", offers=())

    async def run(self, _job: Job) -> AsyncGenerator[Piece, None]:
        try:
            for piece in self.script:
                self.given += 1
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.is_closed = True

    async def stop(self) -> None: ...


class Outbox:
    """The frames that were sent; it breaks after `limit` of them."""

    def __init__(self, limit: int = 1_000) -> None:
        self.frames: list[FromWorker] = []
        self._limit = limit

    async def send(self, frame: FromWorker) -> None:
        if len(self.frames) >= self._limit:
            raise LinkLost("broken")
        self.frames.append(frame)
        await asyncio.sleep(0)


def words(count: int) -> list[TextPiece]:
    return [TextPiece(text=f"w{number} ") for number in range(count)]


FINISH = Finish(finish_reason=FinishReason.STOP, prompt_tokens=3, output_tokens=4)


def make_lease(runtime: ScriptedRuntime, outbox: Outbox, *, window: int = 100) -> Lease:
    return Lease(
        chat_job("x"),
        runtime=runtime,
        slots=asyncio.Semaphore(1),
        send=outbox.send,
        window_frames=window,
    )


async def test_lease__whole_answer__is_numbered_from_zero_and_done_last() -> None:
    outbox = Outbox()
    runtime = ScriptedRuntime(TextPiece(text="a"), VectorPiece(index=0, values=[0.5]), FINISH)
    end = await make_lease(runtime, outbox).run()
    assert outbox.frames == [
        Chunk(lease_id="lease-1", seq=0, text="a"),
        Vector(lease_id="lease-1", seq=1, index=0, values=[0.5]),
        Done(lease_id="lease-1", frames=2, prompt_tokens=3, output_tokens=4),
    ]
    assert (end.outcome, end.frames, end.output_tokens) == (LeaseOutcome.DONE, 2, 4)


async def test_lease__full_window__leaves_the_runtime_unread_until_an_ack() -> None:
    outbox, runtime = Outbox(), ScriptedRuntime(*words(10), FINISH)
    lease = make_lease(runtime, outbox, window=3)
    running = asyncio.create_task(lease.run())
    for acked, expected in ((None, 3), (0, 4), (2, 6), (99, 9)):
        if acked is not None:
            lease.on_ack(acked)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(outbox.frames) == expected
        assert runtime.given == expected + 1  # the one that waits for room
    lease.on_ack(8)
    assert (await running).outcome is LeaseOutcome.DONE
    assert [frame.seq for frame in outbox.frames[:-1]] == list(range(10))


async def test_lease__cancelled__closes_the_runtime_and_says_nothing_more() -> None:
    outbox, runtime = Outbox(), ScriptedRuntime(*words(10), FINISH)
    running = asyncio.create_task(make_lease(runtime, outbox, window=2).run())
    for _ in range(20):
        await asyncio.sleep(0)
    running.cancel()
    end = await running
    assert (end.outcome, len(outbox.frames), runtime.is_closed) == (
        LeaseOutcome.CANCELLED,
        2,
        True,
    )


async def test_lease__runtime_fails__gives_back_with_the_reason() -> None:
    outbox = Outbox()
    failure = RuntimeFailure(WorkerFault.OUT_OF_MEMORY, "d" * 900)
    end = await make_lease(ScriptedRuntime(TextPiece(text="a"), failure), outbox).run()
    assert outbox.frames[-1] == Failed(
        lease_id="lease-1", reason=WorkerFault.OUT_OF_MEMORY, detail="d" * 500
    )
    assert (end.outcome, end.reason) == (LeaseOutcome.FAILED, "out_of_memory")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([TextPiece(text="a")], WorkerFault.RUNTIME_TRUNCATED),
        ([ZeroDivisionError("a fault of ours")], WorkerFault.RUNTIME_ERROR),
    ],
)
async def test_lease__no_finish_or_a_fault_of_ours__fails_this_job_only(
    script: list[Piece | Exception], reason: WorkerFault
) -> None:
    outbox = Outbox()
    await make_lease(ScriptedRuntime(*script), outbox).run()
    last = outbox.frames[-1]
    assert isinstance(last, Failed)
    assert last.reason is reason


async def test_lease__deadline_passed__gives_back() -> None:
    outbox, runtime = Outbox(), ScriptedRuntime(*words(5), FINISH)
    job = msgspec.structs.replace(chat_job("x"), timeout_s=0)
    end = await Lease(
        job, runtime=runtime, slots=asyncio.Semaphore(1), send=outbox.send, window_frames=1
    ).run()
    assert end.outcome is LeaseOutcome.FAILED
    assert runtime.is_closed or runtime.given == 0


async def test_lease__link_breaks__ends_the_runtime() -> None:
    runtime = ScriptedRuntime(*words(10), FINISH)
    end = await make_lease(runtime, Outbox(limit=2)).run()
    assert (end.outcome, runtime.is_closed) == (LeaseOutcome.LINK_LOST, True)
