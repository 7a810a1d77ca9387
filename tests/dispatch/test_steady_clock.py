"""The time that ends things: the wall clock at its slowest for a while."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from basis.dispatch.steady_clock import SteadyClock

STEPS = st.lists(
    st.tuples(st.integers(1, 500), st.integers(-5_000, 5_000)), min_size=1, max_size=40
)


def test_steady_clock__nobody_sets_the_clock__is_the_wall_clock() -> None:
    clock = SteadyClock(window_us=100)

    assert [clock.look(wall_us=7_000 + at, monotonic_us=at) for at in (0, 50, 900)] == [
        7_000,
        7_050,
        7_900,
    ]


def test_steady_clock__set_back__follows_at_once() -> None:
    clock = SteadyClock(window_us=100)
    clock.look(wall_us=7_000, monotonic_us=0)

    assert clock.look(wall_us=3_010, monotonic_us=10) == 3_010


def test_steady_clock__set_forward__follows_when_the_window_has_passed() -> None:
    clock = SteadyClock(window_us=100)
    clock.look(wall_us=0, monotonic_us=0)

    seen = [clock.look(wall_us=9_000 + at, monotonic_us=at) for at in (10, 109, 110)]

    assert seen == [10, 109, 9_110]


@given(STEPS)
def test_steady_clock__any_steps__is_never_ahead_of_the_wall_clock(
    steps: list[tuple[int, int]],
) -> None:
    clock, at_us, ahead_us = SteadyClock(window_us=1_000), 0, 10**6

    for passed_us, set_by_us in steps:
        at_us, ahead_us = at_us + passed_us, ahead_us + set_by_us
        seen_us = clock.look(wall_us=at_us + ahead_us, monotonic_us=at_us)

        assert seen_us <= at_us + ahead_us
