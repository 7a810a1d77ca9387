"""Payments by card, as the service that takes them tells us: booked once, refunds taken back.

A payment that cannot be booked (it names nobody we know, or is in another currency) is kept, so
that nothing is lost when the service stops telling of it; the operator then says whom it funds.
Call these in a write transaction.
Source: mission N13; docs/decisions/0011-credits.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from basis.accounting.funding import (
    MOST_MICROCREDITS,
    Outcome,
    book_credits,
    check_equal,
    out_of_range,
    spell_credits,
)
from basis.rules.errors import Conflict, InvalidInput, NotFound
from basis.rules.units import mul_div_floor
from basis.storage.account_store import has_account, load_account
from basis.storage.payment_store import (
    Payment,
    Refund,
    find_payment,
    load_payment,
    load_refund,
    store_assignment,
    store_payment,
    store_refund,
    store_returned,
)

STRIPE = "stripe"
_CURRENCY = "usd"
_MICROCREDITS_PER_CENT = 10_000_000
"""1 credit = 0.001 USD. Source: mission N13."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPayment:
    """A payment as the service tells it: `key` names it, `reference` what a refund will name."""

    key: str
    reference: str
    account: str
    currency: str
    amount_minor: int


def receive_payment(connection: Connection, told: CardPayment, *, now: str) -> Outcome:
    """Funds the customer that a payment names, once; keeps it where it names nobody.

    Raises:
        Conflict: another payment of this name is on record.
    """
    known = load_payment(connection, source=STRIPE, key=told.key)
    if known is not None:
        _check_same(known, told)
        if known.user_id is not None:
            return Outcome.REPEATED
    reason = _why_unassigned(connection, told)
    payment = known or Payment(
        source=STRIPE,
        key=told.key,
        user_id=None,
        microcredits=0,
        reference=told.reference,
        account_given=told.account,
        currency=told.currency,
        amount_minor=told.amount_minor,
        reason=reason,
        created_at=now,
    )
    if known is None:
        store_payment(connection, payment)
    if reason:
        return Outcome.UNASSIGNED
    microcredits = told.amount_minor * _MICROCREDITS_PER_CENT
    _assign(connection, payment, user_id=told.account, microcredits=microcredits, now=now)
    return Outcome.FUNDED


def assign_payment(
    connection: Connection, *, key: str, user_id: str, microcredits: int | None, now: str
) -> Outcome:
    """Funds a customer by a payment that is kept; `microcredits` only where it is not in USD.

    Raises:
        NotFound: there is no such payment or customer.
        Conflict: it funds another customer already, or with another amount.
        InvalidInput: the amount is missing, or is not for the operator to say.
    """
    load_account(connection, user_id)
    payment = load_payment(connection, source=STRIPE, key=key)
    if payment is None:
        raise NotFound(f"no payment {key[:100]!r} is kept; `basis account unassigned` lists them")
    if payment.currency == _CURRENCY:
        if microcredits is not None:
            raise InvalidInput(
                f"the payment {key} is in USD, so its credits are known: leave --credits out",
                param="credits",
            )
        microcredits = payment.amount_minor * _MICROCREDITS_PER_CENT
    elif microcredits is None:
        raise InvalidInput(
            f"the payment {key} is of {payment.amount_minor} in {payment.currency!r}: say with "
            f"--credits what it is worth",
            param="credits",
        )
    if payment.user_id is not None:
        check_equal(payment, user_id=user_id, microcredits=microcredits)
        return Outcome.REPEATED
    if not 1 <= microcredits <= MOST_MICROCREDITS:
        raise out_of_range(microcredits)
    _assign(connection, payment, user_id=user_id, microcredits=microcredits, now=now)
    return Outcome.FUNDED


def receive_refund(
    connection: Connection, *, reference: str, currency: str, refunded_minor: int, now: str
) -> Outcome:
    """Takes back what of a payment was refunded in all, as far as it was not taken back before.

    The money has left already. So this goes through even where the credits are spent: the balance
    may then lie below the customer's limit, and nothing is accepted until it is topped up.

    Raises:
        Conflict: more was refunded than was paid, or in another currency.
    """
    refund = store_refund(
        connection,
        source=STRIPE,
        reference=reference,
        currency=currency,
        minor=refunded_minor,
        now=now,
    )
    payment = find_payment(connection, source=STRIPE, reference=reference)
    if payment is None:
        return Outcome.UNASSIGNED
    if not _can_be_of(refund, payment):
        raise Conflict(
            f"the payment {payment.key} is of {payment.amount_minor} {payment.currency}, so "
            f"{refund.refunded_minor} {refund.currency} cannot be refunded of it"
        )
    if payment.user_id is None:
        return Outcome.UNASSIGNED
    return Outcome.REFUNDED if _return(connection, payment, now=now) else Outcome.REPEATED


def _assign(
    connection: Connection, payment: Payment, *, user_id: str, microcredits: int, now: str
) -> None:
    store_assignment(connection, payment, user_id=user_id, microcredits=microcredits, now=now)
    book_credits(
        connection, STRIPE, payment.key, user_id=user_id, microcredits=microcredits, now=now
    )
    funded = load_payment(connection, source=STRIPE, key=payment.key)
    if funded is not None and funded.reference:
        _return(connection, funded, now=now)


def _return(connection: Connection, payment: Payment, *, now: str) -> bool:
    """Books what was refunded of `payment` and not taken back yet; whether there was any."""
    refund = load_refund(connection, source=STRIPE, reference=payment.reference)
    if refund is None or payment.user_id is None or not _can_be_of(refund, payment):
        return False
    in_all = mul_div_floor(payment.microcredits, refund.refunded_minor, payment.amount_minor)
    more = in_all - payment.returned_microcredits
    if more <= 0:
        return False
    store_returned(connection, payment, in_all)
    key = f"{payment.key}/refund/{refund.refunded_minor}"
    book_credits(connection, STRIPE, key, user_id=payment.user_id, microcredits=-more, now=now)
    return True


def _can_be_of(refund: Refund, payment: Payment) -> bool:
    is_within = refund.refunded_minor <= payment.amount_minor
    return is_within and refund.currency == payment.currency


def _why_unassigned(connection: Connection, told: CardPayment) -> str:
    if told.currency != _CURRENCY:
        return f"it is in {told.currency!r}: only USD is exchanged for credits"
    if told.amount_minor * _MICROCREDITS_PER_CENT > MOST_MICROCREDITS:
        return f"it is more than {spell_credits(MOST_MICROCREDITS)}"
    if not told.account:
        return "it names no customer in client_reference_id"
    if not has_account(connection, told.account):
        return "the customer that it names is not on record"
    return ""


def _check_same(known: Payment, told: CardPayment) -> None:
    for name, recorded, repeated in (
        ("amount", known.amount_minor, told.amount_minor),
        ("currency", known.currency, told.currency),
        ("customer", known.account_given, told.account),
    ):
        if recorded != repeated:
            raise Conflict(
                f"the payment {known.key} is on record with the {name} {recorded!r}, "
                f"not {repeated!r}"
            )
