"""Payments by card, as the service that takes them tells us: each booked once.

A payment that cannot be booked (it names nobody we know, or is in another currency) is kept, so
that nothing is lost when the service stops telling of it; the operator then says whom it funds.
Tax buys no credits. What goes back is told in `card_returns`. Call these in a write transaction.
Source: mission N13; docs/decisions/0011-credits.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    find_payment,
    load_payment,
    store_assignment,
    store_payment,
    store_tax,
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
        Conflict: another payment of this name is on record, or of this reference.
    """
    known = load_payment(connection, source=STRIPE, key=told.key)
    if known is not None:
        _check_same(known, told)
        if known.user_id is not None:
            return Outcome.REPEATED
        if known.tax_minor is None:
            store_tax(connection, known, tax_minor=told.tax_minor)
    else:
        _check_reference(connection, told)
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
    connection: Connection,
    *,
    key: str,
    user_id: str,
    microcredits: int | None,
    tax_minor: int | None = None,
    now: str,
) -> Outcome:
    """Funds a customer by a payment that is kept; `microcredits` only where it is not in USD.

    `tax_minor` is for a payment that was kept before taxes were read: what of it is tax.

    Raises:
        NotFound: there is no such payment or customer.
        Conflict: it funds another customer already, or with another amount.
        InvalidInput: the amount is missing, or is not for the operator to say.
    """
    load_account(connection, user_id)
    payment = load_payment(connection, source=STRIPE, key=key)
    if payment is None:
        raise NotFound(f"no payment {key[:100]!r} is kept; `basis account unassigned` lists them")
    payment = _with_tax(connection, payment, tax_minor)
    if payment.currency == _CURRENCY:
        if microcredits is not None:
            raise InvalidInput(
                f"the payment {key} is in USD, so its credits are known: leave --credits out",
                param="credits",
            )
        microcredits = _worth_of_kept(payment)
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


def _with_tax(connection: Connection, payment: Payment, tax_minor: int | None) -> Payment:
    """The payment, with what the operator says of its tax put on record where that is unknown."""
    if tax_minor is None or payment.tax_minor == tax_minor:
        return payment
    if payment.tax_minor is not None or payment.user_id is not None:
        raise InvalidInput(
            f"the tax of the payment {payment.key} is known: leave --tax-minor out",
            param="tax_minor",
        )
    if not 0 <= tax_minor < payment.amount_minor:
        raise InvalidInput(
            f"a tax of {tax_minor} cannot be of a payment of {payment.amount_minor}",
            param="tax_minor",
        )
    store_tax(connection, payment, tax_minor=tax_minor)
    return replace(payment, tax_minor=tax_minor)


def _worth_of_kept(payment: Payment) -> int:
    """The micro-credits of a payment in USD; of one that funds somebody, those that it bought.

    Raises:
        InvalidInput: nobody knows its tax, which buys no credits.
    """
    if payment.user_id is not None:
        return payment.microcredits
    if payment.tax_minor is None:
        raise InvalidInput(
            f"the payment {payment.key} was kept before taxes were read: say with --tax-minor how "
            f"many cents of its {payment.amount_minor} are tax, 0 if none",
            param="tax_minor",
        )
    return _worth_of(amount_minor=payment.amount_minor, tax_minor=payment.tax_minor)


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


def _check_reference(connection: Connection, told: CardPayment) -> None:
    """A refund names the reference alone, so that it can be of one payment only."""
    other = find_payment(connection, source=STRIPE, reference=told.reference)
    if other is not None:
        raise Conflict(
            f"the reference {told.reference} is on record with the payment {other.key}, "
            f"not {told.key}"
        )


def _check_same(known: Payment, told: CardPayment) -> None:
    told_again = [
        ("amount", known.amount_minor, told.amount_minor),
        ("currency", known.currency, told.currency),
        ("customer", known.account_given, told.account),
    ]
    if known.user_id is None and known.tax_minor is not None:
        # What was booked before taxes were read stays booked, whatever its tax was.
        told_again.append(("tax", known.tax_minor, told.tax_minor))
    for name, recorded, repeated in told_again:
        if recorded != repeated:
            raise Conflict(
                f"the payment {known.key} is on record with the {name} {recorded!r}, "
                f"not {repeated!r}"
            )
