"""How much one address or key may ask for: a share that is used up and refills."""

from __future__ import annotations

import math
import time
from collections import OrderedDict

from basis.rules.errors import LimitExceeded

_NAMES_KEPT = 65_536


class Allowance:
    """A token bucket per name, full at first; kept in memory only.

    A name is an id, or an address as `address_group` makes it. Of more than so many names the
    oldest are forgotten, whose buckets are the fullest.
    """

    def __init__(self, most: int, *, period_s: int, what: str) -> None:
        """So much in `period_s`, over which a bucket refills; `what` names it in the refusal."""
        self._most = most
        self._period_s = period_s
        self._what = what
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, *, cost: int = 1, now_s: float | None = None) -> None:
        """Takes `cost` of the share of `name`, all of it where it costs more than that.

        Raises:
            LimitExceeded: so much is not left; nothing is taken.
        """
        cost = max(1, min(cost, self._most))
        left, now = self._left(name, now_s)
        is_allowed = left >= cost
        self._put(name, left - cost if is_allowed else left, now)
        if not is_allowed:
            raise self._refusal(math.ceil(cost - left))

    def charge(self, name: str, *, cost: int, now_s: float | None = None) -> None:
        """Takes `cost` for what was done already; what is not left is owed, up to a whole share."""
        left, now = self._left(name, now_s)
        self._put(name, max(-float(self._most), left - cost), now)

    def give_back(self, name: str, *, cost: int, now_s: float | None = None) -> None:
        """Puts back what was taken and not used, up to a whole share."""
        left, now = self._left(name, now_s)
        self._put(name, min(float(self._most), left + cost), now)

    def require_any(self, name: str, *, now_s: float | None = None) -> None:
        """Passes if something is left.

        Raises:
            LimitExceeded: nothing is.
        """
        if name not in self._buckets:
            return
        left, _now = self._left(name, now_s)
        if left < 1.0:
            raise self._refusal(1 - int(left))

    def _left(self, name: str, now_s: float | None) -> tuple[float, float]:
        """What is left of the share of `name`, and the time."""
        now = time.monotonic() if now_s is None else now_s
        left, seen = self._buckets.get(name, (float(self._most), now))
        return min(float(self._most), left + (now - seen) * self._most / self._period_s), now

    def _put(self, name: str, left: float, now: float) -> None:
        self._buckets[name] = (left, now)
        self._buckets.move_to_end(name)
        if len(self._buckets) > _NAMES_KEPT:
            self._buckets.popitem(last=False)

    def _refusal(self, cost: int) -> LimitExceeded:
        return LimitExceeded(
            f"more than {self._most} {self._what}",
            retry_after_s=cost * self._period_s // max(1, self._most) + 1,
        )
