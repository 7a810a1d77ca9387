"""Who and what is let in: registrations per address, and which offered models may get jobs."""

from __future__ import annotations

import time
from collections import OrderedDict

from basis.rules.catalog import Catalog
from basis.rules.errors import LimitExceeded
from basis.storage.worker_store import WorkerRecord
from basis.wire.frames import ModelOffer
from basis.wire.registration import RuntimeName

_ADDRESSES_KEPT = 65_536
_HOUR_S = 3_600


class RegistrationLimit:
    """A token bucket per address, refilled over an hour. Addresses are kept in memory only.

    An address is what `address_group` makes of it. Of more than so many the oldest are forgotten,
    whose buckets are the fullest.
    """

    def __init__(self, per_hour: int) -> None:
        self._per_hour = per_hour
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, *, now_s: float | None = None) -> None:
        """Counts one registration of `address`.

        Raises:
            LimitExceeded: it has used up its hour's share.
        """
        now = time.monotonic() if now_s is None else now_s
        left, seen = self._buckets.pop(address, (float(self._per_hour), now))
        left = min(float(self._per_hour), left + (now - seen) * self._per_hour / _HOUR_S)
        is_allowed = left >= 1.0
        self._buckets[address] = (left - 1.0 if is_allowed else left, now)
        if len(self._buckets) > _ADDRESSES_KEPT:
            self._buckets.popitem(last=False)
        if not is_allowed:
            raise LimitExceeded(
                f"more than {self._per_hour} registrations in an hour from one address",
                retry_after_s=_HOUR_S // max(1, self._per_hour) + 1,
            )


def check_model_offer(offer: ModelOffer, *, record: WorkerRecord, catalog: Catalog) -> str:
    """Why the offered model will get no jobs; "" if it will."""
    if not catalog.has(offer.model):
        return "not in this network's catalog: see GET /api/catalog"
    if offer.model not in record.models:
        return "not registered for this worker: register again with it, using your token"
    model = catalog.get(offer.model)
    if not model.is_ready:
        return model.reason
    if model.runtimes and record.runtime not in model.runtimes:
        return f"may be served by {', '.join(model.runtimes)} only, not by {record.runtime}"
    if not model.runtimes and record.runtime == RuntimeName.ECHO.value:
        return "the simulator may serve basis-echo only"
    if model.digests and offer.digest not in model.digests:
        accepted = ", ".join(digest[:23] + "..." for digest in model.digests)
        return f"its artefact is {offer.digest[:23] or 'unknown'}..., accepted is {accepted}"
    if 0 < offer.context_tokens < model.context_tokens:
        return (
            f"its context is {offer.context_tokens} tokens, the catalog promises "
            f"{model.context_tokens}"
        )
    return ""
