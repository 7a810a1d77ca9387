"""One running job: pieces of the runtime become numbered frames, as many as the window allows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace

import msgspec
import structlog

from basis.wire.frames import (
    Chunk,
    Done,
    Failed,
    FromWorker,
    Job,
    Vector,
    WorkerFault,
)
from basis.worker.chunk_parts import split_piece
from basis.worker.foreign_words import shorten
from basis.worker.link import LinkLost
from basis.worker.runtimes.base import (
    Finish,
    Runtime,
    RuntimeFailure,
    TextPiece,
    VectorPiece,
    whole_answer,
)
from basis.worker.state import LeaseEnd, LeaseOutcome

_MAX_DETAIL_CHARACTERS = 500

Send = Callable[[FromWorker], Awaitable[None]]


class Lease:
    """A job on its way. While the window is full the runtime's stream is left unread.

    It waits for one of `slots`, so that the runtime never gets more than it was offered for.
    """

    def __init__(
        self,
        job: Job,
        *,
        runtime: Runtime,
        slots: asyncio.Semaphore,
        send: Send,
        window_frames: int,
    ) -> None:
        self.job = job
        self._slots = slots
        self._runtime = runtime
        self._send = send
        self._window_frames = max(1, window_frames)
        self._next_seq = 0
        self._acked_seq = -1
        self._acked = asyncio.Event()

    def on_ack(self, seq: int) -> None:
        """Frames up to `seq` were consumed, so that as many more may be sent."""
        self._acked_seq = min(max(self._acked_seq, seq), self._next_seq - 1)
        self._acked.set()

    async def run(self) -> LeaseEnd:
        """Answers the job to its end. Cancelling it stops the runtime and sends nothing more."""
        started_s = time.monotonic()
        try:
            async with asyncio.timeout(self.job.timeout_s):
                finish = await self._answer()
        except asyncio.CancelledError:
            return self._end(LeaseOutcome.CANCELLED, started_s)
        except LinkLost:
            return self._end(LeaseOutcome.LINK_LOST, started_s)
        except RuntimeFailure as failure:
            return await self._give_back(failure, started_s)
        except TimeoutError:
            detail = f"no end within {self.job.timeout_s} s"
            return await self._give_back(
                RuntimeFailure(WorkerFault.RUNTIME_ERROR, detail), started_s
            )
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end other jobs
            structlog.get_logger().exception("lease_fault", lease_id=shorten(self.job.lease_id))
            detail = f"a fault of the worker: {type(error).__name__}"
            return await self._give_back(
                RuntimeFailure(WorkerFault.RUNTIME_ERROR, detail), started_s
            )
        return self._end(LeaseOutcome.DONE, started_s, finish=finish)

    def never_run(self) -> LeaseEnd:
        """The end of a lease that was cancelled before `run` took its first step."""
        return self._end(LeaseOutcome.CANCELLED, time.monotonic())

    async def _answer(self) -> Finish:
        async with self._slots, aclosing(self._runtime.run(self.job)) as pieces:
            async for piece in whole_answer(pieces):
                if isinstance(piece, Finish):
                    await self._send_done(piece)
                    return piece
                for part in split_piece(piece):
                    await self._wait_for_room()
                    await self._send(_frame_of(part, self.job.lease_id, self._next_seq))
                    self._next_seq += 1
        raise RuntimeFailure(WorkerFault.RUNTIME_TRUNCATED, "the answer ended without a finish")

    async def _wait_for_room(self) -> None:
        while self._next_seq - self._acked_seq > self._window_frames:
            self._acked.clear()
            await self._acked.wait()

    async def _send_done(self, finish: Finish) -> None:
        await self._send(
            Done(
                lease_id=self.job.lease_id,
                frames=self._next_seq,
                finish_reason=finish.finish_reason,
                prompt_tokens=finish.prompt_tokens,
                output_tokens=finish.output_tokens,
            )
        )

    async def _give_back(self, failure: RuntimeFailure, started_s: float) -> LeaseEnd:
        detail = failure.detail[:_MAX_DETAIL_CHARACTERS]
        frame = Failed(lease_id=self.job.lease_id, reason=failure.reason, detail=detail)
        try:
            await self._send(frame)
        except (LinkLost, asyncio.CancelledError):
            return self._end(LeaseOutcome.LINK_LOST, started_s)
        end = self._end(LeaseOutcome.FAILED, started_s)
        return replace(end, reason=failure.reason.value, detail=detail)

    def _end(
        self, outcome: LeaseOutcome, started_s: float, *, finish: Finish | None = None
    ) -> LeaseEnd:
        return LeaseEnd(
            lease_id=self.job.lease_id,
            job_id=self.job.job_id,
            model=self.job.model,
            outcome=outcome,
            elapsed_s=time.monotonic() - started_s,
            frames=self._next_seq,
            prompt_tokens=finish.prompt_tokens if finish else 0,
            output_tokens=finish.output_tokens if finish else 0,
        )


def _frame_of(piece: TextPiece | VectorPiece, lease_id: str, seq: int) -> Chunk | Vector:
    if isinstance(piece, VectorPiece):
        return Vector(lease_id=lease_id, seq=seq, index=piece.index, values=piece.values)
    return Chunk(
        lease_id=lease_id,
        seq=seq,
        text=piece.text,
        reasoning=piece.reasoning,
        tool_calls=list(piece.tool_calls),
        logprobs=msgspec.UNSET if piece.logprobs is None else piece.logprobs,
        token_ids=list(piece.token_ids),
    )
