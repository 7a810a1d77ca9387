"""Holds prices and time of a receipt to the offer that it names, and the offer to its signer."""

from __future__ import annotations

from collections import OrderedDict

from sqlalchemy import Connection

from basis.accounting.agreement import agreement_of_receipt
from basis.accounting.difference import Difference
from basis.rules.ecdsa import recover_wallet
from basis.rules.epochs import EpochBook
from basis.rules.errors import InvalidSignature, NotFound
from basis.rules.offer import Offer, compute_signed_digest
from basis.rules.offer_checks import RAILS
from basis.rules.offer_locks import find_price_flaw, is_in_time, later_rails
from basis.rules.pricing import compute_list_terms
from basis.storage.offer_store import OfferRecord, load_offer
from basis.storage.receipt_store import StoredReceipt

_KEPT = 10_000
"""Offers remembered at once: receipts of one time name the same few."""


class OfferReplay:
    """Reads each offer once, as long as there are not too many."""

    def __init__(self, connection: Connection, *, epochs: EpochBook) -> None:
        self._connection = connection
        self._epochs = epochs
        self._checked: OrderedDict[str, tuple[OfferRecord, Offer]] = OrderedDict()

    def expect(self, receipt: StoredReceipt) -> None:
        """Compares the prices of a receipt that were a worker's ask, once its terms are checked.

        Raises:
            Difference: there is no such offer, its wallet did not sign it, it asks otherwise or
                what the rails forbid, or it did not hold when the price was locked.
        """
        agreement = agreement_of_receipt(receipt)
        if agreement is None or not agreement.terms.offer_hash:
            return
        terms, locked_at = agreement.terms, agreement.locked_at
        name = f"receipt {receipt.recorded_hash}"
        record, offer = self._load(name, terms.offer_hash)
        epoch = self._epochs.of_version(terms.epoch)
        flaw = find_price_flaw(
            offer,
            terms,
            listed=compute_list_terms(
                epoch, model_id=terms.model_id, catalog_multiplier_bps=terms.multiplier_bps
            ),
            worker_floor_price=epoch.worker_floor_price,
            rails=later_rails(RAILS, first=record.rails),
        )
        if not flaw and not is_in_time(offer, accepted_at=record.accepted_at, at=locked_at):
            flaw = f"its offer {record.hash} did not hold at {locked_at}"
        if flaw:
            raise Difference(f"{name}: {flaw}")

    def _load(self, name: str, offer_hash: str) -> tuple[OfferRecord, Offer]:
        known = self._checked.get(offer_hash)
        if known is not None:
            return known
        try:
            record = load_offer(self._connection, offer_hash)
            offer = record.signed
            signer = recover_wallet(compute_signed_digest(offer), record.signature)
        except NotFound as error:
            raise Difference(f"{name}: its offer {offer_hash} is not on record") from error
        except InvalidSignature as error:
            raise Difference(f"offer {offer_hash}: {error.message}") from error
        if not isinstance(offer, Offer):
            raise Difference(f"{name} is priced by {offer_hash}, which is a withdrawal")
        if signer != offer.wallet:
            raise Difference(f"offer {offer_hash} is by {offer.wallet}, but {signer} signed it")
        self._checked[offer_hash] = record, offer
        if len(self._checked) > _KEPT:
            self._checked.popitem(last=False)
        return record, offer
