"""What owners signed: offers and withdrawals, append-only but for how each offer ended."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from basis.rules.canonical import canonical_json
from basis.rules.errors import NotFound
from basis.rules.offer import Offer, Signed, Withdrawal, compute_offer_hash, signed_json
from basis.rules.offer_checks import validate_nonce
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.schema import worker_offers
from basis.wire.offers import OfferForm, WithdrawalForm


class OfferStatus(enum.StrEnum):
    """What has become of a record. Only OPEN ever changes, once."""

    OPEN = "open"
    """An offer that has not ended: it waits for its beginning, or is live."""
    SUPERSEDED = "superseded"
    """One with a higher nonce has begun."""
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    OWNER_CHANGED = "owner_changed"
    """The worker is not paid to the wallet that signed it any more."""
    WITHDRAWAL = "withdrawal"
    """The record is a withdrawal, not an offer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRecord:
    """One thing that an owner signed, as it is on record."""

    hash: str
    signed: Signed
    signature: str
    rails: str
    """Version of the rails that judged it; "" for a withdrawal."""
    epoch: str
    """Version of the pricing epoch that it was judged by; "" for a withdrawal."""
    accepted_at: str
    status: OfferStatus
    ended_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferEnd:
    """That an offer is over, why, and since when."""

    hash: str
    status: OfferStatus
    ended_at: str


def new_offer_record(
    signed: Signed, *, signature: str, rails: str, epoch: str, now: str
) -> OfferRecord:
    """The record of what was accepted at the time `now`."""
    is_offer = isinstance(signed, Offer)
    return OfferRecord(
        hash=compute_offer_hash(signed),
        signed=signed,
        signature=signature,
        rails=rails,
        epoch=epoch,
        accepted_at=now,
        status=OfferStatus.OPEN if is_offer else OfferStatus.WITHDRAWAL,
    )


def store_signed(connection: Connection, record: OfferRecord) -> tuple[OfferRecord, bool]:
    """The record as it stands now, and whether it is new; a repeat changes nothing.

    A new withdrawal ends the open offers of its owner with a lower nonce.

    Raises:
        StaleNonce: the owner has signed something with this nonce or a higher one for this worker.
    """
    row = connection.execute(
        select(worker_offers).where(worker_offers.c.hash == record.hash)
    ).first()
    if row is not None:
        return _as_offer(row), False
    signed = record.signed
    last_nonce = connection.scalar(
        select(func.max(worker_offers.c.nonce)).where(
            worker_offers.c.worker_id == signed.worker_id, worker_offers.c.wallet == signed.wallet
        )
    )
    validate_nonce(signed, last_nonce=last_nonce or 0)
    connection.execute(
        insert(worker_offers).values(
            hash=record.hash,
            worker_id=signed.worker_id,
            wallet=signed.wallet,
            nonce=signed.nonce,
            content=canonical_json(signed_json(signed)).decode(),
            signature=record.signature,
            rails=record.rails,
            epoch=record.epoch,
            accepted_at=record.accepted_at,
            status=record.status.value,
            ended_at=record.ended_at,
        )
    )
    if isinstance(signed, Withdrawal):
        connection.execute(
            update(worker_offers)
            .where(
                worker_offers.c.worker_id == signed.worker_id,
                worker_offers.c.wallet == signed.wallet,
                worker_offers.c.nonce < signed.nonce,
                worker_offers.c.status == OfferStatus.OPEN.value,
            )
            .values(status=OfferStatus.WITHDRAWN.value, ended_at=record.accepted_at)
        )
    return record, True


def store_offer_ends(connection: Connection, ends: Iterable[OfferEnd]) -> None:
    """Records how offers ended; one that has ended already keeps its first end."""
    for end in ends:
        connection.execute(
            update(worker_offers)
            .where(
                worker_offers.c.hash == end.hash,
                worker_offers.c.status == OfferStatus.OPEN.value,
            )
            .values(status=end.status.value, ended_at=end.ended_at)
        )


def load_open_offers(connection: Connection) -> list[OfferRecord]:
    """Every offer that has not ended, oldest first."""
    rows = connection.execute(
        select(worker_offers)
        .where(worker_offers.c.status == OfferStatus.OPEN.value)
        .order_by(worker_offers.c.seq)
    )
    return [_as_offer(row) for row in rows]


def load_offer(connection: Connection, offer_hash: str) -> OfferRecord:
    """What was signed under this hash.

    Raises:
        NotFound: nothing was.
    """
    row = connection.execute(
        select(worker_offers).where(worker_offers.c.hash == offer_hash)
    ).first()
    if row is None:
        raise NotFound(f"there is no offer {offer_hash[:64]!r}; GET /api/workers/market shows some")
    return _as_offer(row)


def load_offers(
    connection: Connection, *, worker_id: str | None = None, limit: int
) -> list[OfferRecord]:
    """The newest records, of one worker or of all."""
    query = select(worker_offers).order_by(worker_offers.c.seq.desc()).limit(limit)
    if worker_id is not None:
        query = query.where(worker_offers.c.worker_id == worker_id)
    return [_as_offer(row) for row in connection.execute(query)]


@reads_rows_of(worker_offers)
def _as_offer(row: AnyRow) -> OfferRecord:
    status = OfferStatus(row.status)
    signed: Signed
    if status is OfferStatus.WITHDRAWAL:
        signed = msgspec.json.decode(row.content, type=WithdrawalForm).as_withdrawal()
    else:
        signed = msgspec.json.decode(row.content, type=OfferForm).as_offer()
    if (signed.worker_id, signed.wallet, signed.nonce) != (row.worker_id, row.wallet, row.nonce):
        raise ValueError("its content names another worker, wallet or nonce")
    if compute_offer_hash(signed) != row.hash:
        raise ValueError("its content has another hash")
    return OfferRecord(
        hash=row.hash,
        signed=signed,
        signature=row.signature,
        rails=row.rails,
        epoch=row.epoch,
        accepted_at=row.accepted_at,
        status=status,
        ended_at=row.ended_at,
    )
