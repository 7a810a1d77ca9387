"""Books what an operator repairs by hand, each with its reason; never more than once."""

from __future__ import annotations

from sqlalchemy import Connection

from basis.rules.errors import FloorBroken, NotFound
from basis.rules.ledger import AccountPath, Entry
from basis.rules.repairs import make_adjustment, make_reversal, validate_reason
from basis.rules.units import CREDIT, format_amount
from basis.storage.holds import load_available
from basis.storage.ledger_reading import (
    RecordedEntry,
    has_customer,
    load_recorded_entry,
    store_reason,
)
from basis.storage.ledger_store import load_entries, store_entries


def adjust(
    connection: Connection,
    *,
    key: str,
    source: AccountPath,
    target: AccountPath,
    asset: str,
    amount_raw: int,
    reason: str,
    now: str,
) -> RecordedEntry:
    """The adjustment of `key`, now on record; the same one again is a no-op.

    Raises:
        InvalidInput: nothing would move, a key or reason is none, or the account is not for hands.
        UnknownAccount: the chart has no such account, or not in this asset.
        NotFound: an account is of a customer that is not on record.
        FloorBroken: a balance would pass its bound, or a customer's credits its limit and holds.
        Conflict: the key is taken by another adjustment.
    """
    entry = make_adjustment(
        key=key, source=source, target=target, asset=asset, amount_raw=amount_raw
    )
    for account in (source, target):
        _validate_customer(connection, account)
    return _book(connection, entry, reason=reason, now=now)


def reverse(connection: Connection, name: str, *, reason: str, now: str) -> RecordedEntry:
    """The entry that takes the entry `name` back, now on record; again is a no-op.

    Raises:
        NotFound: there is no such entry.
        InvalidInput: another record says what one of its accounts holds, or the reason is none.
        FloorBroken: a balance would pass its bound, or a customer's credits its limit and holds.
        Conflict: it was reversed for another reason.
    """
    entry = make_reversal(load_recorded_entry(connection, name).entry)
    return _book(connection, entry, reason=reason, now=now)


def _book(connection: Connection, entry: Entry, *, reason: str, now: str) -> RecordedEntry:
    said = validate_reason(reason)
    is_repeat = bool(load_entries(connection, [entry.id]))
    store_entries(connection, [entry], now=now)
    store_reason(connection, entry.id, said)
    if not is_repeat:
        _validate_credits(connection, entry)
    return load_recorded_entry(connection, entry.id)


def _validate_credits(connection: Connection, entry: Entry) -> None:
    """Accepts an entry after which each customer that it takes from can still cover its jobs."""
    for posting in entry.postings:
        owner, _slash, user_id = posting.account.partition("/")
        if owner != "customer" or posting.asset != CREDIT.symbol or posting.amount_raw > 0:
            continue
        left = load_available(connection, user_id)
        if left is not None and left < 0:
            raise FloorBroken(
                f"{posting.account} would lack {format_amount(-left, CREDIT)} for its credit limit "
                f"and what its running jobs hold"
            )


def _validate_customer(connection: Connection, account: AccountPath) -> None:
    """A customer's name is of any spelling, so only the record tells a misspelt one."""
    owner, _slash, user_id = account.partition("/")
    if owner == "customer" and not has_customer(connection, user_id):
        raise NotFound(f"there is no customer {user_id!r}, so nothing can be booked on {account}")
