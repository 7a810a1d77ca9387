"""Payments: what came in from outside, whom it funded, and what of it was given back.

The ledger's `credits_funded` entries are what counts; a payment says where one came from, and keeps
what could not be booked until the operator says for whom it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from basis.rules.errors import Conflict
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.payment_tables import payments, refunds
from basis.storage.schema import ledger_entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One payment, or what the operator took back (`microcredits` are negative then).

    `source` and `key` name it for ever. `reference`, `account_given`, `currency` and `amount_minor`
    (the currency's smallest units) are as the payment service told them, "" and 0 of the operator's
    own. `user_id` is None while it funds nobody; `reason` then says why.
    """

    source: str
    key: str
    user_id: str | None
    microcredits: int
    returned_microcredits: int = 0
    """What of it was taken back because it was refunded."""
    reference: str = ""
    account_given: str = ""
    currency: str = ""
    amount_minor: int = 0
    tax_minor: int | None = 0
    """What of the amount is tax, which buys no credits; None where nobody read it."""
    reason: str = ""
    note: str = ""
    created_at: str
    assigned_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """How much of the payment behind `reference` was refunded in all."""

    reference: str
    currency: str
    refunded_minor: int
    updated_at: str


def store_payment(connection: Connection, payment: Payment) -> None:
    """Records a payment that is not on record."""
    connection.execute(
        insert(payments).values(
            source=payment.source,
            key=payment.key,
            user_id=payment.user_id,
            microcredits=payment.microcredits,
            returned_microcredits=payment.returned_microcredits,
            reference=payment.reference,
            account_given=payment.account_given,
            currency=payment.currency,
            amount_minor=payment.amount_minor,
            tax_minor=payment.tax_minor,
            reason=payment.reason,
            note=payment.note,
            created_at=payment.created_at,
            assigned_at=payment.assigned_at,
        )
    )


def load_payment(connection: Connection, *, source: str, key: str) -> Payment | None:
    """The payment of this name; None if there is none."""
    row = connection.execute(select(payments).where(_is_named(source, key))).first()
    return _as_payment(row) if row is not None else None


def find_payment(connection: Connection, *, source: str, reference: str) -> Payment | None:
    """The payment that the service knows under `reference`; None if there is none."""
    query = select(payments).where(
        payments.c.source == source, payments.c.reference == reference, payments.c.reference != ""
    )
    row = connection.execute(query.order_by(payments.c.key).limit(1)).first()
    return _as_payment(row) if row is not None else None


def load_payments(connection: Connection, user_id: str | None) -> list[Payment]:
    """What funded a customer, or with None what funds nobody yet; oldest first."""
    is_theirs = payments.c.user_id.is_(None) if user_id is None else payments.c.user_id == user_id
    ordered = select(payments).where(is_theirs).order_by(payments.c.created_at, payments.c.key)
    return [_as_payment(row) for row in connection.execute(ordered)]


def load_payments_of_keys(
    connection: Connection, keys: Sequence[str]
) -> dict[tuple[str, str], Payment]:
    """The payments that bear any of `keys`, by source and key; a thousand keys at most."""
    query = select(payments).where(payments.c.key.in_(list(keys)))
    found = (_as_payment(row) for row in connection.execute(query))
    return {(payment.source, payment.key): payment for payment in found}


def find_unbooked_payment(connection: Connection, *, kind: str) -> str:
    """Source and key of a payment that funded somebody without an entry of `kind`; "" if none."""
    cause = payments.c.source + "/" + payments.c.key
    booked = select(ledger_entries.c.cause).where(ledger_entries.c.kind == kind)
    query = select(cause).where(payments.c.user_id.is_not(None), cause.not_in(booked))
    return connection.execute(query.order_by(cause).limit(1)).scalar() or ""


def iterate_returned_payments(connection: Connection) -> Iterator[Payment]:
    """The payments of which anything was taken back because it was refunded, by source and key."""
    query = select(payments).where(payments.c.returned_microcredits != 0)
    ordered = query.order_by(payments.c.source, payments.c.key)
    return map(_as_payment, connection.execute(ordered))


