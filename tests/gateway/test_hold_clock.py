"""By which time holds expire when somebody sets the wall clock while jobs run."""

from __future__ import annotations

from basis.gateway.hold_clock import HoldClock

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US


def look(clock: HoldClock, *, minute: int, ahead_us: int = 0) -> str:
    """The time by which holds expire, `minute` after the start, with the wall clock ahead."""
    at_us = minute * MINUTE_US
    return clock.look(wall_us=at_us + ahead_us, monotonic_us=at_us)


def test_hold_clock__nobody_sets_the_clock__is_the_wall_clock() -> None:
    clock = HoldClock(window_us=HOUR_US)

    assert [look(clock, minute=minute) for minute in (0, 1, 90)] == [
        "1970-01-01T00:00:00.000Z",
        "1970-01-01T00:01:00.000Z",
        "1970-01-01T01:30:00.000Z",
    ]


def test_hold_clock__set_forward__expires_nothing_that_may_still_run() -> None:
    clock = HoldClock(window_us=HOUR_US)
    look(clock, minute=0)
    look(clock, minute=10)

    after = [look(clock, minute=minute, ahead_us=9 * HOUR_US) for minute in (11, 69, 71, 72)]

    assert after == [
        "1970-01-01T00:11:00.000Z",
        "1970-01-01T01:09:00.000Z",
        "1970-01-01T10:11:00.000Z",
        "1970-01-01T10:12:00.000Z",
    ]


def test_hold_clock__set_back_and_forward_again__goes_by_the_slowest() -> None:
    clock = HoldClock(window_us=HOUR_US)
    look(clock, minute=0, ahead_us=2 * HOUR_US)
    look(clock, minute=5, ahead_us=0)

    assert look(clock, minute=6, ahead_us=2 * HOUR_US) == "1970-01-01T00:06:00.000Z"
