"""How often one address may ask: a share that is used up and refills, for each thing apart."""

from __future__ import annotations

import time
from collections import OrderedDict

from basis.rules.errors import LimitExceeded

_ADDRESSES_KEPT = 65_536


class AddressLimit:
    """A token bucket per address, full at first. Addresses are kept in memory only.

    An address is what `address_group` makes of it. Of more than so many the oldest are forgotten,
    whose buckets are the fullest.
    """

    def __init__(self, count: int, *, period_s: int, what: str) -> None:
        """So many in `period_s`, over which a bucket refills; `what` names them in the refusal."""
        self._count = count
        self._period_s = period_s
        self._what = what
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, *, cost: int = 1, now_s: float | None = None) -> None:
        """Counts one of `address`, or what is as much work as `cost` of them.

        What costs more than the whole share takes all of it.

        Raises:
            LimitExceeded: the address has used up its share.
        """
        now = time.monotonic() if now_s is None else now_s
        cost = max(1, min(cost, self._count))
        left, seen = self._buckets.pop(address, (float(self._count), now))
        left = min(float(self._count), left + (now - seen) * self._count / self._period_s)
        is_allowed = left >= cost
        self._buckets[address] = (left - cost if is_allowed else left, now)
        if len(self._buckets) > _ADDRESSES_KEPT:
            self._buckets.popitem(last=False)
        if not is_allowed:
            raise LimitExceeded(
                f"more than {self._count} {self._what} from one address",
                retry_after_s=cost * self._period_s // max(1, self._count) + 1,
            )
