"""What was published, and the queries that cut a period out of the records.

A period covers records by their numbers, not by their times: the clock may go backwards, numbers
do not. What belongs to a period is decided by `accounting.export_cut`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from basis.rules.errors import Conflict
from basis.rules.ledger import EntryId
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.export_tables import exports
from basis.storage.schema import batches, ledger_entries, receipts

JOB_ENTRY = "job_completed"
"""Kind of the entries that stand in their receipts' rows."""
_IN_LIST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRecord:
    """A period as it was published; the columns ending in `_to` are the last numbers in it.

    `activations_until` is up to when it tells of pricing epochs.
    """

    number: int
    name: str
    since: str
    until: str
    receipts_to: int
    entries_to: int
    batches_to: int
    previous_hash: str
    manifest_hash: str
    closing_hash: str
    activations_until: str
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryHead:
    """A ledger entry without its postings."""

    seq: int
    id: EntryId
    kind: str
    cause: str
    created_at: str


def store_export(connection: Connection, record: ExportRecord) -> None:
    """Records that a period is published, and so closed for ever.

    Raises:
        Conflict: another one was published since this one was made.
    """
    newest = load_newest_export(connection)
    if (newest.number if newest is not None else 0) != record.number - 1:
        raise Conflict("another period was exported meanwhile: export again")
    connection.execute(
        insert(exports).values(
            number=record.number,
            name=record.name,
            since=record.since,
            until=record.until,
            receipts_to=record.receipts_to,
            entries_to=record.entries_to,
            batches_to=record.batches_to,
            previous_hash=record.previous_hash,
            manifest_hash=record.manifest_hash,
            closing_hash=record.closing_hash,
            activations_until=record.activations_until,
            created_at=record.created_at,
        )
    )


def load_exports(connection: Connection) -> list[ExportRecord]:
    """Everything that was published, oldest first."""
    return [_as_export(row) for row in connection.execute(select(exports).order_by("number"))]


def load_newest_export(connection: Connection) -> ExportRecord | None:
    """What was published last; None if nothing was."""
    row = connection.execute(select(exports).order_by(exports.c.number.desc()).limit(1)).first()
    return _as_export(row) if row is not None else None


def find_first_time(connection: Connection) -> str:
    """The earliest time of any receipt or entry; "" if there is none."""
    times = [
        connection.execute(select(func.min(table.c.created_at))).scalar()
        for table in (receipts, ledger_entries)
    ]
    return min((time for time in times if time), default="")


def find_last_receipt(connection: Connection, *, after: int, before: str) -> int:
    """The last receipt above `after` whose time is earlier than `before`; `after` if none is."""
    receipt = receipts.c
    query = select(func.max(receipt.seq)).where(receipt.seq > after, receipt.created_at < before)
    return connection.execute(query).scalar() or after


def find_last_member(connection: Connection, *, after: int, to: int) -> int:
    """The last receipt that a batch numbered above `after` up to `to` holds; 0 if there is none."""
    query = (
        select(func.max(receipts.c.seq))
        .join(batches, batches.c.hash == receipts.c.batch_hash)
        .where(batches.c.seq > after, batches.c.seq <= to)
    )
    return connection.execute(query).scalar() or 0


def find_last_booked(connection: Connection, *, before_seq: int) -> int:
    """The receipt whose job left the last entry numbered below `before_seq`; 0 if there is none."""
    entry = ledger_entries.c
    last_job = (
        select(entry.cause)
        .where(entry.seq < before_seq, entry.kind == JOB_ENTRY)
        .order_by(entry.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(receipts.c.seq).where(receipts.c.job_id == last_job)
    return connection.execute(query).scalar() or 0


def find_last_entry(connection: Connection, *, after: int, before: str) -> int:
    """The last entry above `after` that is no job's and earlier than `before`; else `after`."""
    entry = ledger_entries.c
    query = select(func.max(entry.seq)).where(
        entry.seq > after, entry.kind != JOB_ENTRY, entry.created_at < before
    )
    return connection.execute(query).scalar() or after


def load_heads(connection: Connection, ids: Sequence[EntryId]) -> dict[EntryId, EntryHead]:
    """The recorded entries among `ids`, without their postings."""
    found: dict[EntryId, EntryHead] = {}
    for start in range(0, len(ids), _IN_LIST):
        some = ids[start : start + _IN_LIST]
        query = select(ledger_entries).where(ledger_entries.c.id.in_(some))
        for head in map(_as_head, connection.execute(query)):
            found[head.id] = head
    return found


def iterate_heads(connection: Connection, *, after: int, to: int) -> Iterator[list[EntryHead]]:
    """The entries in a range of numbers that are no job's, in pages."""
    entry = ledger_entries.c
    while True:
        query = (
            select(ledger_entries)
            .where(entry.seq > after, entry.seq <= to, entry.kind != JOB_ENTRY)
            .order_by(entry.seq)
            .limit(_IN_LIST)
        )
        heads = [_as_head(row) for row in connection.execute(query)]
        if not heads:
            return
        yield heads
        after = heads[-1].seq


def load_late_members(
    connection: Connection, *, batch_hash: str, up_to: int
) -> list[tuple[int, str, str, str]]:
    """(number, hash, wallet, reward) of a batch's receipts that are numbered up to `up_to`."""
    receipt = receipts.c
    rows = connection.execute(
        select(receipt.seq, receipt.hash, receipt.worker_wallet, receipt.reward_raw)
        .where(receipt.batch_hash == batch_hash, receipt.seq <= up_to)
        .order_by(receipt.seq)
    )
    return [_as_member(row) for row in rows]


@reads_rows_of(receipts)
def _as_member(row: AnyRow) -> tuple[int, str, str, str]:
    return row.seq, row.hash, row.worker_wallet, row.reward_raw


@reads_rows_of(ledger_entries)
def _as_head(row: AnyRow) -> EntryHead:
    return EntryHead(
        seq=row.seq,
        id=EntryId(row.id),
        kind=row.kind,
        cause=row.cause,
        created_at=row.created_at,
    )


@reads_rows_of(exports)
def _as_export(row: AnyRow) -> ExportRecord:
    return ExportRecord(
        number=row.number,
        name=row.name,
        since=row.since,
        until=row.until,
        receipts_to=row.receipts_to,
        entries_to=row.entries_to,
        batches_to=row.batches_to,
        previous_hash=row.previous_hash,
        manifest_hash=row.manifest_hash,
        closing_hash=row.closing_hash,
        activations_until=row.activations_until,
        created_at=row.created_at,
    )
