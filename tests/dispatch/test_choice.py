"""Jobs that choose: whom they may go to at all, whom rather, and what that means for the queue."""

from __future__ import annotations

import asyncio

import pytest

from basis.dispatch.choice import Choice
from basis.dispatch.scheduler import Scheduler
from basis.dispatch.session import WorkerSession
from basis.rules.errors import RuntimePending
from tests.dispatch.sessions import make_session

NOBODY: frozenset[str] = frozenset()


def only(*worker_ids: str) -> Choice:
    """A choice that admits these workers, in any order."""
    return Choice(admits=lambda session: session.worker_id in worker_ids, rank=lambda _: ())


def in_order(*worker_ids: str) -> Choice:
    """A choice that admits everybody, and would have these in this order."""
    return Choice(
        admits=lambda _: True, rank=lambda session: (worker_ids.index(session.worker_id),)
    )


def make_scheduler(*sessions: WorkerSession) -> Scheduler:
    """A scheduler with these sessions."""
    scheduler = Scheduler(queue_depth=10)
    for session in sessions:
        scheduler.add(session)
    return scheduler


def ask(
    scheduler: Scheduler, choice: Choice, *, excluded: frozenset[str] = NOBODY
) -> asyncio.Task[WorkerSession]:
    """A task that waits for a slot, for a minute at most."""
    return asyncio.create_task(
        scheduler.acquire("m", excluded=excluded, timeout_s=60, choice=choice)
    )


async def turns() -> None:
    """Lets the loop turn."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_acquire__worker_that_is_not_admitted__is_never_taken() -> None:
    cheap, dear = make_session("cheap", slots=2), make_session("dear", slots=100)
    scheduler = make_scheduler(dear, cheap)

    taken = [await ask(scheduler, only("cheap")) for _ in range(2)]

    assert taken == [cheap, cheap]


async def test_acquire__nobody_admitted__is_refused_at_once() -> None:
    scheduler = make_scheduler(make_session("w1"))

    with pytest.raises(RuntimePending):
        await ask(scheduler, only("w2"))


async def test_acquire__preferred_worker_is_loaded_but_free__is_taken_all_the_same() -> None:
    fast, idle = make_session("fast", slots=4), make_session("idle", slots=4)
    scheduler = make_scheduler(idle, fast)

    taken = [(await ask(scheduler, in_order("fast", "idle"))).worker_id for _ in range(6)]

    assert taken == ["fast"] * 4 + ["idle"] * 2


async def test_acquire__preferred_worker_is_excluded__takes_the_next_one() -> None:
    first, second = make_session("w1"), make_session("w2")
    scheduler = make_scheduler(first, second)

    assert await ask(scheduler, in_order("w1", "w2"), excluded=frozenset({"w1"})) is second


async def test_release__first_in_line_does_not_admit_the_worker__serves_the_next() -> None:
    one, two = make_session("w1"), make_session("w2")
    scheduler = make_scheduler(one, two)
    await ask(scheduler, only("w1"))
    await ask(scheduler, only("w2"))
    choosy = ask(scheduler, only("w2"))
    await turns()
    easy = ask(scheduler, only("w1", "w2"))
    await turns()

    scheduler.release(one)
    await turns()

    assert (easy.done(), choosy.done()) == (True, False)
    scheduler.release(two)
    assert await choosy is two


async def test_review__asks_changed__waiters_are_served_or_told_at_once() -> None:
    admitted = {"w1"}
    choice = Choice(admits=lambda session: session.worker_id in admitted, rank=lambda _: ())
    one, two = make_session("w1"), make_session("w2")
    scheduler = make_scheduler(one, two)
    await ask(scheduler, only("w1"))
    served, hopeless = ask(scheduler, choice), ask(scheduler, only("w1"))
    await turns()

    admitted.add("w2")
    scheduler.review(two)
    await turns()

    assert await served is two
    assert not hopeless.done()
    admitted.clear()
    scheduler.remove(one)
    with pytest.raises(RuntimePending):
        await hopeless


async def test_review__last_worker_is_not_admitted_any_more__refuses_who_waits() -> None:
    admitted = {"w1"}
    choice = Choice(admits=lambda session: session.worker_id in admitted, rank=lambda _: ())
    session = make_session("w1")
    scheduler = make_scheduler(session)
    await ask(scheduler, choice)
    waiting = ask(scheduler, choice)
    await turns()

    admitted.clear()
    scheduler.review(session)

    with pytest.raises(RuntimePending):
        await waiting
    assert scheduler.queue_length("m") == 0


async def test_offered_slots__fewer_than_the_worker_has__bound_its_jobs() -> None:
    session = make_session(slots=4)
    session.offered_slots = 1
    scheduler = make_scheduler(session)
    everybody = only("w1")
    await ask(scheduler, everybody)
    waiting = ask(scheduler, everybody)
    await turns()
    was_waiting = not waiting.done()

    session.offered_slots = None
    scheduler.review(session)

    assert was_waiting
    assert await waiting is session
    assert session.in_flight == 2


async def test_offered_slots__lowered_below_what_runs__gives_no_new_job() -> None:
    session = make_session(slots=4)
    scheduler = make_scheduler(session)
    for _ in range(3):
        await ask(scheduler, only("w1"))

    session.offered_slots = 1
    waiting = ask(scheduler, only("w1"))
    await turns()
    scheduler.release(session)
    scheduler.release(session)
    await turns()

    assert (session.in_flight, waiting.done()) == (1, False)
    scheduler.release(session)
    assert await waiting is session


def test_offered_slots__more_than_the_worker_has__change_nothing() -> None:
    session = make_session(slots=2)

    session.offered_slots = 256

    assert session.free_slots == 2


async def test_sessions_of__draining_and_other_models__are_left_out() -> None:
    here, draining = make_session("w1"), make_session("w2")
    draining.is_draining = True
    scheduler = make_scheduler(here, draining, make_session("w3", models=("other",)))

    assert list(scheduler.sessions_of("m")) == [here]
    assert list(scheduler.sessions_of("nothing")) == []
