"""What of card payments went back: refunds, and disputes that a customer's bank began.

The money has left already when we hear of it. So what it had bought is taken back even where it is
spent: the balance may then lie below the customer's limit, and nothing is accepted until it is
topped up. What is booked is the difference between what must be taken back by all that was told and
what was before, so that events may repeat and come in any order. What cannot be booked is kept, and
told with its reason until it can. Call these in a write transaction.
Source: mission N13; docs/decisions/0011-credits.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from basis.accounting.funding import Outcome, book_credits
from basis.rules.units import mul_div_floor
from basis.storage.dispute_store import Dispute, find_dispute, load_disputes, store_dispute
from basis.storage.payment_store import (
    Payment,
    find_payment,
    load_refund,
    load_refunds,
    store_refund,
    store_returned,
)

STRIPE: Final = "stripe"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardReturn:
    """A refund (`key` is "") or dispute as recorded, with the payment that it is of, if known.

    `amount_minor` is what left us by it. `reason` says why not all of it was taken back; "" if it
    was, or nothing left.
    """

    key: str
    reference: str
    payment: Payment | None
    currency: str
    amount_minor: int
    status: str
    reason: str
    updated_at: str


def receive_refund(
    connection: Connection, *, reference: str, currency: str, refunded_minor: int, now: str
) -> Outcome:
    """Takes back what of a payment was refunded in all, as far as it was not taken back before."""
    refund = store_refund(
        connection,
        source=STRIPE,
        reference=reference,
        currency=currency,
        minor=refunded_minor,
        now=now,
    )
    payment = find_payment(connection, source=STRIPE, reference=reference)
    if payment is None or payment.user_id is None:
        return Outcome.UNASSIGNED
    if refund.currency != payment.currency:
        return Outcome.UNBOOKED
    return Outcome.REFUNDED if book_returns(connection, payment, now=now) else Outcome.REPEATED


def receive_dispute(connection: Connection, told: Dispute) -> Outcome:
    """Takes back what a dispute withdrew, and gives again what it reinstated.

    What counts is all that was told of it: a later event may leave out which payment it is of.

    Raises:
        Conflict: another dispute of this name is on record.
    """
    is_news = store_dispute(connection, told)
    recorded = find_dispute(connection, source=told.source, key=told.key) or told
    payment = find_payment(connection, source=STRIPE, reference=recorded.reference)
    if payment is None or payment.user_id is None:
        return Outcome.UNASSIGNED
    if recorded.currency != payment.currency:
        return Outcome.UNBOOKED
    taken = book_returns(connection, payment, now=told.updated_at)
    if taken:
        return Outcome.REFUNDED if taken > 0 else Outcome.REINSTATED
    return Outcome.NOTED if is_news else Outcome.REPEATED


def book_returns(connection: Connection, payment: Payment, *, now: str) -> int:
    """Books what of `payment` is to be taken back and was not; returns it, negative if given again.

    Never more is taken back than the payment had bought.
    """
    if payment.user_id is None or payment.amount_minor <= 0 or not payment.reference:
        return 0
    refunded, lost = _load_sums(connection, payment)
    in_all = _share_gone(payment, refunded, lost)
    more = in_all - payment.returned_microcredits
    if more == 0:
        return 0
    store_returned(connection, payment, in_all)
    # Every sum in it only grows, so that each step has a name of its own.
    key = f"{payment.key}/refund/{refunded}"
    if lost:
        withdrawn = sum(one.withdrawn_minor for one in lost)
        key += f"/disputed/{withdrawn}/{sum(one.reinstated_minor for one in lost)}"
    book_credits(connection, STRIPE, key, user_id=payment.user_id, microcredits=-more, now=now)
    return more


def compute_returned(connection: Connection, payment: Payment) -> int:
    """The micro-credits that all that was told of a payment's refunds and disputes takes back."""
    if payment.user_id is None or payment.amount_minor <= 0 or not payment.reference:
        return 0
    return _share_gone(payment, *_load_sums(connection, payment))


def load_returned_references(connection: Connection) -> list[str]:
    """The references of the card payments that a refund or dispute was told of, sorted."""
    told = {refund.reference for refund in load_refunds(connection, source=STRIPE)}
    told |= {dispute.reference for dispute in load_disputes(connection, source=STRIPE)}
    return sorted(told - {""})


def load_card_returns(connection: Connection, *, user_id: str | None = None) -> list[CardReturn]:
    """Every refund and dispute on record, or those of a customer's payments: refunds first."""
    returns = [
        _judge(
            connection,
            key="",
            reference=refund.reference,
            currency=refund.currency,
            amount_minor=refund.refunded_minor,
            status="refunded",
            updated_at=refund.updated_at,
        )
        for refund in load_refunds(connection, source=STRIPE)
    ]
    returns += [
        _judge(
            connection,
            key=dispute.key,
            reference=dispute.reference,
            currency=dispute.currency,
            amount_minor=dispute.lost_minor,
            status=dispute.status,
            updated_at=dispute.updated_at,
        )
        for dispute in load_disputes(connection, source=STRIPE)
    ]
    if user_id is None:
        return returns
    return [one for one in returns if one.payment is not None and one.payment.user_id == user_id]


def find_return_flaw(connection: Connection, *, reference: str, currency: str) -> str:
    """Why what left us of the payment `reference` was not all taken back; "" if it was."""
    payment = find_payment(connection, source=STRIPE, reference=reference)
    if payment is None:
        return "no payment of this reference is on record"
    if payment.user_id is None:
        return "its payment funds nobody yet: see `basis account unassigned`"
    if currency != payment.currency:
        return f"it is in {currency!r}, and its payment in {payment.currency!r}"
    refunded, lost = _load_sums(connection, payment)
    over = refunded + sum(one.lost_minor for one in lost) - payment.amount_minor
    if over > 0:
        return f"{over} more went back than the {payment.amount_minor} that were paid"
    due = _share_gone(payment, refunded, lost)
    if due != payment.returned_microcredits:
        return f"{due} micro-credits are to be taken back, and {payment.returned_microcredits} were"
    return ""


def _judge(
    connection: Connection,
    *,
    key: str,
    reference: str,
    currency: str,
    amount_minor: int,
    status: str,
    updated_at: str,
) -> CardReturn:
    flaw = ""
    if amount_minor:
        flaw = find_return_flaw(connection, reference=reference, currency=currency)
    return CardReturn(
        key=key,
        reference=reference,
        payment=find_payment(connection, source=STRIPE, reference=reference),
        currency=currency,
        amount_minor=amount_minor,
        status=status,
        reason=flaw,
        updated_at=updated_at,
    )


def _share_gone(payment: Payment, refunded_minor: int, lost: Sequence[Dispute]) -> int:
    """What of the credits goes with the money that went back: never more than all of them."""
    gone_minor = refunded_minor + sum(one.lost_minor for one in lost)
    return mul_div_floor(
        payment.microcredits, min(gone_minor, payment.amount_minor), payment.amount_minor
    )


def _load_sums(connection: Connection, payment: Payment) -> tuple[int, list[Dispute]]:
    """What was refunded of a payment in all, and its disputes, as far as in its currency."""
    refund = load_refund(connection, source=STRIPE, reference=payment.reference)
    refunded = 0
    if refund is not None and refund.currency == payment.currency:
        refunded = refund.refunded_minor
    disputes = load_disputes(connection, source=STRIPE, reference=payment.reference)
    return refunded, [one for one in disputes if one.currency == payment.currency]
