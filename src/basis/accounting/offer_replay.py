"""Holds the prices of a receipt against the offer that it names, and the offer to its signer."""

from __future__ import annotations

from collections import OrderedDict

from sqlalchemy import Connection

from basis.accounting.difference import Difference
from basis.rules.ecdsa import recover_wallet
from basis.rules.errors import InvalidSignature, NotFound
from basis.rules.offer import Offer, compute_signed_digest
from basis.storage.offer_store import load_offer
from basis.storage.receipt_store import StoredReceipt

_KEPT = 10_000
"""Offers remembered at once: receipts of one time name the same few."""


class OfferReplay:
    """Reads each offer once, as long as there are not too many."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._checked: OrderedDict[str, Offer] = OrderedDict()

    def expect(self, receipt: StoredReceipt) -> None:
        """Compares the prices of a receipt that were a worker's ask.

        Raises:
            Difference: there is no such offer, its wallet did not sign it, or it asks otherwise.
        """
        charge = receipt.details.charge
        if charge is None or not charge.offer_hash:
            return
        name = f"receipt {receipt.recorded_hash}"
        offer = self._load(name, charge.offer_hash)
        model = receipt.core.model_id
        ask = next((one for one in offer.models if one.model == model), None)
        if ask is None:
            raise Difference(f"{name}: its offer {charge.offer_hash} asks nothing for {model}")
        asked = str(ask.prompt_price), str(ask.output_price)
        if (charge.prompt_price, charge.output_price) != asked:
            raise Difference(
                f"{name}: its prices are {charge.prompt_price} and {charge.output_price}, "
                f"but its offer asks {asked[0]} and {asked[1]}"
            )

    def _load(self, name: str, offer_hash: str) -> Offer:
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
        self._checked[offer_hash] = offer
        if len(self._checked) > _KEPT:
            self._checked.popitem(last=False)
        return offer
