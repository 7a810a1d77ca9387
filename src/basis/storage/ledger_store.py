"""Books entries: appended once, balances kept beside them in the same transaction.

Nothing is booked on an account that the chart does not know, nor past an account's bound. The chart
is asked when an account is first booked on; the bounds hold after all entries of one call. The
credit limits of customers are not known here: holds keep them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from sqlalchemy import Connection, bindparam, delete, func, insert, select
from sqlalchemy.dialects import sqlite

from basis.rules.accounts import account_of_path, bound_of, floor_broken, is_within
from basis.rules.entries import CREDITS_FUNDED
from basis.rules.ledger import AccountPath, Entry, EntryId, Posting, check_repeat
from basis.rules.phase_entries import CAUSE_PREFIX
from basis.rules.repairs import REPAIRS
from basis.storage.amounts import read_signed_amount
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.schema import balances, batches, ledger_entries, ledger_postings, receipts

_Item = TypeVar("_Item")
_Key = tuple[AccountPath, str]
IN_LIST: Final = 500
"""Values of one IN (...), and entries of one page: well below SQLite's limit."""
_HASH_DIGITS: Final = 64
"""A batch is the cause of its entries as `<hash>/<attempt>`."""

# Built once: making a statement costs more than running it, and these run for every job. Those
# that write go to the driver as they are, with their rows as tuples in the order of the columns.
_ADD_ENTRY = str(insert(ledger_entries).compile(dialect=sqlite.dialect()))
_ADD_POSTING = str(insert(ledger_postings).compile(dialect=sqlite.dialect()))
_NEWEST_SEQ = select(func.coalesce(func.max(ledger_entries.c.seq), 0))
_ENTRIES_OF_IDS = select(ledger_entries).where(
    ledger_entries.c.id.in_(bindparam("ids", expanding=True))
)
_POSTINGS_OF_ENTRIES = (
    select(ledger_postings)
    .where(ledger_postings.c.entry_seq.in_(bindparam("seqs", expanding=True)))
    .order_by(ledger_postings.c.entry_seq, ledger_postings.c.account, ledger_postings.c.asset)
)
# By account alone: SQLite reads the whole table for a list of pairs.
_BALANCES_OF = select(balances).where(balances.c.account.in_(bindparam("accounts", expanding=True)))
_UPSERT_BALANCE = sqlite.insert(balances)
_SET_BALANCE = str(
    _UPSERT_BALANCE.on_conflict_do_update(
        index_elements=["account", "asset"],
        set_={"amount_raw": _UPSERT_BALANCE.excluded.amount_raw},
    ).compile(dialect=sqlite.dialect())
)


def store_entries(
    connection: Connection,
    entries: Sequence[Entry],
    *,
    now: str,
    admitted: Collection[AccountPath] = (),
) -> None:
    """Appends `entries` as of `now`; as `store_dated_entries` otherwise."""
    dates = {entry.id: now for entry in entries}
    store_dated_entries(connection, entries, dates=dates, admitted=admitted)


def store_dated_entries(
    connection: Connection,
    entries: Sequence[Entry],
    *,
    dates: Mapping[EntryId, str],
    admitted: Collection[AccountPath] = (),
) -> None:
    """Appends `entries` as of their dates and moves the balances; a repeat is a no-op.

    `admitted` accounts are not asked for in the chart again, which for very many takes seconds.

    Raises:
        Conflict: an entry of the same id is recorded with other content (I3).
        UnknownAccount: the chart has no such account, or not in this asset.
        FloorBroken: a balance would leave the side of zero on which it stays (I4).
    """
    fresh = _without_repeats(connection, entries)
    if not fresh:
        return
    next_seq = connection.execute(_NEWEST_SEQ).scalar_one() + 1
    numbered = list(enumerate(fresh, next_seq))
    connection.exec_driver_sql(
        _ADD_ENTRY,
        [(seq, entry.id, entry.kind, entry.cause, dates[entry.id]) for seq, entry in numbered],
    )
    rows = [
        (seq, posting.account, posting.asset, str(posting.amount_raw))
        for seq, entry in numbered
        for posting in entry.postings
    ]
    if rows:
        connection.exec_driver_sql(_ADD_POSTING, rows)
        _move_balances(connection, fresh, admitted)


def load_entries(connection: Connection, ids: Sequence[EntryId]) -> dict[EntryId, Entry]:
    """The recorded entries among `ids`."""
    found: dict[EntryId, Entry] = {}
    for some in in_parts(ids, IN_LIST):
        heads = connection.execute(_ENTRIES_OF_IDS, {"ids": list(some)}).all()
        found.update((entry.id, entry) for entry in with_postings(connection, heads))
    return found


def with_postings(connection: Connection, heads: Sequence[AnyRow]) -> list[Entry]:
    """The entries of rows of `ledger_entries`, in their order; at most `IN_LIST` of them.

    Raises:
        DamagedRecord: an entry or one of its postings cannot be read.
    """
    if not heads:
        return []
    postings = _load_postings(connection, [head.seq for head in heads])
    return [replace(_as_entry(head), postings=tuple(postings.get(head.seq, ()))) for head in heads]


def iterate_entries(connection: Connection, *, after_seq: int = 0) -> Iterator[Entry]:
    """Every entry behind number `after_seq`, in the order in which they were booked."""
    for page in iterate_entry_pages(connection, after_seq=after_seq):
        yield from page


