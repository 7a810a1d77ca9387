"""Registered workers and the minutes in which each was seen online."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, delete, exists, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from basis.storage.amounts import read_amount
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.schema import presence, receipts, workers

MINUTES_PER_HOUR = 60

_HAS_WORKED = or_(
    select(presence.c.hour).where(presence.c.worker_id == workers.c.id).exists(),
    select(receipts.c.seq).where(receipts.c.worker_id == workers.c.id).exists(),
)
"""Whether a link of the worker, or a job that it was given, is on record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRecord:
    """A worker as registered. The token itself is kept nowhere, only its hash."""

    id: str
    wallet: str
    runtime: str
    models: tuple[str, ...]
    token_hash: str
    earned_raw: int
    created_at: str
    updated_at: str


def load_workers(connection: Connection) -> list[WorkerRecord]:
    """Every registered worker, by id."""
    rows = connection.execute(select(workers).order_by(workers.c.id)).all()
    return [_as_worker(row) for row in rows]


def load_worker(connection: Connection, worker_id: str) -> WorkerRecord | None:
    """The worker of this id, if it is registered."""
    row = connection.execute(select(workers).where(workers.c.id == worker_id)).first()
    return None if row is None else _as_worker(row)


def load_worked(connection: Connection) -> set[str]:
    """The ids of the workers that were ever seen online, or were given a job."""
    return set(connection.scalars(select(workers.c.id).where(_HAS_WORKED)))


def delete_unworked(
    connection: Connection, worker_ids: Sequence[str], *, unchanged_since: str
) -> None:
    """Deletes those of the workers that never worked, earned nothing and were not changed since."""
    connection.execute(
        delete(workers).where(
            workers.c.id.in_(worker_ids),
            workers.c.updated_at < unchanged_since,
            workers.c.earned_raw == "0",
            ~_HAS_WORKED,
        )
    )


def store_new_worker(connection: Connection, record: WorkerRecord) -> bool:
    """Records a new worker; false, and nothing recorded, if the id is taken meanwhile."""
    if load_worker(connection, record.id) is not None:
        return False
    connection.execute(
        insert(workers).values(
            id=record.id,
            wallet=record.wallet,
            runtime=record.runtime,
            models=msgspec.json.encode(record.models).decode(),
            token_hash=record.token_hash,
            earned_raw=str(record.earned_raw),
            created_at=record.created_at,
            updated_at=record.updated_at,
        )
    )
    return True


def store_worker_change(connection: Connection, record: WorkerRecord) -> None:
    """Records a worker's new wallet, runtime and models."""
    connection.execute(
        update(workers)
        .where(workers.c.id == record.id)
        .values(
            wallet=record.wallet,
            runtime=record.runtime,
            models=msgspec.json.encode(record.models).decode(),
            updated_at=record.updated_at,
        )
    )


def load_presence(connection: Connection, *, since_hour: int) -> dict[str, dict[int, int]]:
    """worker id -> hour (hours since 1970) -> bit mask of the minutes seen online."""
    rows = connection.execute(select(presence).where(presence.c.hour >= since_hour)).all()
    found: dict[str, dict[int, int]] = {}
    for worker_id, hour, minutes_mask in map(_as_presence, rows):
        found.setdefault(worker_id, {})[hour] = minutes_mask
    return found


def store_presence(connection: Connection, masks: Mapping[tuple[str, int], int]) -> None:
    """Replaces the masks of the given (worker id, hour) pairs."""
    if not masks:
        return
    statement = upsert(presence)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["worker_id", "hour"],
            set_={"minutes_mask": statement.excluded.minutes_mask},
        ),
        [
            {"worker_id": worker_id, "hour": hour, "minutes_mask": mask}
            for (worker_id, hour), mask in sorted(masks.items())
        ],
    )


def forget_presence(connection: Connection, *, before_hour: int) -> int:
    """Deletes minutes seen online before an hour (since 1970); how many rows.

    The newest row of each worker stays: it says that the worker was once here.
    """
    later = presence.alias("later")
    has_later = exists().where(
        later.c.worker_id == presence.c.worker_id, later.c.hour > presence.c.hour
    )
    return connection.execute(
        delete(presence).where(presence.c.hour < before_hour, has_later)
    ).rowcount


@reads_rows_of(workers)
def _as_worker(row: AnyRow) -> WorkerRecord:
    return WorkerRecord(
        id=row.id,
        wallet=row.wallet,
        runtime=row.runtime,
        models=msgspec.json.decode(row.models, type=tuple[str, ...]),
        token_hash=row.token_hash,
        earned_raw=read_amount(row.earned_raw, field="earned_raw"),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


@reads_rows_of(presence)
def _as_presence(row: AnyRow) -> tuple[str, int, int]:
    return row.worker_id, row.hour, row.minutes_mask
