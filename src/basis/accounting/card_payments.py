"""Payments by card, as the service that takes them tells us: each booked once.

A payment that cannot be booked (it names nobody we know, or is in another currency) is kept, so
that nothing is lost when the service stops telling of it; the operator then says whom it funds.
Tax buys no credits. What goes back is told in `card_returns`. Call these in a write transaction.
Source: mission N13; docs/decisions/0011-credits.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from basis.accounting.card_returns import STRIPE, book_returns
from basis.accounting.funding import (
    MOST_MICROCREDITS,
    Outcome,
    book_credits,
    check_equal,
    out_of_range,
    spell_credits,
)
from basis.rules.errors import Conflict, InvalidInput, NotFound
from basis.storage.account_store import has_account, load_account
from basis.storage.payment_store import (
    Payment,
    load_payment,
    store_assignment,
    store_payment,
)

_CURRENCY = "usd"
_MICROCREDITS_PER_CENT = 10_000_000
"""1 credit = 0.001 USD. Source: mission N13."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPayment:
    """A payment as the service tells it: `key` names it, `reference` what a refund will name.

    `amount_minor` is all that was paid; `tax_minor` of it is the state's, and buys no credits.
    """

    key: str
    reference: str
    account: str
    currency: str
    amount_minor: int
    tax_minor: int = 0


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
        tax_minor=told.tax_minor,
        reason=reason,
        created_at=now,
    )
    if known is None:
        store_payment(connection, payment)
    if reason:
        return Outcome.UNASSIGNED
    microcredits = _worth_of(amount_minor=told.amount_minor, tax_minor=told.tax_minor)
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
        microcredits = _worth_of(amount_minor=payment.amount_minor, tax_minor=payment.tax_minor)
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


def _assign(
    connection: Connection, payment: Payment, *, user_id: str, microcredits: int, now: str
) -> None:
    store_assignment(connection, payment, user_id=user_id, microcredits=microcredits, now=now)
    book_credits(
        connection, STRIPE, payment.key, user_id=user_id, microcredits=microcredits, now=now
    )
    funded = load_payment(connection, source=STRIPE, key=payment.key)
    if funded is not None and funded.reference:
        book_returns(connection, funded, now=now)


def _worth_of(*, amount_minor: int, tax_minor: int) -> int:
    """The micro-credits that a payment in USD has bought."""
    return (amount_minor - tax_minor) * _MICROCREDITS_PER_CENT


def _why_unassigned(connection: Connection, told: CardPayment) -> str:
    if told.currency != _CURRENCY:
        return f"it is in {told.currency!r}: only USD is exchanged for credits"
    worth = _worth_of(amount_minor=told.amount_minor, tax_minor=told.tax_minor)
    if worth <= 0:
        return f"its tax of {told.tax_minor} leaves nothing of {told.amount_minor} for credits"
    if worth > MOST_MICROCREDITS:
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
