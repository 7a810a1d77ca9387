"""Whatever happens in whatever order: no slot too many, none lost, first come first served.

Jobs may choose whom they go to, and owners may offer fewer slots than their workers have.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from basis.dispatch.choice import ANYBODY, Choice
from basis.dispatch.scheduler import Scheduler
from basis.dispatch.session import WorkerSession
from basis.rules.errors import LimitExceeded, RuntimePending
from tests.dispatch.sessions import make_session

MODELS = ("a", "b")
SERVED = (("a",), ("b",), ("a", "b"))


def is_even(session: WorkerSession) -> bool:
    """Whether the worker's number is even."""
    return int(session.worker_id[1:]) % 2 == 0


CHOICES = (
    ANYBODY,
    Choice(admits=is_even, rank=lambda _session: ()),
    Choice(admits=lambda session: not is_even(session), rank=lambda _session: ()),
    Choice(admits=lambda _session: True, rank=lambda session: (int(session.worker_id[1:]),)),
)

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["ask", "ask", "ask", "release", "release", "cancel", "add", "remove", "drain", "offer"]
        ),
        st.integers(0, 7),
    ),
    max_size=60,
)


@dataclass
class Crowd:
    """Everybody who asks, holds and leaves, driven one event at a time."""

    scheduler: Scheduler
    sessions: list[WorkerSession] = field(default_factory=list)
    everyone: list[WorkerSession] = field(default_factory=list)
    held: list[WorkerSession] = field(default_factory=list)
    asking: list[asyncio.Task[None]] = field(default_factory=list)
    granted: defaultdict[tuple[str, int], list[int]] = field(
        default_factory=lambda: defaultdict(list)
    )
    asked: int = 0

    def act(self, what: str, number: int) -> None:
        """One event; `number` chooses whom it concerns."""
        if what == "ask":
            self.asked += 1
            model = MODELS[number % len(MODELS)]
            kind = number // len(MODELS) % len(CHOICES)
            self.asking.append(asyncio.create_task(self._ask(model, kind, self.asked)))
        elif what == "release" and self.held:
            self.scheduler.release(self.held.pop(number % len(self.held)))
        elif what == "cancel" and self.asking:
            self.asking[number % len(self.asking)].cancel()
        elif what == "add":
            session = make_session(
                f"w{len(self.everyone)}", models=SERVED[number % 3], slots=1 + number % 3
            )
            self.sessions.append(session)
            self.everyone.append(session)
            self.scheduler.add(session)
        elif what == "remove" and self.sessions:
            session = self.sessions.pop(number % len(self.sessions))
            session.is_closed = True
            self.scheduler.remove(session)
        elif what == "drain" and self.sessions:
            session = self.sessions[number % len(self.sessions)]
            session.is_draining = True
            self.scheduler.on_drain(session)

        elif what == "offer" and self.sessions:
            session = self.sessions[number % len(self.sessions)]
            session.offered_slots = (None, 1, 2)[number % 3]
            self.scheduler.review(session)

    async def _ask(self, model: str, kind: int, number: int) -> None:
        with contextlib.suppress(RuntimePending, LimitExceeded):
            session = await self.scheduler.acquire(
                model, excluded=frozenset(), timeout_s=60, choice=CHOICES[kind]
            )
            assert model in session.models
            assert CHOICES[kind].admits(session)
            self.granted[model, kind].append(number)
            self.held.append(session)


async def turns() -> None:
    """Lets every task that can go on do so."""
    for _ in range(8):
        await asyncio.sleep(0)


async def expect_promises_kept(events: list[tuple[str, int]]) -> None:
    """Runs the events, and looks at everybody after each."""
    crowd = Crowd(Scheduler(queue_depth=5))
    for what, number in events:
        crowd.act(what, number)
        await turns()
        for session in crowd.everyone:
            assert 0 <= session.in_flight <= session.slots
            assert session.in_flight == crowd.held.count(session)
        for model in MODELS:
            assert crowd.scheduler.queue_length(model) <= 5
            if not crowd.scheduler.can_serve(model):
                assert crowd.scheduler.queue_length(model) == 0
            for waiter in crowd.scheduler._queues.get(model, ()):
                serving = [one for one in crowd.sessions if model in one.models]
                fitting = [one for one in serving if waiter.choice.admits(one)]
                assert any(one.is_routable for one in fitting)
                assert all(one.free_slots <= 0 for one in fitting)
        for granted in crowd.granted.values():
            assert granted == sorted(granted)
    await settle(crowd)


async def settle(crowd: Crowd) -> None:
    """Everybody leaves; nothing may be left."""
    for task in crowd.asking:
        task.cancel()
    await asyncio.gather(*crowd.asking, return_exceptions=True)
    for session in crowd.held:
        crowd.scheduler.release(session)
    assert all(session.in_flight == 0 for session in crowd.everyone)
    assert all(crowd.scheduler.queue_length(model) == 0 for model in MODELS)


@given(EVENTS)
def test_scheduler__any_events_in_any_order__keeps_every_promise(
    events: list[tuple[str, int]],
) -> None:
    asyncio.run(expect_promises_kept([("add", 2), ("add", 3), *events]))
