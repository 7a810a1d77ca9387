"""Books entries: appended once, balances kept beside them in the same transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from sqlalchemy import Connection, bindparam, func, insert, select, tuple_
from sqlalchemy.dialects.sqlite import insert as upsert

from basis.rules.entries import CREDITS_FUNDED
from basis.rules.ledger import AccountPath, Entry, EntryId, Posting, check_repeat
from basis.rules.phase_entries import CAUSE_PREFIX
from basis.storage.amounts import read_signed_amount
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.schema import balances, batches, ledger_entries, ledger_postings, receipts

_Item = TypeVar("_Item")
_IN_LIST: Final = 500
"""Values of one IN (...): well below SQLite's limit."""
_HASH_DIGITS: Final = 64
"""A batch is the cause of its entries as `<hash>/<attempt>`."""

# Built once: making a statement costs more than running it, and these run for every job.
_ADD_ENTRY = insert(ledger_entries)
_ADD_POSTING = insert(ledger_postings)
_ENTRIES_OF_IDS = select(ledger_entries).where(
    ledger_entries.c.id.in_(bindparam("ids", expanding=True))
)
_BALANCES_OF = select(balances).where(
    tuple_(balances.c.account, balances.c.asset).in_(bindparam("keys", expanding=True))
)
_UPSERT_BALANCE = upsert(balances)
_SET_BALANCE = _UPSERT_BALANCE.on_conflict_do_update(
    index_elements=["account", "asset"],
    set_={"amount_raw": _UPSERT_BALANCE.excluded.amount_raw},
)


def store_entries(connection: Connection, entries: Sequence[Entry], *, now: str) -> None:
    """Appends `entries` and moves the balances; a repeat of a recorded one is a no-op.

    Raises:
        Conflict: an entry of the same id is recorded with other content (I3).
    """
    recorded = load_entries(connection, [entry.id for entry in entries])
    fresh: list[Entry] = []
    for entry in entries:
        if entry.id in recorded:
            check_repeat(recorded=recorded[entry.id], repeated=entry)
        else:
            recorded[entry.id] = entry
            fresh.append(entry)
    if not fresh:
        return
    connection.execute(
        _ADD_ENTRY,
        [
            {"id": entry.id, "kind": entry.kind, "cause": entry.cause, "created_at": now}
            for entry in fresh
        ],
    )
    rows = [
        {
            "entry_id": entry.id,
            "account": posting.account,
            "asset": posting.asset,
            "amount_raw": str(posting.amount_raw),
        }
        for entry in fresh
        for posting in entry.postings
    ]
    if rows:
        connection.execute(_ADD_POSTING, rows)
    _move_balances(connection, fresh)


def load_entries(connection: Connection, ids: Sequence[EntryId]) -> dict[EntryId, Entry]:
    """The recorded entries among `ids`."""
    found: dict[EntryId, Entry] = {}
    for some in _in_parts(ids, _IN_LIST):
        heads = connection.execute(_ENTRIES_OF_IDS, {"ids": list(some)}).all()
        if heads:
            postings = _load_postings(connection, [head.id for head in heads])
            for entry in map(_as_entry, heads):
                found[entry.id] = replace(entry, postings=tuple(postings.get(entry.id, ())))
    return found


def iterate_entries(connection: Connection) -> Iterator[Entry]:
    """Every entry, in the order in which they were booked."""
    for page in iterate_entry_pages(connection):
        yield from page


def iterate_entry_pages(
    connection: Connection, *, kind: str | None = None
) -> Iterator[list[Entry]]:
    """Every entry, or every one of a kind, in the order in which they were booked, by the page."""
    last_seq = 0
    while True:
        query = select(ledger_entries.c.seq, ledger_entries.c.id)
        if kind is not None:
            query = query.where(ledger_entries.c.kind == kind)
        heads = connection.execute(
            query.where(ledger_entries.c.seq > last_seq)
            .order_by(ledger_entries.c.seq)
            .limit(_IN_LIST)
        ).all()
        if not heads:
            return
        found = load_entries(connection, [EntryId(head.id) for head in heads])
        yield [found[EntryId(head.id)] for head in heads]
        last_seq = heads[-1].seq


def count_entries(connection: Connection) -> tuple[int, int]:
    """How many entries are recorded, and how many different ids they have."""
    ids = ledger_entries.c.id
    row = connection.execute(select(func.count(), func.count(ids.distinct()))).one()
    return row[0], row[1]


def find_causeless_entry(connection: Connection) -> str:
    """Kind and cause of the first entry that is of no job, batch, payment or phase; "" if none."""
    entry = ledger_entries.c
    row = connection.execute(
        select(entry.kind, entry.cause)
        .where(entry.cause.not_in(select(receipts.c.job_id)))
        .where(func.substr(entry.cause, 1, _HASH_DIGITS).not_in(select(batches.c.hash)))
        .where(entry.kind != CREDITS_FUNDED)
        .where(entry.cause.not_like(f"{CAUSE_PREFIX}%"))
        .order_by(entry.seq)
        .limit(1)
    ).first()
    return f"{row.kind} of {row.cause}" if row is not None else ""


def count_postings(connection: Connection) -> int:
    """How many postings are recorded, those of no entry too."""
    return connection.execute(select(func.count()).select_from(ledger_postings)).scalar_one()


def load_balances(connection: Connection) -> dict[tuple[AccountPath, str], int]:
    """Every balance that is not zero, by (account, asset)."""
    rows = connection.execute(select(balances)).all()
    held = (_as_balance(row) for row in rows)
    return {key: balance_raw for key, balance_raw in held if balance_raw != 0}


def _load_postings(connection: Connection, ids: Iterable[str]) -> Mapping[str, list[Posting]]:
    rows = connection.execute(
        select(ledger_postings)
        .where(ledger_postings.c.entry_id.in_(list(ids)))
        .order_by(ledger_postings.c.account, ledger_postings.c.asset)
    ).all()
    by_entry: defaultdict[str, list[Posting]] = defaultdict(list)
    for row in rows:
        by_entry[row.entry_id].append(_as_posting(row))
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
def _as_balance(row: AnyRow) -> tuple[tuple[AccountPath, str], int]:
    amount_raw = read_signed_amount(row.amount_raw, field="amount_raw")
    return (AccountPath(row.account), row.asset), amount_raw


def _move_balances(connection: Connection, entries: Iterable[Entry]) -> None:
    deltas: defaultdict[tuple[AccountPath, str], int] = defaultdict(int)
    for entry in entries:
        for posting in entry.postings:
            deltas[(posting.account, posting.asset)] += posting.amount_raw
    rows: list[dict[str, str]] = []
    for some in _in_parts(sorted(deltas), _IN_LIST // 2):
        held = dict(map(_as_balance, connection.execute(_BALANCES_OF, {"keys": list(some)})))
        rows.extend(
            {
                "account": account,
                "asset": asset,
                "amount_raw": str(held.get((account, asset), 0) + deltas[(account, asset)]),
            }
            for account, asset in some
        )
    if rows:
        connection.execute(_SET_BALANCE, rows)


def _in_parts(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
