"""The front of this room: leases for the gateway, sessions for the link, time for both.

A `lease` context holds a slot, a lease and its cancellation together, so that none of the three can
leak, whatever the customer or the worker does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import msgspec

from basis.config import JobSettings
from basis.dispatch.choice import ANYBODY, Choice
from basis.dispatch.lease import Lease, LeaseFailure, now_us
from basis.dispatch.scheduler import Scheduler
from basis.dispatch.session import WorkerSession
from basis.rules.job import FailureReason, JobId
from basis.wire.frames import Ack, Cancel, Done, Job, JobKind, Notice

_SWEEP_S = 0.25
"""How often deadlines are looked at: they are tens of seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOrder:
    """A job as a worker gets it. `request` is canonical JSON in OpenAI's shape."""

    job_id: JobId
    kind: JobKind
    model: str
    request: bytes
    choice: Choice = ANYBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLease:
    """A lease with the session that holds it."""

    lease: Lease
    session: WorkerSession

    def acknowledge(self) -> None:
        """Tells the worker that the frames taken so far are consumed, when that is due."""
        seq = self.lease.take_ack()
        if seq is not None:
            self.session.send(Ack(lease_id=self.lease.lease_id, seq=seq))


class LinkObserver(Protocol):
    """Who is told which machines are connected."""

    def on_linked(self, machine: WorkerSession) -> None:
        """The worker is connected."""

    def on_unlinked(self, worker_id: str) -> None:
        """The worker is gone."""


class Dispatcher:
    """Event loop's thread only."""

    def __init__(self, settings: JobSettings, *, observer: LinkObserver | None = None) -> None:
        self._settings = settings
        self._observer = observer
        self.scheduler = Scheduler(queue_depth=settings.queue_depth)
        self.sessions: dict[str, WorkerSession] = {}
        """By worker id."""
        self.is_closing = False
        """Whether the orchestrator shuts down, so that no new link is let in."""
        self._capacities: dict[str, int] = {}
        """By worker id: how many jobs at once its owner's offer is for."""

    def add_session(self, session: WorkerSession) -> None:
        """The session's worker is connected; an older session of it is ended."""
        older = self.sessions.get(session.worker_id)
        if older is not None:
            text = "this worker connected from elsewhere, so this link ends"
            older.send(Notice(level="error", code="duplicate", text=text))
            self.remove_session(older, detail="the worker connected again")
        self.sessions[session.worker_id] = session
        session.offered_slots = self._capacities.get(session.worker_id)
        self.scheduler.add(session)
        if self._observer is not None:
            self._observer.on_linked(session)

    def remove_session(self, session: WorkerSession, *, detail: str) -> None:
        """The session's link is gone: its leases fail and are tried elsewhere where possible."""
        session.close(reason=FailureReason.WORKER_LOST, detail=detail)
        self.scheduler.remove(session)
        if self.sessions.get(session.worker_id) is session:
            del self.sessions[session.worker_id]
            if self._observer is not None:
                self._observer.on_unlinked(session.worker_id)

    def drain_session(self, session: WorkerSession) -> None:
        """The session finishes what runs and gets no new jobs."""
        session.is_draining = True
        self.scheduler.on_drain(session)

    def set_capacity(self, worker_id: str, slots: int | None) -> None:
        """The worker's owner offers so many slots from now on, or None: as many as the worker has.

        Called with every change of an owner's offer, since asks change whom a job may go to.
        """
        if slots is None:
            self._capacities.pop(worker_id, None)
        else:
            self._capacities[worker_id] = slots
        session = self.sessions.get(worker_id)
        if session is not None:
            session.offered_slots = slots
            self.scheduler.review(session)

    @asynccontextmanager
    async def lease(
        self, order: JobOrder, *, attempt: int, excluded: frozenset[str]
    ) -> AsyncGenerator[HeldLease]:
        """A lease of `order`, sent to a worker outside `excluded`; cancelled there on the way out.

        Raises:
            RuntimePending, LimitExceeded: see `Scheduler.acquire`.
            TimeoutError: no slot came free within the queue's deadline.
        """
        session = await self.scheduler.acquire(
            order.model,
            excluded=excluded,
            timeout_s=self._settings.queue_timeout_s,
            choice=order.choice,
        )
        lease = Lease(
            lease_id=f"{order.job_id}.{attempt}",
            job_id=order.job_id,
            worker_id=session.worker_id,
            model=order.model,
            window=session.window,
        )
        try:
            session.open_lease(lease)
            if session.is_closed:
                lease.fail(_lost("the link closed while the slot was granted"))
            session.send(
                Job(
                    lease_id=lease.lease_id,
                    job_id=order.job_id,
                    kind=order.kind,
                    model=order.model,
                    request=msgspec.Raw(order.request),
                    timeout_s=int(self._settings.total_timeout_s),
                )
            )
            yield HeldLease(lease=lease, session=session)
        finally:
            if not lease.is_ended_by_worker:
                session.send(Cancel(lease_id=lease.lease_id, reason="the job is over"))
            if isinstance(lease.end, Done):
                session.completed_jobs += 1
            lease.fail(_lost("the job is over"))
            session.close_lease(lease)
            self.scheduler.release(session)

    async def watch_deadlines(self) -> None:
        """Fails leases whose worker lets their customer wait too long. Runs for ever."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.expire_leases(now=now_us())

    def expire_leases(self, *, now: int) -> None:
        """Fails each lease that is past one of its deadlines at `now` (monotonic microseconds)."""
        settings = self._settings
        for session in list(self.sessions.values()):
            for lease in list(session.leases.values()):
                if lease.end is not None:
                    continue
                if now - lease.sent_us > settings.total_timeout_s * 1e6:
                    lease.fail(_expired(FailureReason.TIMEOUT))
                elif lease.waiting_since_us is None:
                    continue
                elif lease.first_frame_us is None:
                    if now - lease.sent_us > settings.first_token_timeout_s * 1e6:
                        lease.fail(_expired(FailureReason.FIRST_TOKEN_TIMEOUT))
                elif now - lease.waiting_since_us > settings.stall_timeout_s * 1e6:
                    lease.fail(_expired(FailureReason.STALLED))


def _lost(detail: str) -> LeaseFailure:
    return LeaseFailure(reason=FailureReason.WORKER_LOST, detail=detail, is_retryable=True)


def _expired(reason: FailureReason) -> LeaseFailure:
    is_retryable = reason is not FailureReason.TIMEOUT
    return LeaseFailure(reason=reason, detail="deadline", is_retryable=is_retryable)
