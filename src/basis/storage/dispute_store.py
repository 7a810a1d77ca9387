"""Disputes of payments, as the payment service tells of them in whatever order.

Each sum only grows, and an end stays an end, so that events that repeat or overtake one another
come to the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from basis.rules.errors import Conflict
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.payment_tables import disputes

_ENDS: Final = frozenset({"won", "lost", "warning_closed"})
"""States that an event which comes late does not undo. That Stripe leaves none of them is ours to
assume: its list of states gives no order. They are only shown: what is booked goes by the sums."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A customer's bank asks for a payment back; `source` and `key` name it for ever.

    `reference` is that of the payment. `withdrawn_minor` left us, `reinstated_minor` came back;
    both are 0 while it is only asked.
    """

    source: str
    key: str
    reference: str
    currency: str
    amount_minor: int
    withdrawn_minor: int
    reinstated_minor: int
    status: str
    updated_at: str

    @property
    def lost_minor(self) -> int:
        """What is gone at this moment. What was given back before it was taken counts as both."""
        return max(0, self.withdrawn_minor - self.reinstated_minor)


def store_dispute(connection: Connection, told: Dispute) -> bool:
    """Adds what was told of a dispute to what is on record of it; whether that is any news.

    Raises:
        Conflict: it is on record in another currency, or of another payment.
    """
    known = find_dispute(connection, source=told.source, key=told.key)
    now_known = told if known is None else _merge(known, told)
    if now_known == known:
        return False
    insertion = insert(disputes).values(
        source=now_known.source,
        key=now_known.key,
        reference=now_known.reference,
        currency=now_known.currency,
        amount_minor=now_known.amount_minor,
        withdrawn_minor=now_known.withdrawn_minor,
        reinstated_minor=now_known.reinstated_minor,
        status=now_known.status,
        updated_at=told.updated_at,
    )
    names = ("reference", "amount_minor", "withdrawn_minor", "reinstated_minor", "status")
    changed = {name: insertion.excluded[name] for name in (*names, "updated_at")}
    connection.execute(
        insertion.on_conflict_do_update(index_elements=["source", "key"], set_=changed)
    )
    return True


def find_dispute(connection: Connection, *, source: str, key: str) -> Dispute | None:
    """The dispute of this name; None if there is none."""
    query = select(disputes).where(disputes.c.source == source, disputes.c.key == key)
    row = connection.execute(query).first()
    return _as_dispute(row) if row is not None else None


def load_disputes(
    connection: Connection, *, source: str, reference: str | None = None
) -> list[Dispute]:
    """The disputes of a payment, or all of them, by name."""
    query = select(disputes).where(disputes.c.source == source).order_by(disputes.c.key)
    if reference is not None:
        query = query.where(disputes.c.reference == reference)
    return [_as_dispute(row) for row in connection.execute(query)]


def _merge(known: Dispute, told: Dispute) -> Dispute:
    for name, recorded, repeated in (
        ("currency", known.currency, told.currency),
        ("payment", known.reference, told.reference),
    ):
        if recorded and repeated and recorded != repeated:
            raise Conflict(
                f"the dispute {known.key} is on record with the {name} {recorded!r}, "
                f"not {repeated!r}"
            )
    return Dispute(
        source=known.source,
        key=known.key,
        reference=known.reference or told.reference,
        currency=known.currency,
        amount_minor=max(known.amount_minor, told.amount_minor),
        withdrawn_minor=max(known.withdrawn_minor, told.withdrawn_minor),
        reinstated_minor=max(known.reinstated_minor, told.reinstated_minor),
        status=known.status if known.status in _ENDS else told.status,
        updated_at=known.updated_at,
    )


@reads_rows_of(disputes)
def _as_dispute(row: AnyRow) -> Dispute:
    return Dispute(
        source=row.source,
        key=row.key,
        reference=row.reference,
        currency=row.currency,
        amount_minor=row.amount_minor,
        withdrawn_minor=row.withdrawn_minor,
        reinstated_minor=row.reinstated_minor,
        status=row.status,
        updated_at=row.updated_at,
    )
