"""The time that ends things for good, on a machine whose wall clock may be set.

What ends is recorded by the wall clock. If that is set forward, by a hand or a broken time server,
what should go on for hours would look as if it were over; so ends go by the wall clock as it was at
its slowest for some time. Things may then last longer than they should, by that time at most,
never shorter.
"""

from __future__ import annotations

from collections import deque


class SteadyClock:
    """Compares the wall clock with one that nobody can set; a step forward is believed late."""

    def __init__(self, *, window_us: int) -> None:
        """A step forward is believed after `window_us`."""
        self._window_us = window_us
        self._seen: deque[tuple[int, int]] = deque()
        """(monotonic time, how far the wall clock was before it) of each look, oldest first."""

    def look(self, *, wall_us: int, monotonic_us: int) -> int:
        """The time in microseconds since 1970, as `wall_us` is.

        Look often: what it never saw it cannot know.
        """
        self._seen.append((monotonic_us, wall_us - monotonic_us))
        # The newest look before the window stays: it is how the clock went when that began.
        while len(self._seen) > 1 and self._seen[1][0] <= monotonic_us - self._window_us:
            self._seen.popleft()
        return monotonic_us + min(ahead_us for _at_us, ahead_us in self._seen)
