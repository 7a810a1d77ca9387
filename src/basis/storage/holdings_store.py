"""Holdings snapshots and boost assignments: appended once, never changed, found by their hash.

A snapshot takes effect some time after it is recorded, so that an orchestrator that looks at least
that often has seen it before the first job that it counts for: which one counts for a job follows
from the records alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Select, insert, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from basis.rules.assignments import (
    AssignmentHash,
    assignment_json,
    compute_assignment_hash,
    parse_assignment,
)
from basis.rules.boosts import BoostAssignment
from basis.rules.canonical import canonical_json, sha256_hex
from basis.rules.errors import Conflict, DamagedRecord, InvalidInput, NotFound
from basis.rules.holdings import (
    HoldingsSnapshot,
    Measure,
    SnapshotHash,
    compute_snapshot_hash,
    parse_snapshot,
    snapshot_json,
    validate_snapshot,
)
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.schema import boost_assignments, holdings_snapshots

TAKES_EFFECT_AFTER_S: Final = 60
"""From a snapshot's recording to the first job that it counts for. Ours; see `BoostBook`."""
_SHORTEST_NAME: Final = 8
_HASH_DIGITS: Final = 64
_META: Final = tuple(column for column in holdings_snapshots.columns if column.name != "record")
"""All but the record, which may have megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotHead:
    """What tells which snapshot counts when, without its holdings. One of a greater `seq` never
    takes effect before one of a smaller."""

    seq: int
    hash: SnapshotHash
    measure: Measure
    effective_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRecord:
    """A snapshot as recorded; `signature` is a file's, else ""."""

    head: SnapshotHead
    snapshot: HoldingsSnapshot
    signature: str
    recorded_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotDraft:
    """A snapshot that may be recorded: `record` is its canonical JSON."""

    snapshot: HoldingsSnapshot
    hash: SnapshotHash
    record: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentRecord:
    """An assignment as recorded, at the first job that used it."""

    hash: AssignmentHash
    assignment: BoostAssignment
    created_at: str


def draft_snapshot(snapshot: HoldingsSnapshot) -> SnapshotDraft:
    """What will be written, made before the store is locked: with 100,000 wallets it takes seconds.

    Raises:
        InvalidInput: what `validate_snapshot` refuses.
    """
    validate_snapshot(snapshot)
    record = canonical_json(snapshot_json(snapshot))
    return SnapshotDraft(
        snapshot=snapshot, hash=SnapshotHash(sha256_hex(record)), record=record.decode()
    )


def store_snapshot(
    connection: Connection, draft: SnapshotDraft, *, now: str, signature: str = ""
) -> tuple[SnapshotRecord, bool]:
    """Appends a snapshot: its record, and whether it is new; a repeat is a no-op.

    Raises:
        Conflict: the clock stands before that of the newest snapshot.
    """
    of_hash = select(*_META).where(holdings_snapshots.c.hash == draft.hash)
    known = connection.execute(of_hash).first()
    if known is not None:
        return _with_snapshot(known, draft.snapshot), False
    newest = connection.execute(
        select(*_META).order_by(holdings_snapshots.c.seq.desc()).limit(1)
    ).first()
    if newest is not None and now < newest.recorded_at:
        raise Conflict(
            f"a snapshot was recorded at {newest.recorded_at}, and the clock says {now}: set it "
            f"right, or which snapshot counts for a job would be uncertain"
        )
    connection.execute(
        insert(holdings_snapshots).values(
            hash=draft.hash,
            measure=draft.snapshot.measure.value,
            record=draft.record,
            signature=signature,
            recorded_at=now,
            effective_at=_after(now),
        )
    )
    return _with_snapshot(connection.execute(of_hash).one(), draft.snapshot), True


def load_heads(connection: Connection) -> list[SnapshotHead]:
    """When each snapshot takes effect, in the order in which they were recorded."""
    query = select(*_META).order_by(holdings_snapshots.c.seq)
    return [_as_head(row) for row in connection.execute(query)]