def load_net_funding(connection: Connection, user_id: str) -> int:
    """Micro-credits that ever funded the customer, less those that were taken back."""
    net = payments.c.microcredits - payments.c.returned_microcredits
    query = select(func.coalesce(func.sum(net), 0)).where(payments.c.user_id == user_id)
    return connection.execute(query).scalar_one()


def store_assignment(
    connection: Connection, payment: Payment, *, user_id: str, microcredits: int, now: str
) -> None:
    """A payment that funded nobody now funds this customer."""
    connection.execute(
        update(payments)
        .where(_is_named(payment.source, payment.key), payments.c.user_id.is_(None))
        .values(user_id=user_id, microcredits=microcredits, reason="", assigned_at=now)
    )


def store_tax(connection: Connection, payment: Payment, *, tax_minor: int) -> None:
    """So much of a payment whose tax nobody had read is tax."""
    connection.execute(
        update(payments)
        .where(_is_named(payment.source, payment.key), payments.c.tax_minor.is_(None))
        .values(tax_minor=tax_minor)
    )


def store_returned(connection: Connection, payment: Payment, returned_microcredits: int) -> None:
    """So much of a payment was taken back in all."""
    connection.execute(
        update(payments)
        .where(_is_named(payment.source, payment.key))
        .values(returned_microcredits=returned_microcredits)
    )


def store_refund(
    connection: Connection, *, source: str, reference: str, currency: str, minor: int, now: str
) -> Refund:
    """Records that `minor` of a payment were refunded in all, and returns what then is on record.

    An older, smaller sum changes nothing.

    Raises:
        Conflict: what was refunded of it before was in another currency.
    """
    known = load_refund(connection, source=source, reference=reference)
    if known is not None and known.currency != currency:
        raise Conflict(
            f"the refund of {reference} is on record with the currency {known.currency!r}, "
            f"not {currency!r}"
        )
    insertion = upsert(refunds).values(
        source=source,
        reference=reference,
        currency=currency,
        refunded_minor=minor,
        updated_at=now,
    )
    connection.execute(
        insertion.on_conflict_do_update(
            index_elements=["source", "reference"],
            set_={
                "refunded_minor": insertion.excluded.refunded_minor,
                "updated_at": insertion.excluded.updated_at,
            },
            where=refunds.c.refunded_minor < insertion.excluded.refunded_minor,
        )
    )
    recorded = load_refund(connection, source=source, reference=reference)
    return recorded or Refund(
        reference=reference, currency=currency, refunded_minor=minor, updated_at=now
    )


def load_refund(connection: Connection, *, source: str, reference: str) -> Refund | None:
    """What was refunded of a payment; None if nothing was."""
    query = select(refunds).where(refunds.c.source == source, refunds.c.reference == reference)
    row = connection.execute(query).first()
    return _as_refund(row) if row is not None else None


def load_refunds(connection: Connection, *, source: str) -> list[Refund]:
    """Every refund of a service, by the payment's reference."""
    query = select(refunds).where(refunds.c.source == source).order_by(refunds.c.reference)
    return [_as_refund(row) for row in connection.execute(query)]


def _is_named(source: str, key: str):  # type: ignore[no-untyped-def]  # a boolean of SQLAlchemy's
    return (payments.c.source == source) & (payments.c.key == key)


@reads_rows_of(payments)
def _as_payment(row: AnyRow) -> Payment:
    return Payment(
        source=row.source,
        key=row.key,
        user_id=row.user_id,
        microcredits=row.microcredits,
        returned_microcredits=row.returned_microcredits,
        reference=row.reference,
        account_given=row.account_given,
        currency=row.currency,
        amount_minor=row.amount_minor,
        tax_minor=row.tax_minor,
        reason=row.reason,
        note=row.note,
        created_at=row.created_at,
        assigned_at=row.assigned_at,
    )


@reads_rows_of(refunds)
def _as_refund(row: AnyRow) -> Refund:
    return Refund(
        reference=row.reference,
        currency=row.currency,
        refunded_minor=row.refunded_minor,
        updated_at=row.updated_at,
    )
