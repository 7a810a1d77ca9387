"""The offers by which a period's receipts were priced, each in full as its owner signed it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from basis.accounting.parquet_file import ExportFile
from basis.rules.errors import DamagedRecord, NotFound
from basis.rules.export_market import ASKS, OFFERS
from basis.rules.manifest import FileRecord
from basis.rules.offer import Offer
from basis.storage.offer_store import load_offer
from basis.storage.receipt_store import StoredReceipt


class UsedOffers:
    """The different offers that receipts name, numbered as they first occur."""

    def __init__(self, connection: Connection, folder: Path) -> None:
        self._connection = connection
        self._offers = ExportFile(folder, OFFERS)
        self._asks = ExportFile(folder, ASKS)
        self._known: set[str] = set()

    def add(self, receipt: StoredReceipt) -> None:
        """Takes the offer of one receipt, if one priced it.

        Raises:
            DamagedRecord: it is not on record, or is no offer.
        """
        charge = receipt.details.charge
        if charge is None or not charge.offer_hash or charge.offer_hash in self._known:
            return
        self._known.add(charge.offer_hash)
        name = f"the offer {charge.offer_hash} of job {receipt.core.job_id}"
        try:
            record = load_offer(self._connection, charge.offer_hash)
        except NotFound as error:
            raise DamagedRecord(f"{name} is not on record: see `basis recompute`") from error
        offer = record.signed
        if not isinstance(offer, Offer):
            raise DamagedRecord(f"{name} is a withdrawal: see `basis recompute`")
        number = len(self._known)
        self._offers.add(
            {
                "number": number,
                "hash": record.hash,
                "worker_id": offer.worker_id,
                "wallet": offer.wallet,
                "capacity": offer.capacity,
                "not_before": offer.not_before,
                "expires_at": offer.expires_at,
                "nonce": offer.nonce,
                "signature": record.signature,
                "rails": record.rails,
                "accepted_at": record.accepted_at,
            }
        )
        for place, ask in enumerate(offer.models, start=1):
            self._asks.add(
                {
                    "offer": number,
                    "place": place,
                    "model": ask.model,
                    "prompt_price": ask.prompt_price,
                    "output_price": ask.output_price,
                }
            )

    def close(self) -> list[FileRecord]:
        """What the manifest says of their two files."""
        return [self._offers.close(), self._asks.close()]
