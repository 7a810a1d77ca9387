"""In how many of the last 1,440 minutes each worker was seen online, kept across restarts.

A minute counts once an authenticated link was heard in it. Kept as one bit mask per worker and
hour, written out twice a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from basis.rules.factors import MINUTES_PER_DAY
from basis.storage.worker_store import MINUTES_PER_HOUR

_HOURS_KEPT = MINUTES_PER_DAY // MINUTES_PER_HOUR + 1


class PresenceBook:
    """Minutes are counted since 1970; the caller passes the present one in."""

    def __init__(self, masks: Mapping[str, Mapping[int, int]]) -> None:
        self._masks = {worker_id: dict(hours) for worker_id, hours in masks.items()}
        self._dirty: set[tuple[str, int]] = set()

    def mark(self, worker_id: str, *, minute: int) -> None:
        """The worker was heard in this minute."""
        hour, bit = divmod(minute, MINUTES_PER_HOUR)
        hours = self._masks.setdefault(worker_id, {})
        old = hours.get(hour, 0)
        new = old | (1 << bit)
        if new != old:
            hours[hour] = new
            self._dirty.add((worker_id, hour))

    def online_minutes(self, worker_id: str, *, minute: int) -> int:
        """How many of the 1,440 minutes up to and with this one the worker was heard in."""
        hours = self._masks.get(worker_id)
        if not hours:
            return 0
        first = minute - MINUTES_PER_DAY + 1
        first_hour, first_bit = divmod(first, MINUTES_PER_HOUR)
        total = 0
        for hour, mask in hours.items():
            if hour > first_hour:
                total += mask.bit_count()
            elif hour == first_hour:
                total += (mask >> first_bit).bit_count()
        return total

    def put_back(self, changes: Iterable[tuple[str, int]]) -> None:
        """These (worker id, hour) pairs were not stored after all: they are due again."""
        self._dirty.update(pair for pair in changes if pair[1] in self._masks.get(pair[0], {}))

    def take_changes(self, *, minute: int) -> dict[tuple[str, int], int]:
        """The masks changed since the last call, to be stored; forgets hours out of the window."""
        changes = {(worker, hour): self._masks[worker][hour] for worker, hour in self._dirty}
        self._dirty.clear()
        oldest = minute // MINUTES_PER_HOUR - _HOURS_KEPT
        for hours in self._masks.values():
            for hour in [hour for hour in hours if hour < oldest]:
                del hours[hour]
        return changes
