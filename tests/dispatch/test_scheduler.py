"""Who gets the next job, who waits, and who is told that waiting is of no use."""

from __future__ import annotations

import asyncio

import pytest

from basis.dispatch.scheduler import Scheduler
from basis.dispatch.session import WorkerSession
from basis.rules.errors import LimitExceeded, RuntimePending
from tests.dispatch.sessions import make_session

NOBODY: frozenset[str] = frozenset()


def make_scheduler(*sessions: WorkerSession, queue_depth: int = 10) -> Scheduler:
    """A scheduler with these sessions."""
    scheduler = Scheduler(queue_depth=queue_depth)
    for session in sessions:
        scheduler.add(session)
    return scheduler


def ask(
    scheduler: Scheduler, model: str = "m", *, excluded: frozenset[str] = NOBODY
) -> asyncio.Task[WorkerSession]:
    """A task that waits for a slot, for a minute at most."""
    return asyncio.create_task(scheduler.acquire(model, excluded=excluded, timeout_s=60))


async def turns(count: int = 5) -> None:
    """Lets the loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_acquire__nobody_serves_the_model__is_refused_at_once() -> None:
    scheduler = make_scheduler(make_session(models=("other",)))

    with pytest.raises(RuntimePending) as caught:
        await ask(scheduler)

    assert caught.value.retry_after_s > 0


async def test_acquire__only_excluded_workers__is_refused_at_once() -> None:
    scheduler = make_scheduler(make_session("w1"))

    with pytest.raises(RuntimePending):
        await ask(scheduler, excluded=frozenset({"w1"}))


async def test_acquire__several_free__takes_the_least_loaded() -> None:
    small, large = make_session("small", slots=2), make_session("large", slots=8)
    scheduler = make_scheduler(small, large)

    picked = [await ask(scheduler) for _ in range(5)]

    assert picked.count(small) == 1
    assert picked.count(large) == 4


async def test_acquire__equal_loads__take_turns() -> None:
    sessions = [make_session(f"w{number}", slots=4) for number in range(3)]
    scheduler = make_scheduler(*sessions)

    picked = []
    for _ in range(6):
        session = await ask(scheduler)
        picked.append(session.worker_id)
        scheduler.release(session)

    assert picked == ["w0", "w1", "w2", "w0", "w1", "w2"]


async def test_acquire__excluded_worker_is_free__takes_another() -> None:
    first, second = make_session("w1"), make_session("w2")
    scheduler = make_scheduler(first, second)

    assert await ask(scheduler, excluded=frozenset({"w1"})) is second


async def test_acquire__all_busy__waits_for_a_release() -> None:
    session = make_session()
    scheduler = make_scheduler(session)
    await ask(scheduler)
    waiting = ask(scheduler)
    await turns()
    length_while_waiting = scheduler.queue_length("m")

    scheduler.release(session)

    assert length_while_waiting == 1
    assert await waiting is session
    assert (session.in_flight, scheduler.queue_length("m")) == (1, 0)


async def test_acquire__queue_is_full__is_refused() -> None:
    session = make_session()
    scheduler = make_scheduler(session, queue_depth=1)
    await ask(scheduler)
    waiting = ask(scheduler)
    await turns()

    with pytest.raises(LimitExceeded) as caught:
        await ask(scheduler)

    assert caught.value.retry_after_s > 0
    waiting.cancel()


async def test_acquire__queue_of_depth_zero__never_waits() -> None:
    scheduler = make_scheduler(make_session(), queue_depth=0)
    await ask(scheduler)

    with pytest.raises(LimitExceeded):
        await ask(scheduler)


async def test_acquire__no_slot_in_time__times_out_and_leaves_the_queue() -> None:
    session = make_session()
    scheduler = make_scheduler(session)
    await ask(scheduler)

    with pytest.raises(TimeoutError):
        await scheduler.acquire("m", excluded=NOBODY, timeout_s=0.001)

    assert scheduler.queue_length("m") == 0
    scheduler.release(session)
    assert session.in_flight == 0


async def test_acquire__several_wait__are_served_in_their_order() -> None:
    session = make_session()
    scheduler = make_scheduler(session)
    await ask(scheduler)
    served: list[int] = []

    async def wait(number: int) -> None:
        await scheduler.acquire("m", excluded=NOBODY, timeout_s=60)
        served.append(number)
        scheduler.release(session)

    tasks = [asyncio.create_task(wait(number)) for number in range(5)]
    await turns()
    scheduler.release(session)
    await asyncio.gather(*tasks)

    assert served == [0, 1, 2, 3, 4]


async def test_release__two_models_wait__serves_whoever_waited_longest() -> None:
    session = make_session(models=("a", "b"))
    scheduler = make_scheduler(session)
    await ask(scheduler, "a")
    first, second = ask(scheduler, "b"), ask(scheduler, "a")
    await turns()

    scheduler.release(session)
    await turns()

    assert first.done()
    assert not second.done()
    second.cancel()


async def test_release__first_in_line_excludes_the_worker__serves_the_next() -> None:
    one, two = make_session("w1"), make_session("w2")
    scheduler = make_scheduler(one, two)
    await ask(scheduler)
    await ask(scheduler)
    choosy = ask(scheduler, excluded=frozenset({"w1"}))
    await turns()
    easy = ask(scheduler)
    await turns()

    scheduler.release(one)
    await turns()

    assert easy.done()
    assert not choosy.done()
    scheduler.release(two)
    assert await choosy is two


async def test_add__while_jobs_wait__serves_them() -> None:
    scheduler = make_scheduler(make_session("w1"))
    await ask(scheduler)
    waiting = [ask(scheduler) for _ in range(3)]
    await turns()

    newcomer = make_session("w2", slots=2)
    scheduler.add(newcomer)
    await turns()

    assert [task.done() for task in waiting] == [True, True, False]
    assert newcomer.in_flight == 2
    waiting[2].cancel()


async def test_remove__last_worker__refuses_those_who_wait_at_once() -> None:
    session = make_session()
    scheduler = make_scheduler(session)
    await ask(scheduler)
    waiting = ask(scheduler)
    await turns()

    scheduler.remove(session)

    with pytest.raises(RuntimePending):
        await waiting
    assert scheduler.queue_length("m") == 0
    assert scheduler.models_served() == set()


async def test_remove__another_worker_is_left__lets_them_wait() -> None:
    one, two = make_session("w1"), make_session("w2")
    scheduler = make_scheduler(one, two)
    await ask(scheduler)
    await ask(scheduler)
    waiting = ask(scheduler)
    hopeless = ask(scheduler, excluded=frozenset({"w2"}))
    await turns()

    scheduler.remove(one)
    await turns()

    assert not waiting.done()
    with pytest.raises(RuntimePending):
        await hopeless
    scheduler.release(two)
    assert await waiting is two


async def test_drain__session__gets_no_new_job_and_refuses_the_hopeless() -> None:
    session = make_session()
    scheduler = make_scheduler(session)
    await ask(scheduler)
    waiting = ask(scheduler)
    await turns()

    session.is_draining = True
    scheduler.on_drain(session)

    with pytest.raises(RuntimePending):
        await waiting
    scheduler.release(session)
    with pytest.raises(RuntimePending):
        await ask(scheduler)


async def test_cancel__in_the_turn_in_which_a_slot_was_granted__hands_it_on() -> None:
    session = make_session()
    scheduler = make_scheduler(session)
    await ask(scheduler)
    unlucky, lucky = ask(scheduler), ask(scheduler)
    await turns()

    scheduler.release(session)
    unlucky.cancel()

    assert await lucky is session
    assert session.in_flight == 1
    with pytest.raises(asyncio.CancelledError):
        await unlucky
