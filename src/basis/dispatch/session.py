"""A session: one worker's live link, its slots and its leases."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field

import msgspec

from basis.dispatch.lease import Lease, LeaseFailure, now_us
from basis.dispatch.pace import UNMEASURED, Pace
from basis.rules.job import FailureReason
from basis.wire.frames import Hardware, ToWorker

_MAX_QUEUED_BYTES = 32 << 20
"""Sent frames that a worker may leave unread before its link is given up."""

_ENDED_KEPT = 1_024
"""Ended leases whose names a session remembers; more than can be on their way."""


@dataclass(eq=False, slots=True, kw_only=True)
class WorkerSession:
    """Compared by identity: a worker that reconnects has another session."""

    session_id: str
    worker_id: str
    wallet: str
    runtime: str
    models: frozenset[str]
    slots: int
    hardware: Hardware
    window: int
    offered_slots: int | None = None
    """How many jobs at once its owner's offer is for; None without one."""
    in_flight: int = 0
    last_pick: int = 0
    """When the scheduler chose it last, by its own count: spreads equal loads."""
    is_draining: bool = False
    is_closed: bool = False
    completed_jobs: int = 0
    heard_us: int = field(default_factory=now_us)
    leases: dict[str, Lease] = field(default_factory=dict[str, Lease])
    _ended: OrderedDict[str, bool] = field(default_factory=OrderedDict[str, bool])
    """Lease id -> whether the worker itself ended it."""
    _paces: dict[str, Pace] = field(default_factory=dict[str, Pace])
    idle_since_us: int = field(default_factory=now_us)
    _outbox: deque[bytes] = field(default_factory=deque[bytes])
    _outbox_bytes: int = 0
    _outbox_ready: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_routable(self) -> bool:
        """Whether a new job may be sent here, slots aside."""
        return not (self.is_draining or self.is_closed)

    @property
    def free_slots(self) -> int:
        """Jobs that may be sent here now."""
        return self.usable_slots - self.in_flight if self.is_routable else 0

    @property
    def usable_slots(self) -> int:
        """Jobs at once: what the worker has slots for, or less if its owner offers less."""
        return self.slots if self.offered_slots is None else min(self.slots, self.offered_slots)

    @property
    def load(self) -> float:
        """Jobs in flight over slots. Equal fractions are equal floats: both are rounded alike."""
        return self.in_flight / self.usable_slots

    def pace(self, model: str) -> Pace:
        """How fast it has been with the model."""
        return self._paces.get(model, UNMEASURED)

    def on_measured(self, model: str, *, busy_us: int, tokens: int) -> None:
        """One more answer of the model is complete: so many tokens took so long."""
        self._paces[model] = self.pace(model).after(busy_us=busy_us, tokens=tokens)

    def open_lease(self, lease: Lease) -> None:
        """Frames that name the lease go to it from now on."""
        self.leases[lease.lease_id] = lease

    def close_lease(self, lease: Lease) -> None:
        """Forgets the lease but for its name, by which late frames are told from foreign ones."""
        self.leases.pop(lease.lease_id, None)
        self._ended[lease.lease_id] = lease.is_ended_by_worker
        while len(self._ended) > _ENDED_KEPT:
            self._ended.popitem(last=False)

    def is_late(self, lease_id: str) -> bool:
        """Whether frames of this lease may still be on their way, because we ended it."""
        return self._ended.get(lease_id) is False

    def send(self, frame: ToWorker) -> None:
        """Queues a frame; a link whose peer reads nothing for long is closed instead."""
        if self.is_closed:
            return
        data = _encode(frame)
        self._outbox.append(data)
        self._outbox_bytes += len(data)
        self._outbox_ready.set()
        if self._outbox_bytes > _MAX_QUEUED_BYTES:
            self.close(reason=FailureReason.WORKER_LOST, detail="the worker reads no frames")

    async def next_outgoing(self) -> bytes | None:
        """The next frame to write to the socket; None once the session is closed and drained."""
        while not self._outbox:
            if self.is_closed:
                return None
            self._outbox_ready.clear()
            await self._outbox_ready.wait()
        data = self._outbox.popleft()
        self._outbox_bytes -= len(data)
        return data

    async def wait_closed(self) -> None:
        """Returns once the session is closed, by whomever."""
        await self._closed.wait()

    def drop_outgoing(self) -> None:
        """Forgets what is queued: nobody will read it."""
        self._outbox.clear()
        self._outbox_bytes = 0

    def close(self, *, reason: FailureReason, detail: str) -> None:
        """Ends the session and fails its leases; what is queued may still be written."""
        if self.is_closed:
            return
        self.is_closed = True
        self._closed.set()
        self._outbox_ready.set()
        failure = LeaseFailure(reason=reason, detail=detail, is_retryable=True)
        for lease in list(self.leases.values()):
            lease.fail(failure)


_encode = msgspec.json.Encoder().encode
