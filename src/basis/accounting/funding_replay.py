"""Holds the entries by which credits came in to the payments on record, one by one.

A payment that funded a customer left one entry; each refund or dispute of a card payment left one
more, and together they are what the payment says was returned, and what follows from the refunds
and disputes on record. An entry of no payment is credits
from nowhere; a payment without its entry is credits that somebody lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection

from basis.accounting.card_returns import (
    STRIPE,
    compute_returned,
    load_returned_references,
)
from basis.accounting.difference import Difference, expect_equal
from basis.rules.entries import CREDITS_FUNDED, credits_funded, find_funding_flaw
from basis.rules.errors import InvalidInput
from basis.rules.job import UserId
from basis.rules.ledger import Entry
from basis.storage.ledger_store import iterate_entry_pages
from basis.storage.payment_store import (
    Payment,
    find_payment,
    find_unbooked_payment,
    iterate_returned_payments,
    load_payments_of_keys,
)

_REFUND: Final = "/refund/"
"""Between the name of a card payment and the sum that was refunded of it in all."""


def replay_funding(connection: Connection) -> Iterator[list[Entry]]:
    """The entries that payments and refunds must have left, by the page.

    Raises:
        Difference: an entry is of no payment or differs from it, or a payment has not its entries.
        DamagedRecord: a record cannot be read.
    """
    returned: defaultdict[tuple[str, str], int] = defaultdict(int)
    for page in iterate_entry_pages(connection, kind=CREDITS_FUNDED):
        known = load_payments_of_keys(connection, _possible_keys(page))
        try:
            yield [_replay(entry, known, returned) for entry in page]
        except InvalidInput as error:
            raise Difference(f"a payment cannot have been booked: {error.message}") from error
    unbooked = find_unbooked_payment(connection, kind=CREDITS_FUNDED)
    if unbooked:
        raise Difference(f"the ledger lacks the {CREDITS_FUNDED} entry of {unbooked}")
    for payment in iterate_returned_payments(connection):
        expect_equal(
            f"payment {payment.source}/{payment.key}",
            "returned micro-credits",
            recorded=payment.returned_microcredits,
            recomputed=returned.pop((payment.source, payment.key), 0),
        )
    for source, key in sorted(name for name, taken in returned.items() if taken):
        raise Difference(f"payment {source}/{key} has refunds in the ledger, and none on record")
    _check_returns(connection)


def _check_returns(connection: Connection) -> None:
    """Holds what was taken back of card payments to the refunds and disputes that were told."""
    found = (
        find_payment(connection, source=STRIPE, reference=reference)
        for reference in load_returned_references(connection)
    )
    told = [payment for payment in found if payment is not None]
    for payment in [*told, *iterate_returned_payments(connection)]:
        expect_equal(
            f"payment {payment.source}/{payment.key}",
            "micro-credits that its refunds and disputes take back",
            recorded=payment.returned_microcredits,
            recomputed=compute_returned(connection, payment),
        )


def _replay(
    entry: Entry,
    known: Mapping[tuple[str, str], Payment],
    returned: defaultdict[tuple[str, str], int],
) -> Entry:
    name = f"the ledger entry {entry.kind} of {entry.cause}"
    flaw = find_funding_flaw(entry)
    if flaw:
        raise Difference(f"{name}: {flaw}")
    source, _slash, key = entry.cause.partition("/")
    payment = known.get((source, key))
    if payment is not None and payment.user_id is not None:
        return credits_funded(
            user_id=UserId(payment.user_id),
            source=source,
            key=key,
            microcredits=payment.microcredits,
        )
    refunded = known.get((source, key.rpartition(_REFUND)[0]))
    if refunded is None or refunded.user_id is None:
        raise Difference(f"{name} is of no payment on record")
    moved = next(one.amount_raw for one in entry.postings if one.account.startswith("customer/"))
    returned[(refunded.source, refunded.key)] -= moved
    return credits_funded(
        user_id=UserId(refunded.user_id), source=source, key=key, microcredits=moved
    )


def _possible_keys(entries: Sequence[Entry]) -> list[str]:
    """The names of payments that the entries can be of, whatever their source."""
    keys: set[str] = set()
    for entry in entries:
        key = entry.cause.partition("/")[2]
        keys |= {key, key.rpartition(_REFUND)[0]}
    return sorted(keys)
