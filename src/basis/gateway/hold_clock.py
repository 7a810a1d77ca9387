"""By which time holds expire, on a machine whose wall clock may be set while jobs run.

A hold's end is recorded by the wall clock. If that is set forward, jobs that run would look as if
they had ended long ago; so holds go by the wall clock as it was at its slowest while any running
job can have been accepted. Holds that a fault left behind may then be kept longer, never shorter.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta

from basis.storage.clock import iso_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class HoldClock:
    """Compares the wall clock with one that nobody can set; `window_us` is a job's longest life."""

    def __init__(self, *, window_us: int) -> None:
        self._window_us = window_us
        self._seen: deque[tuple[int, int]] = deque()
        """(monotonic time, how far the wall clock was before it) of each look, oldest first."""

    def look(self, *, wall_us: int, monotonic_us: int) -> str:
        """The time before which holds have expired. Look often: what it never saw it cannot know.

        Both in microseconds, `wall_us` since 1970.
        """
        self._seen.append((monotonic_us, wall_us - monotonic_us))
        # The newest look before the window stays: it is how the clock went when that began.
        while len(self._seen) > 1 and self._seen[1][0] <= monotonic_us - self._window_us:
            self._seen.popleft()
        slowest_us = min(ahead_us for _at_us, ahead_us in self._seen)
        return iso_of(_EPOCH + timedelta(microseconds=monotonic_us + slowest_us))
