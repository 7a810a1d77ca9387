"""A lease takes frames in order, within its window, and ends once."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basis.dispatch.lease import Lease, LeaseFailure, LinkViolation
from basis.rules.job import FailureReason
from basis.wire.frames import Done
from tests.dispatch.sessions import make_chunk, make_lease

LOST = LeaseFailure(reason=FailureReason.WORKER_LOST, detail="gone", is_retryable=True)


def done_after(count: int) -> Done:
    """The end of an answer of so many frames."""
    return Done(lease_id="j1.1", frames=count)


def fill(lease: Lease, count: int) -> None:
    """Puts frames in."""
    for seq in range(count):
        lease.on_frame(make_chunk(seq))


@pytest.mark.parametrize("seq", [-1, 0, 2, 100])
def test_frame__out_of_order__is_a_violation(seq: int) -> None:
    lease = make_lease()
    lease.on_frame(make_chunk(0))

    with pytest.raises(LinkViolation, match="where 1 was due"):
        lease.on_frame(make_chunk(seq))


def test_frame__beyond_the_window__is_a_violation() -> None:
    lease = make_lease(window=8)
    fill(lease, 8)

    with pytest.raises(LinkViolation, match="unacknowledged"):
        lease.on_frame(make_chunk(8))


def test_frame__after_done__is_a_violation() -> None:
    lease = make_lease()
    lease.on_done(done_after(0))

    with pytest.raises(LinkViolation, match="after its end"):
        lease.on_frame(make_chunk(0))


@pytest.mark.parametrize("claimed", [-1, 0, 1, 3])
def test_done__wrong_count__is_a_violation(claimed: int) -> None:
    lease = make_lease()
    fill(lease, 2)

    with pytest.raises(LinkViolation, match="2 came"):
        lease.on_done(done_after(claimed))


def test_done__twice__is_a_violation() -> None:
    lease = make_lease()
    lease.on_done(done_after(0))

    with pytest.raises(LinkViolation, match="ended twice"):
        lease.on_done(done_after(0))


def test_frame__after_the_worker_gave_the_lease_back__is_a_violation() -> None:
    lease = make_lease()
    lease.on_failed(LOST)

    with pytest.raises(LinkViolation, match="after its end"):
        lease.on_frame(make_chunk(0))
    with pytest.raises(LinkViolation, match="ended twice"):
        lease.on_failed(LOST)


def test_ended_by_worker__failed_by_us__is_false() -> None:
    lease = make_lease()

    lease.fail(LOST)

    assert not lease.is_ended_by_worker


def test_fail__after_done__changes_nothing() -> None:
    lease = make_lease()
    lease.on_done(done_after(0))

    lease.fail(LOST)

    assert lease.end == done_after(0)


def test_fail__twice__keeps_the_first_reason() -> None:
    lease = make_lease()
    lease.fail(LOST)

    lease.fail(LeaseFailure(reason=FailureReason.TIMEOUT, detail="", is_retryable=False))

    assert lease.end is LOST


async def test_next_frames__frames_wait__gives_all_of_them() -> None:
    lease = make_lease()
    fill(lease, 3)

    assert await lease.next_frames() == [make_chunk(seq) for seq in range(3)]


async def test_next_frames__nothing_yet__waits_for_the_first() -> None:
    lease = make_lease()
    waiting = asyncio.create_task(lease.next_frames())
    await asyncio.sleep(0)
    is_waiting = lease.waiting_since_us is not None

    lease.on_frame(make_chunk(0))

    assert is_waiting
    assert await waiting == [make_chunk(0)]
    assert lease.waiting_since_us is None


async def test_next_frames__ended__gives_what_came_before_and_then_nothing() -> None:
    lease = make_lease()
    fill(lease, 1)
    lease.on_done(done_after(1))

    assert await lease.next_frames() == [make_chunk(0)]
    assert await lease.next_frames() == []


async def test_next_frames__cancelled__can_be_asked_again() -> None:
    lease = make_lease()
    waiting = asyncio.create_task(lease.next_frames())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])

    lease.on_frame(make_chunk(0))

    assert lease.waiting_since_us is None
    assert await lease.next_frames() == [make_chunk(0)]


async def test_ack__fewer_than_a_quarter_taken__is_not_due() -> None:
    lease = make_lease(window=8)
    lease.on_frame(make_chunk(0))
    await lease.next_frames()

    assert lease.take_ack() is None
    assert lease.take_ack(force=True) == 0
    assert lease.take_ack(force=True) is None


async def test_ack__frames_still_in_the_buffer__are_not_acknowledged() -> None:
    lease = make_lease(window=8)
    fill(lease, 3)
    await lease.next_frames()
    lease.on_frame(make_chunk(3))

    assert lease.take_ack() == 2


@given(st.integers(8, 40), st.lists(st.sampled_from(["send", "take", "ack"]), max_size=200))
def test_window__any_order_of_events__never_holds_more_and_never_locks_up(
    window: int, events: list[str]
) -> None:
    lease = make_lease(window=window)
    sent = acked = 0

    for event in events:
        if event == "send" and sent - acked < window:
            lease.on_frame(make_chunk(sent))
            sent += 1
        elif event == "take" and lease._frames:
            asyncio.run(lease.next_frames())
        elif event == "ack":
            seq = lease.take_ack()
            acked = acked if seq is None else seq + 1
        assert len(lease._frames) <= window
        assert acked <= sent

    if lease._frames:
        asyncio.run(lease.next_frames())
    seq = lease.take_ack()
    acked = acked if seq is None else seq + 1
    assert sent - acked < window, "a worker that obeys the window can always go on"
