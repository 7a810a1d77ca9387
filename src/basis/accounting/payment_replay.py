"""Payments against the entries that booked them: whom they funded, and how much came back."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from basis.accounting.difference import Difference, expect_equal
from basis.rules.entries import CREDITS_FUNDED, credits_funded
from basis.rules.job import UserId
from basis.rules.ledger import Entry, entry_id
from basis.storage.ledger_store import load_entries
from basis.storage.payment_store import Payment, iterate_payment_pages

_REFUND = "/refund/"


def refunded_payment(entry: Entry) -> tuple[str, int] | None:
    """(cause of the payment, micro-credits) that a funding entry gave back; None of others."""
    payment, is_refund, _sum = entry.cause.partition(_REFUND)
    if not is_refund or not payment.startswith("stripe/"):
        return None
    return payment, sum(
        -posting.amount_raw for posting in entry.postings if posting.account.startswith("customer/")
    )


def replay_payments(connection: Connection, refunded: Mapping[str, int]) -> None:
    """Accepts payments that say what the ledger says; `refunded` sums it up by their causes.

    Raises:
        Difference: one names another customer or amount than its entry, or has none.
    """
    left = dict(refunded)
    for page in iterate_payment_pages(connection):
        causes = {f"{payment.source}/{payment.key}": payment for payment in page}
        ids = {cause: entry_id(kind=CREDITS_FUNDED, cause=cause) for cause in causes}
        entries = load_entries(connection, list(ids.values()))
        for cause, payment in causes.items():
            expect_equal(
                f"the payment {cause}",
                "its entry",
                recorded=entries.get(ids[cause]),
                recomputed=_entry_of(payment),
            )
            expect_equal(
                f"the payment {cause}",
                "what was given back of it",
                recorded=payment.returned_microcredits,
                recomputed=left.pop(cause, 0),
            )
    for cause in sorted(left):
        raise Difference(f"the payment {cause} was refunded, but is not on record")


def _entry_of(payment: Payment) -> Entry | None:
    """The entry that a payment must have; one that funds nobody has none."""
    if payment.user_id is None:
        return None
    if payment.microcredits == 0:
        name = f"{payment.source}/{payment.key}"
        raise Difference(f"the payment {name} funds {payment.user_id} with nothing")
    return credits_funded(
        user_id=UserId(payment.user_id),
        source=payment.source,
        key=payment.key,
        microcredits=payment.microcredits,
    )
