"""By which time holds expire: the steady clock, so that no job that runs loses its hold.

Holds that a fault left behind may then be kept longer, never shorter.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from basis.dispatch.steady_clock import SteadyClock
from basis.storage.clock import iso_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class HoldClock:
    """A steady clock in the spelling of the records; `window_us` is a job's longest life."""

    def __init__(self, *, window_us: int) -> None:
        self._clock = SteadyClock(window_us=window_us)

    def look(self, *, wall_us: int, monotonic_us: int) -> str:
        """The time before which holds have expired; as `SteadyClock.look`."""
        now_us = self._clock.look(wall_us=wall_us, monotonic_us=monotonic_us)
        return iso_of(_EPOCH + timedelta(microseconds=now_us))
