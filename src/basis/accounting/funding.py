"""Credits that the operator gives and takes back, and how credits are booked from any source.

Every movement is an entry of `credits_funded`, named by its payment for ever, so that a repeat
books nothing; where it came from stands in the payment's own record. Call these in a write
transaction.
Source: mission N13; docs/decisions/0011-credits.md.
"""

from __future__ import annotations

import enum
import re

from sqlalchemy import Connection

from basis.rules.entries import credits_funded
from basis.rules.errors import Conflict, InsufficientCredits, InvalidInput
from basis.rules.job import UserId
from basis.rules.units import CREDIT, format_amount
from basis.storage.account_store import load_account
from basis.storage.holds import load_available
from basis.storage.ledger_store import store_entries
from basis.storage.payment_store import (
    Payment,
    load_net_funding,
    load_payment,
    store_payment,
)

OPERATOR = "operator"
MOST_MICROCREDITS = 10**15
"""A billion credits, a million USD: more at once is a slip of the pen. Ours to choose."""
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}", re.ASCII)
_LONGEST_NOTE = 200


class Outcome(enum.StrEnum):
    """What became of a payment or refund that was told."""

    FUNDED = "funded"
    REFUNDED = "refunded"
    REINSTATED = "reinstated"
    """What a dispute had taken was given again."""
    NOTED = "noted"
    """It is on record, and moves no credits."""
    UNBOOKED = "unbooked"
    """It is on record and cannot be booked: `basis account returns` says why."""
    REPEATED = "repeated"
    """It was booked before."""
    UNASSIGNED = "unassigned"
    """It is kept until the operator, or a later event, says whom it funds."""


def top_up(
    connection: Connection, *, user_id: str, key: str, microcredits: int, note: str = "", now: str
) -> Outcome:
    """Funds a customer by the operator's word; the same key again books nothing.

    Raises:
        InvalidInput: an amount, key or note that cannot be.
        NotFound: there is no such customer.
        Conflict: the key stands for another amount or customer.
    """
    load_account(connection, user_id)
    _validate(key=key, microcredits=microcredits, note=note)
    return _move(
        connection, user_id=user_id, key=key, microcredits=microcredits, note=note, now=now
    )


def take_back(
    connection: Connection, *, user_id: str, key: str, microcredits: int, note: str = "", now: str
) -> Outcome:
    """Takes credits back that were funded; never those that a running job holds.

    Raises:
        InvalidInput: an amount, key or note that cannot be, or more than was ever funded.
        NotFound: there is no such customer.
        Conflict: the key stands for another amount or customer.
        InsufficientCredits: fewer can be spent at this moment.
    """
    load_account(connection, user_id)
    _validate(key=key, microcredits=microcredits, note=note)
    if load_payment(connection, source=OPERATOR, key=key) is None:
        funded = load_net_funding(connection, user_id)
        if microcredits > funded:
            raise InvalidInput(
                f"{spell_credits(microcredits)} are more than the {spell_credits(funded)} that "
                f"funded {user_id} and were not taken back yet",
                param="credits",
            )
        available = load_available(connection, user_id)
        if available is not None and microcredits > available:
            raise InsufficientCredits(
                f"{user_id} can spend {spell_credits(available)}, so "
                f"{spell_credits(microcredits)} cannot be taken back: the rest is spent, or held "
                f"by jobs that run",
                required=microcredits,
                available=available,
            )
    return _move(
        connection, user_id=user_id, key=key, microcredits=-microcredits, note=note, now=now
    )


def _move(
    connection: Connection, *, user_id: str, key: str, microcredits: int, note: str, now: str
) -> Outcome:
    known = load_payment(connection, source=OPERATOR, key=key)
    if known is not None:
        check_equal(known, user_id=user_id, microcredits=microcredits)
        return Outcome.REPEATED
    store_payment(
        connection,
        Payment(
            source=OPERATOR,
            key=key,
            user_id=user_id,
            microcredits=microcredits,
            note=note,
            created_at=now,
            assigned_at=now,
        ),
    )
    book_credits(connection, OPERATOR, key, user_id=user_id, microcredits=microcredits, now=now)
    return Outcome.FUNDED


def book_credits(
    connection: Connection, source: str, key: str, *, user_id: str, microcredits: int, now: str
) -> None:
    """Books credits for a customer, or takes them back; `key` names the payment for ever.

    Raises:
        Conflict: an entry of this name says otherwise.
    """
    entry = credits_funded(
        user_id=UserId(user_id), source=source, key=key, microcredits=microcredits
    )
    store_entries(connection, [entry], now=now)


def _validate(*, key: str, microcredits: int, note: str) -> None:
    if not _KEY.fullmatch(key):
        raise InvalidInput(
            f"the key is {key[:100]!r}: expected 1 to 100 letters, digits, '.', '_', ':', '/' or "
            f"'-', such as the number of an invoice",
            param="key",
        )
    if not 1 <= microcredits <= MOST_MICROCREDITS:
        raise out_of_range(microcredits)
    if len(note) > _LONGEST_NOTE or not note.isprintable():
        raise InvalidInput(
            f"the note must be a line of at most {_LONGEST_NOTE} printable characters", param="note"
        )


def out_of_range(microcredits: int) -> InvalidInput:
    """What is raised for an amount that nobody means."""
    return InvalidInput(
        f"{spell_credits(microcredits)} cannot be booked at once: expected {spell_credits(1)} to "
        f"{spell_credits(MOST_MICROCREDITS)}",
        param="credits",
    )


def check_equal(known: Payment, *, user_id: str, microcredits: int) -> None:
    """Accepts a repeat of a payment that is on record.

    Raises:
        Conflict: it moved credits of another customer, or another amount.
    """
    if known.user_id != user_id:
        raise Conflict(
            f"the key {known.key} has moved credits of the customer {known.user_id}, not {user_id}"
        )
    if known.microcredits != microcredits:
        raise Conflict(
            f"the key {known.key} has moved {spell_credits(known.microcredits)}, "
            f"not {spell_credits(microcredits)}"
        )


def spell_credits(microcredits: int) -> str:
    """Micro-credits in words: `12.5 CREDIT`."""
    return format_amount(microcredits, CREDIT)
