"""A lease: one job on one worker, from its sending to its one end.

The link puts frames in, the job's customer takes them out. In between they wait in a buffer that
the window bounds: a worker may have only so many frames unacknowledged, and frames are
acknowledged when the customer has taken them. So a slow customer stops its own job and no other.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass

from basis.rules.job import FailureReason, JobId
from basis.wire.frames import Chunk, Done, Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseFailure:
    """Why a lease ended without an answer.

    `detail` is for the log, never for the customer, and in our own words alone: what a worker says
    may quote the prompt.
    """

    reason: FailureReason
    detail: str
    is_retryable: bool
    """Whether another worker might do better with the same job."""


class LinkViolation(Exception):
    """The worker broke the protocol; the message is for its owner and the log, in our own words."""


def now_us() -> int:
    """Microseconds of the monotonic clock, by which leases are timed."""
    return time.monotonic_ns() // 1_000


class Lease:
    """Frames in, frames out, one end. All calls come from the event loop's thread."""

    __slots__ = (
        "_ack_every",
        "_end",
        "_frames",
        "_received",
        "_unacked",
        "_waiter",
        "_window",
        "_window_full_us",
        "calls_begun",
        "first_frame_us",
        "held_up_us",
        "is_ended_by_worker",
        "job_id",
        "last_frame_us",
        "lease_id",
        "model",
        "sent_us",
        "waiting_since_us",
        "worker_id",
    )

    def __init__(
        self, *, lease_id: str, job_id: JobId, worker_id: str, model: str, window: int
    ) -> None:
        self.lease_id = lease_id
        self.job_id = job_id
        self.worker_id = worker_id
        self.model = model
        self.sent_us = now_us()
        self.first_frame_us: int | None = None
        self.last_frame_us: int | None = None
        self.waiting_since_us: int | None = None
        """Since when the customer waits for the worker; None while it does not."""
        self.held_up_us = 0
        """How long a full window kept the worker from writing: its customer's time, not its own."""
        self.calls_begun = 0
        """Tool calls of which some piece has come."""
        self.is_ended_by_worker = False
        """Whether the worker itself said that it is over, after which it may say nothing more."""
        self._window_full_us: int | None = None
        self._window = window
        self._ack_every = max(1, window // 4)
        self._received = 0
        self._unacked = 0
        self._frames: deque[Chunk | Vector] = deque()
        self._end: Done | LeaseFailure | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def end(self) -> Done | LeaseFailure | None:
        """How the lease ended; None while it runs."""
        return self._end

    def on_frame(self, frame: Chunk | Vector) -> None:
        """Takes in the next frame of the answer.

        Raises:
            LinkViolation: out of order, after the end, or beyond the window.
        """
        if self._end is not None:
            raise LinkViolation(f"frame {frame.seq} of {self.lease_id} came after its end")
        if frame.seq != self._received:
            raise LinkViolation(
                f"frame {frame.seq} of {self.lease_id} came where {self._received} was due"
            )
        unacked = len(self._frames) + self._unacked
        if unacked >= self._window:
            raise LinkViolation(
                f"{self.lease_id} has more than {self._window} frames unacknowledged"
            )
        now = now_us()
        if self.first_frame_us is None and _has_content(frame):
            self.first_frame_us = now
        self.last_frame_us = now
        if unacked + 1 == self._window:
            self._window_full_us = now
        self._received += 1
        self._frames.append(frame)
        self._wake()

    def on_done(self, done: Done) -> None:
        """The worker says that the answer is complete.

        Raises:
            LinkViolation: it ended before, or frames are missing.
        """
        if self._end is not None:
            raise LinkViolation(f"{self.lease_id} ended twice")
        if done.frames != self._received:
            raise LinkViolation(
                f"{self.lease_id} ends after {done.frames} frames, but {self._received} came"
            )
        if self.last_frame_us is None:
            self.last_frame_us = now_us()
        if self.first_frame_us is None:
            self.first_frame_us = self.last_frame_us
        self._end = done
        self.is_ended_by_worker = True
        self._wake()

    def on_failed(self, failure: LeaseFailure) -> None:
        """The worker gives the lease back.

        Raises:
            LinkViolation: it ended before.
        """
        if self._end is not None:
            raise LinkViolation(f"{self.lease_id} ended twice")
        self.is_ended_by_worker = True
        self.fail(failure)

    def fail(self, failure: LeaseFailure) -> None:
        """Ends the lease without an answer; frames that came before can still be taken."""
        if self._end is None:
            self._end = failure
            self._wake()

    async def next_frames(self) -> list[Chunk | Vector]:
        """All frames that wait, after at least one came; an empty list once the lease has ended."""
        if not self._frames and self._end is None:
            self._waiter = asyncio.get_running_loop().create_future()
            self.waiting_since_us = now_us()
            try:
                await self._waiter
            finally:
                self._waiter = None
                self.waiting_since_us = None
        frames = list(self._frames)
        self._frames.clear()
        self._unacked += len(frames)
        return frames

    def take_ack(self, *, force: bool = False) -> int | None:
        """The `seq` to acknowledge now that all taken frames are consumed; None if not yet due."""
        if self._unacked == 0 or (self._unacked < self._ack_every and not force):
            return None
        self._unacked = 0
        if self._window_full_us is not None:
            self.held_up_us += now_us() - self._window_full_us
            self._window_full_us = None
        return self._received - len(self._frames) - 1

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _has_content(frame: Chunk | Vector) -> bool:
    """Whether a customer sees anything of it: an empty first chunk must not count as fast."""
    if isinstance(frame, Vector):
        return True
    return bool(frame.text or frame.reasoning or frame.tool_calls)
