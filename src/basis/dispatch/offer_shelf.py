"""Which offer of each worker counts at this moment, in memory and as time passes.

An offer ends at `expires_at`, when a later one begins, when it is withdrawn, when the worker is
paid to another wallet. An end is never undone, even if the clock goes backwards; so the book, whose
are durable truth and signatures too, gives it a steady time: `basis.dispatch.offers`.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from basis.rules.offer import ModelAsk, Offer
from basis.storage.clock import now_iso
from basis.storage.offer_store import OfferEnd, OfferRecord, OfferStatus

_DUE_SLACK = 1_000
"""Times that may lie in the heap for offers that have ended before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOffer:
    """The offer of a worker that counts now."""

    record: OfferRecord
    offer: Offer
    asks: Mapping[str, ModelAsk]
    """By model."""


class OfferShelf:
    """Offers that have not ended, by worker. Event loop's thread only."""

    def __init__(
        self,
        *,
        owner_of: Callable[[str], str],
        on_change: Callable[[str, int | None], None],
        now_s: int,
    ) -> None:
        """`owner_of` gives the wallet that a worker is paid to, "" if it is not registered.

        `on_change` hears of each worker whose live offer changed, with the new one's capacity.
        """
        self._owner_of = owner_of
        self._on_change = on_change
        self.now_s = now_s
        """As of the last `advance`, in Unix seconds."""
        self.ends: dict[str, OfferEnd] = {}
        """By hash: ends that are not on record yet; the book takes them out."""
        self._open: defaultdict[str, list[OfferRecord]] = defaultdict(list)
        """By worker id, sorted by nonce."""
        self._live: dict[str, LiveOffer] = {}
        self._by_model: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        """model -> (sum of both asks, worker id) of its live offers, cheapest first."""
        self._due: list[tuple[int, str]] = []
        """A heap of (Unix seconds, worker id): when an offer begins or expires."""
        self._most_due = _DUE_SLACK

    def live_offer(self, worker_id: str) -> LiveOffer | None:
        """The offer of the worker that counts now, as of the last `advance`."""
        return self._live.get(worker_id)

    def open_offers(self, worker_id: str) -> list[OfferRecord]:
        """Those of the worker that have not ended: the live one, and those that wait to begin."""
        return list(self._open.get(worker_id, ()))

    def cheapest(self, model: str, *, limit: int) -> list[LiveOffer]:
        """Up to `limit` live offers that name the model, by the sum of their two asks."""
        return [self._live[worker_id] for _, worker_id in self._by_model.get(model, [])[:limit]]

    def count(self, model: str) -> int:
        """How many live offers name the model."""
        return len(self._by_model.get(model, ()))

    def add(self, record: OfferRecord) -> None:
        """Takes an offer that is on record, and lets it count if it has begun."""
        worker_id = record.signed.worker_id
        insort(self._open[worker_id], record, key=lambda one: one.signed.nonce)
        if len(self._due) > self._most_due:
            self._due = [due for records in self._open.values() for due in _dues(records)]
            heapq.heapify(self._due)
            self._most_due = 2 * len(self._due) + _DUE_SLACK
        else:
            for due in _dues([record]):
                heapq.heappush(self._due, due)
        self.settle(worker_id)

    def advance(self, now_s: int) -> None:
        """It is `now_s` Unix seconds now, which may be less than before: what had begun by then has
        begun, and what had ended has ended."""
        self.now_s = now_s
        while self._due and self._due[0][0] <= self.now_s:
            _, worker_id = heapq.heappop(self._due)
            self.settle(worker_id)

    def settle(self, worker_id: str) -> None:
        """Ends what is over, and lets the newest offer that has begun count."""
        wallet = self._owner_of(worker_id)
        before = self._live.get(worker_id)
        begun = "" if before is None else before.record.hash
        kept: list[OfferRecord] = []
        live: LiveOffer | None = None
        has_later_begun = False
        for record in reversed(self._open.pop(worker_id, [])):
            offer = record.signed
            if not isinstance(offer, Offer):
                continue
            if offer.wallet != wallet:
                self._end(record, OfferStatus.OWNER_CHANGED)
            elif has_later_begun:
                self._end(record, OfferStatus.SUPERSEDED)
            elif offer.not_before > self.now_s and record.hash != begun:
                kept.append(record)
            else:
                has_later_begun = True
                if offer.expires_at <= self.now_s:
                    self._end(record, OfferStatus.EXPIRED)
                    continue
                kept.append(record)
                asks = {ask.model: ask for ask in offer.models}
                live = LiveOffer(record=record, offer=offer, asks=asks)
        if kept:
            self._open[worker_id] = kept[::-1]
        self._put(worker_id, live)

    def withdraw(self, worker_id: str, *, below_nonce: int | None = None) -> int:
        """How many open offers are ended: those with a lower nonce, or all."""
        records = self._open.pop(worker_id, [])
        ended = [one for one in records if below_nonce is None or one.signed.nonce < below_nonce]
        for record in ended:
            self._end(record, OfferStatus.WITHDRAWN)
        if len(ended) < len(records):
            self._open[worker_id] = records[len(ended) :]
        self.settle(worker_id)
        return len(ended)

    def _end(self, record: OfferRecord, status: OfferStatus) -> None:
        self.ends[record.hash] = OfferEnd(hash=record.hash, status=status, ended_at=now_iso())

    def _put(self, worker_id: str, live: LiveOffer | None) -> None:
        before = self._live.pop(worker_id, None)
        if before is not None:
            for ask in before.offer.models:
                self._by_model[ask.model].remove(_listed(ask, worker_id))
        if live is not None:
            self._live[worker_id] = live
            for ask in live.offer.models:
                insort(self._by_model[ask.model], _listed(ask, worker_id))
        hashes = [None if one is None else one.record.hash for one in (before, live)]
        if hashes[0] != hashes[1]:
            self._on_change(worker_id, None if live is None else live.offer.capacity)


def _dues(records: Iterable[OfferRecord]) -> Iterator[tuple[int, str]]:
    """When these offers begin and expire."""
    for record in records:
        offer = record.signed
        if isinstance(offer, Offer):
            yield offer.not_before, offer.worker_id
            yield offer.expires_at, offer.worker_id


def _listed(ask: ModelAsk, worker_id: str) -> tuple[int, str]:
    return ask.prompt_price + ask.output_price, worker_id
