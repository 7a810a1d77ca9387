"""The book of offers: what owners signed, durable before it counts, and current as time passes.

Prices and time are judged when an offer comes; whose it is, by its signature. Event loop's thread
only; called by the gateway, which runs what must not be interrupted as tasks of their own.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import structlog

from basis.dispatch.lease import now_us
from basis.dispatch.offer_shelf import LiveOffer, OfferShelf
from basis.dispatch.roster import Roster
from basis.dispatch.steady_clock import SteadyClock
from basis.rules.ecdsa import recover_wallet
from basis.rules.errors import Conflict, NotFound, StorageUnavailable
from basis.rules.offer import ModelAsk, Offer, Signed, Withdrawal, compute_signed_digest
from basis.rules.offer_checks import (
    ModelBounds,
    validate_form,
    validate_owner,
    validate_prices,
    validate_time,
)
from basis.rules.wallet import parse_wallet
from basis.storage.clock import now_iso
from basis.storage.offer_store import (
    OfferRecord,
    OfferStatus,
    new_offer_record,
    store_offer_ends,
    store_signed,
)
from basis.storage.writer import GroupCommitWriter

_log = structlog.get_logger(__name__)
_SWEEP_S = 1.0
_FRESH_US = 250_000
"""How long a look at the clocks is good for to whoever asks for a job."""
_STEP_IS_BELIEVED_AFTER_S = 900
"""A wall clock that is set forward ends no offer before: time to set it right. Ours to choose."""
_MAX_OPEN = 8
"""Offers of one worker that have not ended: one that is live, and some that wait to begin."""


def _read_clocks() -> tuple[int, int]:
    return time.time_ns() // 1_000, now_us()


class OfferBook:
    """Takes offers and withdrawals, and says what each worker asks now."""

    def __init__(
        self,
        records: Iterable[OfferRecord],
        *,
        roster: Roster,
        writer: GroupCommitWriter,
        on_change: Callable[[str, int | None], None],
        read_clocks: Callable[[], tuple[int, int]] = _read_clocks,
    ) -> None:
        """`records` are those that have not ended; `on_change` is told as `OfferShelf` says.

        `read_clocks` gives the wall clock's microseconds since 1970, and a monotonic clock's.
        """
        self._roster = roster
        self._writer = writer
        self._being_stored: Counter[str] = Counter()
        """By worker id: offers that are on their way to the store."""
        self._read_clocks = read_clocks
        self._clock = SteadyClock(window_us=_STEP_IS_BELIEVED_AFTER_S * 1_000_000)
        self._looked_us = 0
        now_s = self._look()
        self.shelf = OfferShelf(owner_of=self._owner_of, on_change=on_change, now_s=now_s)
        for record in records:
            self.shelf.add(record)

    def advance(self) -> None:
        """Lets offers begin and end that are due. Cheap where it was done a moment ago."""
        _wall_us, monotonic_us = self._read_clocks()
        if monotonic_us - self._looked_us >= _FRESH_US:
            self.shelf.advance(self._look())

    def ask_of(
        self, worker_id: str, *, wallet: str, model: str
    ) -> tuple[LiveOffer, ModelAsk] | None:
        """What a worker that is paid to `wallet` asks for the model; None without an offer."""
        live = self.shelf.live_offer(worker_id)
        if live is None or live.offer.wallet != wallet:
            return None
        ask = live.asks.get(model)
        return None if ask is None else (live, ask)

    def state_of(self, record: OfferRecord) -> str:
        """In a word: waiting, live, or how it ended."""
        end = self.shelf.ends.get(record.hash)
        if end is not None:
            return end.status.value
        if record.status is not OfferStatus.OPEN:
            return record.status.value
        live = self.shelf.live_offer(record.signed.worker_id)
        return "live" if live is not None and live.record.hash == record.hash else "waiting"

    async def submit(
        self,
        offer: Offer,
        *,
        signature: str,
        bounds: Mapping[str, ModelBounds],
        rails: str,
        epoch: str,
    ) -> tuple[OfferRecord, bool]:
        """The record of an offer, durable, and whether it is new.

        Raises:
            NotFound: no such worker.
            InvalidInput, PriceOutsideRails, InvalidSignature: see `basis.rules.offer_checks`.
            WrongSigner: not by the wallet that the worker is paid to.
            StaleNonce: not after the owner's last word.
            Conflict: too many offers wait for their beginning.
            StorageUnavailable: nothing was recorded.
        """
        self.shelf.advance(self._look())
        self._validate_signed(offer, signature)
        record = new_offer_record(
            offer, signature=signature, rails=rails, epoch=epoch, now=now_iso()
        )
        open_offers = self.shelf.open_offers(offer.worker_id)
        for known in open_offers:
            if known.hash == record.hash:
                return known, False
        validate_time(offer, now_s=self.shelf.now_s)
        validate_prices(offer, bounds=bounds)
        if len(open_offers) + self._being_stored[offer.worker_id] >= _MAX_OPEN:
            raise Conflict(
                f"{_MAX_OPEN} offers of the worker {offer.worker_id} have not ended: withdraw some"
            )
        stored, is_new = await self._store(record)
        if is_new:
            self.shelf.add(stored)
        return stored, is_new

    async def withdraw(self, withdrawal: Withdrawal, *, signature: str) -> int:
        """How many offers the owner's signed withdrawal has ended, durably; a repeat ends none.

        Raises:
            NotFound, InvalidInput, InvalidSignature, WrongSigner, StaleNonce, StorageUnavailable:
                as for `submit`.
        """
        self._validate_signed(withdrawal, signature)
        record = new_offer_record(
            withdrawal, signature=signature, rails="", epoch="", now=now_iso()
        )
        await self._writer.write(lambda connection: store_signed(connection, record))
        return self.shelf.withdraw(withdrawal.worker_id, below_nonce=withdrawal.nonce)

    async def withdraw_all(self, worker_id: str) -> int:
        """How many offers of the worker are ended, durably; its token must have been checked.

        Raises:
            StorageUnavailable: they are over for now, and recorded as soon as that is possible.
        """
        ended = self.shelf.withdraw(worker_id)
        await self.record_ends()
        return ended

    async def on_registration(self, worker_id: str) -> None:
        """The worker may be paid to another wallet now: offers of the old one are over for good.

        Raises:
            StorageUnavailable: as for `withdraw_all`.
        """
        self.shelf.settle(worker_id)
        await self.record_ends()

    async def watch(self) -> None:
        """Lets offers begin and end when they are due, and records the ends. Runs for ever."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.shelf.advance(self._look())
            try:
                await self.record_ends()
            except StorageUnavailable:
                _log.warning("offer_ends_not_written", offers=len(self.shelf.ends))

    async def record_ends(self) -> None:
        """Makes the ends durable that are not yet.

        Raises:
            StorageUnavailable: they are tried again the next time.
        """
        ends = dict(self.shelf.ends)
        if ends:
            await self._writer.write(lambda connection: store_offer_ends(connection, ends.values()))
            for offer_hash in ends:
                self.shelf.ends.pop(offer_hash, None)

    def _look(self) -> int:
        wall_us, self._looked_us = self._read_clocks()
        return self._clock.look(wall_us=wall_us, monotonic_us=self._looked_us) // 1_000_000

    async def _store(self, record: OfferRecord) -> tuple[OfferRecord, bool]:
        """As `store_signed`; counted meanwhile, so that many at once do not pass the bound."""
        worker_id = record.signed.worker_id
        self._being_stored[worker_id] += 1
        try:
            return await self._writer.write(lambda connection: store_signed(connection, record))
        finally:
            self._being_stored[worker_id] -= 1
            if not self._being_stored[worker_id]:
                del self._being_stored[worker_id]

    def _validate_signed(self, signed: Signed, signature: str) -> None:
        validate_form(signed)
        owner = self._roster.get(signed.worker_id).wallet
        signer = recover_wallet(compute_signed_digest(signed), signature)
        validate_owner(signed, signer=signer, owner=parse_wallet(owner))

    def _owner_of(self, worker_id: str) -> str:
        try:
            return self._roster.get(worker_id).wallet
        except NotFound:
            return ""  # forgotten, as are ids that never worked
