"""Reads the ledger as people ask for it: an entry by its name, an account in the order of booking,
the chart with its totals; and keeps the reasons of repairs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select

from basis.rules.errors import Conflict, NotFound
from basis.rules.ledger import AccountPath, Entry, EntryId
from basis.storage.amounts import read_signed_amount
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.ledger_store import with_postings
from basis.storage.schema import balances, ledger_entries, ledger_postings, ledger_reasons, users

LINES_PAGE: Final = 1_000
"""Postings that are read at once."""
_PREFIX: Final = re.compile(r"[0-9a-f]{8,64}", re.ASCII)
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_LARGEST_SEQ: Final = 2**63 - 1
"""Of a row in SQLite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEntry:
    """An entry with its place in the log; `reason` is that of a repair, else empty."""

    seq: int
    created_at: str
    entry: Entry
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """What one entry did to one account in one asset."""

    seq: int
    entry_id: EntryId
    kind: str
    cause: str
    created_at: str
    amount_raw: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What an account holds of an asset."""

    account: AccountPath
    asset: str
    balance_raw: int


def load_recorded_entry(connection: Connection, name: str) -> RecordedEntry:
    """The entry of this number, id, or beginning of an id (8 digits or more).

    Raises:
        NotFound: there is none, or `name` is the beginning of another one's id too.
        DamagedRecord: it cannot be read.
    """
    is_number = _NUMBER.fullmatch(name) is not None and int(name) <= _LARGEST_SEQ
    wanted: list[ColumnElement[bool]] = []
    if is_number:
        wanted.append(ledger_entries.c.seq == int(name))
    if _PREFIX.fullmatch(name):
        # Behind all ids that begin so, since no hexadecimal digit sorts behind "f".
        wanted.append(ledger_entries.c.id.between(name, name + "g"))
    if not wanted:
        raise NotFound(f"{name[:80]!r} names no entry: give its number or 8 digits of its id")
    query = select(ledger_entries).where(or_(*wanted)).order_by(ledger_entries.c.seq)
    rows = connection.execute(query.limit(2)).all()
    if not rows:
        raise NotFound(f"no entry is named {name[:80]!r}")
    if len(rows) > 1:
        both = " and ".join(f"{row.seq} ({row.id})" for row in rows)
        raise NotFound(f"more than one entry is named {name[:80]!r}, such as {both}: give the id")
    entry = with_postings(connection, rows)[0]
    return RecordedEntry(
        seq=rows[0].seq,
        created_at=rows[0].created_at,
        entry=entry,
        reason=load_reason(connection, entry.id),
    )


def has_customer(connection: Connection, user_id: str) -> bool:
    """Whether a customer of this id is on record."""
    return connection.execute(select(users.c.id).where(users.c.id == user_id)).first() is not None


def load_reason(connection: Connection, entry_id: EntryId) -> str:
    """Why the operator booked an entry; "" if it follows from another record."""
    query = select(ledger_reasons).where(ledger_reasons.c.entry_id == entry_id)
    row = connection.execute(query).first()
    return _as_reason(row) if row is not None else ""


def store_reason(connection: Connection, entry_id: EntryId, reason: str) -> None:
    """Records why an entry was booked; a repeat is a no-op.

    Raises:
        Conflict: another reason is on record.
    """
    recorded = load_reason(connection, entry_id)
    if recorded == reason:
        return
    if recorded:
        raise Conflict(f"entry {entry_id} exists with the cause {recorded!r}, not {reason!r}")
    connection.execute(insert(ledger_reasons).values(entry_id=entry_id, reason=reason))


def load_assets(connection: Connection, account: AccountPath) -> list[str]:
    """The assets in which anything was ever booked on `account`, in the order of their names."""
    query = select(ledger_postings.c.asset).where(ledger_postings.c.account == account).distinct()
    return sorted(str(asset) for asset in connection.execute(query).scalars())


def count_lines(connection: Connection, account: AccountPath, asset: str) -> int:
    """How many postings `account` has in `asset`."""
    query = select(func.count()).select_from(ledger_postings)
    here = (ledger_postings.c.account == account, ledger_postings.c.asset == asset)
    return connection.execute(query.where(*here)).scalar_one()


def iterate_lines(
    connection: Connection, account: AccountPath, asset: str
) -> Iterator[AccountLine]:
    """Every posting of `account` in `asset`, in the order of booking; read by the page.

    Raises:
        DamagedRecord: one of them cannot be read.
    """
    after_seq = 0
    while True:
        page = load_lines(connection, account, asset, after_seq=after_seq)
        yield from page
        if len(page) < LINES_PAGE:
            return
        after_seq = page[-1].seq


def load_lines(
    connection: Connection, account: AccountPath, asset: str, *, after_seq: int
) -> list[AccountLine]:
    """The next `LINES_PAGE` postings of `account` in `asset`, behind the entry `after_seq`.

    Raises:
        DamagedRecord: one of them cannot be read.
    """
    query = (
        select(ledger_postings, ledger_entries)
        .join(ledger_entries, ledger_entries.c.seq == ledger_postings.c.entry_seq)
        .where(ledger_postings.c.account == account, ledger_postings.c.asset == asset)
        .where(ledger_postings.c.entry_seq > after_seq)
        .order_by(ledger_postings.c.entry_seq)
        .limit(LINES_PAGE)
    )
    return [_as_line(row) for row in connection.execute(query)]


def iterate_balances(connection: Connection) -> Iterator[Balance]:
    """Every balance, the zeros too, by account and asset; read by the page.

    Raises:
        DamagedRecord: one of them cannot be read.
    """
    query = select(balances).order_by(balances.c.account, balances.c.asset)
    for row in connection.execution_options(yield_per=LINES_PAGE).execute(query):
        yield _as_balance(row)


def load_balance(connection: Connection, account: AccountPath, asset: str) -> int:
    """What `account` holds of `asset` by the projection; 0 where nothing was booked."""
    query = select(balances).where(balances.c.account == account, balances.c.asset == asset)
    row = connection.execute(query).first()
    return _as_balance(row).balance_raw if row is not None else 0


@reads_rows_of(ledger_reasons)
def _as_reason(row: AnyRow) -> str:
    return row.reason


@reads_rows_of(ledger_postings, ledger_entries)
def _as_line(row: AnyRow) -> AccountLine:
    return AccountLine(
        seq=row.seq,
        entry_id=EntryId(row.id),
        kind=row.kind,
        cause=row.cause,
        created_at=row.created_at,
        amount_raw=read_signed_amount(row.amount_raw, field="amount_raw"),
    )


@reads_rows_of(balances)
def _as_balance(row: AnyRow) -> Balance:
    return Balance(
        account=AccountPath(row.account),
        asset=row.asset,
        balance_raw=read_signed_amount(row.amount_raw, field="amount_raw"),
    )
