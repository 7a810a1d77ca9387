"""Who gets the next job: the least loaded worker that serves the model, else a bounded queue.

A job may choose whom it may go to at all, and whom it would rather have than the least loaded.
Load is in-flight jobs over slots, by the orchestrator's own synchronous count. A slot is reserved
by `acquire` and given back by `release`, which every caller does in a `finally`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from basis.dispatch.choice import ANYBODY, Choice
from basis.dispatch.lease import now_us
from basis.dispatch.session import WorkerSession
from basis.rules.errors import QueueFull, RuntimePending

_RETRY_AFTER_PENDING_S = 15
_RETRY_AFTER_QUEUE_S = 5
_Key = tuple[tuple[int, ...], float, int]
"""What a job prefers, then the load, then whose turn it is; the least is taken."""


@dataclass(eq=False, slots=True, kw_only=True)
class _Waiter:
    ticket: int
    model: str
    excluded: frozenset[str]
    choice: Choice
    granted: asyncio.Future[WorkerSession]


class Scheduler:
    """Sessions by model, and one queue per model. Event loop's thread only."""

    def __init__(self, *, queue_depth: int) -> None:
        self._queue_depth = queue_depth
        self._by_model: dict[str, list[WorkerSession]] = {}
        self._queues: dict[str, deque[_Waiter]] = {}
        self._ticket = 0
        self._picks = 0

    def add(self, session: WorkerSession) -> None:
        """The session may get jobs from now on."""
        for model in session.models:
            self._by_model.setdefault(model, []).append(session)
        self._serve_waiters(session)

    def remove(self, session: WorkerSession) -> None:
        """The session gets no more jobs; whoever waited for it alone is told so at once."""
        for model in session.models:
            serving = self._by_model.get(model, [])
            if session in serving:
                serving.remove(session)
            if not serving:
                self._by_model.pop(model, None)
            self._refuse_hopeless(model)

    def review(self, session: WorkerSession) -> None:
        """Whom the session may serve, or how many at once, has changed: waiters are looked at."""
        self._serve_waiters(session)
        for model in session.models:
            self._refuse_hopeless(model)

    def sessions_of(self, model: str) -> Iterator[WorkerSession]:
        """The sessions that take jobs of this model, busy or not."""
        for session in self._by_model.get(model, ()):
            if session.is_routable:
                yield session

    def on_drain(self, session: WorkerSession) -> None:
        """The session has begun to drain: those who waited for it alone are told so."""
        for model in session.models:
            self._refuse_hopeless(model)

    def can_serve(self, model: str) -> bool:
        """Whether any connected worker takes jobs of this model, busy or not."""
        return self._has_routable(model, frozenset(), ANYBODY)

    def require_room(self, model: str) -> None:
        """Asked before a job is accepted, so that a refused one leaves no record.

        Raises:
            RuntimePending: nobody serves the model.
            QueueFull: no slot is free, and the queue is full.
        """
        if not self._has_routable(model, frozenset(), ANYBODY):
            raise _pending(model)
        if self._pick(model, frozenset(), ANYBODY) is None:
            self._require_place(model)

    def queue_length(self, model: str) -> int:
        """Jobs of this model that wait for a slot."""
        return len(self._queues.get(model, ()))

    def has_full_queue(self) -> bool:
        """Whether any model has as many jobs waiting as may wait."""
        return any(len(queue) >= self._queue_depth for queue in self._queues.values())

    def models_served(self) -> set[str]:
        """The models that some worker takes jobs of."""
        return {model for model in self._by_model if self.can_serve(model)}

    async def acquire(
        self,
        model: str,
        *,
        excluded: frozenset[str],
        timeout_s: float,
        choice: Choice = ANYBODY,
    ) -> WorkerSession:
        """A session with a slot reserved for the caller, who must `release` it.

        Raises:
            RuntimePending: nobody (outside `excluded` worker ids) serves the model, or nobody whom
                `choice` admits.
            QueueFull: the queue of the model is full.
            TimeoutError: no slot came free in time.
        """
        if not self._has_routable(model, excluded, choice):
            raise _pending(model)
        session = self._pick(model, excluded, choice)
        if session is not None:
            return self._reserve(session)
        self._require_place(model)
        queue = self._queues.setdefault(model, deque())
        self._ticket += 1
        waiter = _Waiter(
            ticket=self._ticket,
            model=model,
            excluded=excluded,
            choice=choice,
            granted=asyncio.get_running_loop().create_future(),
        )
        queue.append(waiter)
        return await self._wait(waiter, timeout_s)

    def release(self, session: WorkerSession) -> None:
        """Gives a reserved slot back, and hands it to whoever has waited longest."""
        session.in_flight -= 1
        if session.in_flight == 0:
            session.idle_since_us = now_us()
        self._serve_waiters(session)

    async def _wait(self, waiter: _Waiter, timeout_s: float) -> WorkerSession:
        try:
            async with asyncio.timeout(timeout_s):
                return await waiter.granted
        except BaseException:
            # Cancelled or timed out in the very turn in which the slot was granted: hand it on.
            granted = waiter.granted
            if granted.done() and not granted.cancelled() and granted.exception() is None:
                self.release(granted.result())
            raise
        finally:
            queue = self._queues.get(waiter.model)
            if queue is not None and waiter in queue:
                queue.remove(waiter)
            if queue is not None and not queue:
                self._queues.pop(waiter.model, None)

    def _require_place(self, model: str) -> None:
        waiting = self.queue_length(model)
        if waiting >= self._queue_depth:
            raise QueueFull(
                f"{waiting} jobs wait for {model} already: try again later",
                retry_after_s=_RETRY_AFTER_QUEUE_S,
            )

    def _pick(self, model: str, excluded: frozenset[str], choice: Choice) -> WorkerSession | None:
        best: WorkerSession | None = None
        best_key: _Key | None = None
        for session in self._by_model.get(model, ()):
            if session.free_slots <= 0 or session.worker_id in excluded:
                continue
            if not choice.admits(session):
                continue
            key = choice.rank(session), session.load, session.last_pick
            if best_key is None or key < best_key:
                best, best_key = session, key
        return best

    def _reserve(self, session: WorkerSession) -> WorkerSession:
        self._picks += 1
        session.last_pick = self._picks
        session.in_flight += 1
        return session

    def _serve_waiters(self, session: WorkerSession) -> None:
        while session.free_slots > 0:
            waiter = self._longest_waiting(session)
            if waiter is None:
                return
            self._queues[waiter.model].remove(waiter)
            waiter.granted.set_result(self._reserve(session))

    def _longest_waiting(self, session: WorkerSession) -> _Waiter | None:
        oldest: _Waiter | None = None
        for model in session.models:
            for waiter in self._queues.get(model, ()):
                if session.worker_id in waiter.excluded or waiter.granted.done():
                    continue
                if not waiter.choice.admits(session):
                    continue
                if oldest is None or waiter.ticket < oldest.ticket:
                    oldest = waiter
                break
        return oldest

    def _has_routable(self, model: str, excluded: frozenset[str], choice: Choice) -> bool:
        return any(
            session.worker_id not in excluded and choice.admits(session)
            for session in self.sessions_of(model)
        )

    def _refuse_hopeless(self, model: str) -> None:
        for waiter in list(self._queues.get(model, ())):
            if waiter.granted.done():
                continue
            if not self._has_routable(model, waiter.excluded, waiter.choice):
                self._queues[model].remove(waiter)
                waiter.granted.set_exception(_pending(model))


def _pending(model: str) -> RuntimePending:
    return RuntimePending(
        f"no connected worker can serve {model!r} at the moment: try again later",
        retry_after_s=_RETRY_AFTER_PENDING_S,
    )