def iterate_entry_pages(
    connection: Connection, *, kind: str | None = None, after_seq: int = 0
) -> Iterator[list[Entry]]:
    """Every entry, or every one of a kind, in the order in which they were booked, by the page."""
    query = select(ledger_entries).order_by(ledger_entries.c.seq).limit(IN_LIST)
    if kind is not None:
        query = query.where(ledger_entries.c.kind == kind)
    last_seq = after_seq
    while True:
        heads = connection.execute(query.where(ledger_entries.c.seq > last_seq)).all()
        if not heads:
            return
        yield with_postings(connection, heads)
        last_seq = heads[-1].seq


def newest_seq(connection: Connection) -> int:
    """The number of the entry that was booked last; 0 if there is none."""
    return connection.execute(_NEWEST_SEQ).scalar_one()


def count_entries(connection: Connection) -> tuple[int, int]:
    """How many entries are recorded, and how many different ids they have."""
    ids = ledger_entries.c.id
    row = connection.execute(select(func.count(), func.count(ids.distinct()))).one()
    return row[0], row[1]


def find_causeless_entry(connection: Connection) -> str:
    """Kind and cause of the first entry that is of no receipt's job, no batch, no payment, no
    phase and no repair; "" if there is none."""
    entry = ledger_entries.c
    row = connection.execute(
        select(entry.kind, entry.cause)
        .where(entry.kind.not_in({CREDITS_FUNDED, *REPAIRS}))
        .where(entry.cause.not_in(select(receipts.c.job_id)))
        .where(func.substr(entry.cause, 1, _HASH_DIGITS).not_in(select(batches.c.hash)))
        .where(entry.cause.not_like(f"{CAUSE_PREFIX}%"))
        .order_by(entry.seq)
        .limit(1)
    ).first()
    return f"{row.kind} of {row.cause}" if row is not None else ""


def count_postings(connection: Connection) -> int:
    """How many postings are recorded, those of no entry too."""
    return connection.execute(select(func.count()).select_from(ledger_postings)).scalar_one()


def load_balances(connection: Connection) -> dict[_Key, int]:
    """Every balance that is not zero, by (account, asset)."""
    rows = connection.execute(select(balances)).all()
    held = (_as_balance(row) for row in rows)
    return {key: balance_raw for key, balance_raw in held if balance_raw != 0}


def replace_balances(connection: Connection, sums: Mapping[_Key, int]) -> None:
    """Makes `sums` the balances, whatever stood there: for the rebuild alone."""
    connection.execute(delete(balances))
    if sums:
        rows = [_balance_row(key, sums[key]) for key in sorted(sums)]
        connection.exec_driver_sql(_SET_BALANCE, rows)


def _without_repeats(connection: Connection, entries: Sequence[Entry]) -> list[Entry]:
    recorded = load_entries(connection, [entry.id for entry in entries])
    fresh: list[Entry] = []
    for entry in entries:
        if entry.id in recorded:
            check_repeat(recorded=recorded[entry.id], repeated=entry)
        else:
            recorded[entry.id] = entry
            fresh.append(entry)
    return fresh


def _load_postings(connection: Connection, seqs: Sequence[int]) -> Mapping[int, list[Posting]]:
    by_entry: defaultdict[int, list[Posting]] = defaultdict(list)
    for row in connection.execute(_POSTINGS_OF_ENTRIES, {"seqs": seqs}):
        by_entry[row.entry_seq].append(_as_posting(row))
    return by_entry


@reads_rows_of(ledger_entries)
def _as_entry(row: AnyRow) -> Entry:
    return Entry(id=EntryId(row.id), kind=row.kind, cause=row.cause, postings=())


@reads_rows_of(ledger_postings)
def _as_posting(row: AnyRow) -> Posting:
    return Posting(
        account=AccountPath(row.account),
        asset=row.asset,
        amount_raw=read_signed_amount(row.amount_raw, field="amount_raw"),
    )


@reads_rows_of(balances)
def _as_balance(row: AnyRow) -> tuple[_Key, int]:
    amount_raw = read_signed_amount(row.amount_raw, field="amount_raw")
    return (AccountPath(row.account), row.asset), amount_raw


def admit_accounts(entry: Entry) -> frozenset[AccountPath]:
    """The accounts of `entry`, all of which the chart has; needs no store.

    Raises:
        UnknownAccount: it has not.
    """
    accounts = frozenset(posting.account for posting in entry.postings)
    for account in accounts:
        account_of_path(account)
    return accounts


def _move_balances(
    connection: Connection, entries: Iterable[Entry], admitted: Collection[AccountPath]
) -> None:
    deltas: defaultdict[_Key, int] = defaultdict(int)
    for entry in entries:
        for posting in entry.postings:
            deltas[(posting.account, posting.asset)] += posting.amount_raw
    rows: list[tuple[str, str, str]] = []
    for some in in_parts(sorted(deltas), IN_LIST):
        accounts = sorted({account for account, _asset in some})
        held = dict(map(_as_balance, connection.execute(_BALANCES_OF, {"accounts": accounts})))
        for key in some:
            if key not in held and key[0] not in admitted:
                account_of_path(key[0])
            before_raw = held.get(key, 0)
            after_raw = before_raw + deltas[key]
            _validate_move(key, before_raw=before_raw, after_raw=after_raw)
            rows.append(_balance_row(key, after_raw))
    connection.exec_driver_sql(_SET_BALANCE, rows)


def _validate_move(key: _Key, *, before_raw: int, after_raw: int) -> None:
    """Accepts a new balance that is within its bound, or nearer to it than it was."""
    bound = bound_of(*key)
    if is_within(bound, after_raw, credit_limit=None):
        return
    if is_within(bound, before_raw, credit_limit=None) or abs(after_raw) > abs(before_raw):
        raise floor_broken(*key, after_raw, bound)


def _balance_row(key: _Key, balance_raw: int) -> tuple[str, str, str]:
    return key[0], key[1], str(balance_raw)


def in_parts(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    """`items` in runs of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