def load_snapshot(connection: Connection, name: str) -> SnapshotRecord:
    """The snapshot of this hash, beginning of a hash (8 digits or more) or number.

    Raises:
        NotFound: there is none, or the beginning is ambiguous.
        DamagedRecord: it cannot be read, or is not what its hash says.
    """
    query = select(holdings_snapshots)
    if name.isascii() and name.isdigit() and len(name) < _SHORTEST_NAME:
        query = query.where(holdings_snapshots.c.seq == int(name))
    elif len(name) >= _SHORTEST_NAME:
        query = query.where(holdings_snapshots.c.hash.startswith(name, autoescape=True))
    else:
        raise NotFound(f"{name!r} names no snapshot: give its number or 8 digits of its hash")
    found = _find_snapshots(connection, query.limit(2))
    if len(found) != 1:
        many = "no" if not found else "more than one"
        raise NotFound(f"{many} snapshot is named {name[:80]!r}")
    return found[0]


def load_snapshots(connection: Connection, *, limit: int) -> list[SnapshotRecord]:
    """At most `limit` snapshots, newest first."""
    query = select(holdings_snapshots).order_by(holdings_snapshots.c.seq.desc()).limit(limit)
    return _find_snapshots(connection, query)


def iterate_snapshots(connection: Connection) -> Iterator[SnapshotRecord]:
    """Every snapshot, in the order in which they were recorded."""
    for head in load_heads(connection):
        yield from _find_snapshots(connection, _of_hash(head.hash))


def store_assignment(connection: Connection, assignment: BoostAssignment, *, now: str) -> None:
    """Records an assignment; a repeat is a no-op."""
    statement = insert_or(boost_assignments).values(
        hash=compute_assignment_hash(assignment),
        wallet=assignment.wallet,
        record=canonical_json(assignment_json(assignment)).decode(),
        created_at=now,
    )
    connection.execute(statement.on_conflict_do_nothing(index_elements=["hash"]))


def load_assignment(connection: Connection, assignment_hash: str) -> AssignmentRecord:
    """The assignment that a receipt names.

    Raises:
        NotFound: there is none of this hash.
        DamagedRecord: it cannot be read, or is not what its hash says.
    """
    query = select(boost_assignments).where(boost_assignments.c.hash == assignment_hash)
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"no boost assignment is named {assignment_hash[:_HASH_DIGITS]!r}")
    return _as_assignment(row)


def load_newest_assignment(connection: Connection, wallet: str) -> AssignmentRecord | None:
    """The assignment of the wallet that was recorded last."""
    columns = boost_assignments.c
    query = select(boost_assignments).where(columns.wallet == wallet)
    row = connection.execute(query.order_by(columns.seq.desc()).limit(1)).first()
    return None if row is None else _as_assignment(row)


def _of_hash(snapshot_hash: str) -> Select[tuple[object, ...]]:
    return select(holdings_snapshots).where(holdings_snapshots.c.hash == snapshot_hash)


def _find_snapshots(
    connection: Connection, query: Select[tuple[object, ...]]
) -> list[SnapshotRecord]:
    rows: Sequence[AnyRow] = connection.execute(query).all()
    return [_as_snapshot(row) for row in rows]


def _after(now: str) -> str:
    moment = datetime.fromisoformat(now) + timedelta(seconds=TAKES_EFFECT_AFTER_S)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@reads_rows_of(holdings_snapshots)
def _as_head(row: AnyRow) -> SnapshotHead:
    return SnapshotHead(
        seq=int(row.seq),
        hash=SnapshotHash(row.hash),
        measure=Measure(row.measure),
        effective_at=row.effective_at,
    )


@reads_rows_of(holdings_snapshots)
def _as_snapshot(row: AnyRow) -> SnapshotRecord:
    try:
        snapshot = parse_snapshot(row.record)
    except InvalidInput as error:
        raise DamagedRecord(error.message) from error
    if compute_snapshot_hash(snapshot) != row.hash or snapshot.measure.value != row.measure:
        raise DamagedRecord("the holdings are not those of the hash")
    return _with_snapshot(row, snapshot)


def _with_snapshot(row: AnyRow, snapshot: HoldingsSnapshot) -> SnapshotRecord:
    return SnapshotRecord(
        head=_as_head(row),
        snapshot=snapshot,
        signature=row.signature,
        recorded_at=row.recorded_at,
    )


@reads_rows_of(boost_assignments)
def _as_assignment(row: AnyRow) -> AssignmentRecord:
    try:
        assignment = parse_assignment(row.record)
    except InvalidInput as error:
        raise DamagedRecord(error.message) from error
    if compute_assignment_hash(assignment) != row.hash or assignment.wallet != row.wallet:
        raise DamagedRecord("the assignment is not that of the hash")
    return AssignmentRecord(
        hash=AssignmentHash(row.hash), assignment=assignment, created_at=row.created_at
    )
