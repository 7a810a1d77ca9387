"""Accepted jobs and their receipts: the write that happens for every job, grouped.

A job is opened with the credits held that it may cost, or refused; its receipt captures the cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TypedDict, cast

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.dialects import sqlite

from basis.rules.errors import BasisError, Conflict
from basis.rules.job import JobStatus, RewardStatus
from basis.rules.ledger import Entry
from basis.rules.receipt import ReceiptCore, ReceiptHash
from basis.storage.amounts import read_amount
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.holds import judge_holds
from basis.storage.ledger_store import store_dated_entries
from basis.storage.receipt_details import ReceiptDetails
from basis.storage.receipt_store import encode_core
from basis.storage.schema import open_jobs, receipts, workers
from basis.storage.usage_store import add_usage

# Built once: making a statement costs more than running it, and these run for every job. Those that
# add and remove rows go to the driver as they are, with tuples in the order of the columns.
_OPEN_JOB = str(insert(open_jobs).compile(dialect=sqlite.dialect()))
_END_JOB = str(
    delete(open_jobs)
    .where(open_jobs.c.job_id == bindparam("ended_job"))
    .compile(dialect=sqlite.dialect())
)
_ADD_RECEIPT = str(insert(receipts).compile(dialect=sqlite.dialect()))
_values_of_open_job = itemgetter(*open_jobs.columns.keys())
_values_of_receipt = itemgetter(*receipts.columns.keys())
_RECEIPTS_OF_JOBS = select(receipts.c.job_id, receipts.c.hash).where(
    receipts.c.job_id.in_(bindparam("jobs", expanding=True))
)
_EARNINGS_OF_WORKERS = select(workers.c.id, workers.c.earned_raw).where(
    workers.c.id.in_(bindparam("paid_workers", expanding=True))
)
_SET_EARNINGS = (
    update(workers)
    .where(workers.c.id == bindparam("paid_worker"))
    .values(earned_raw=bindparam("new_earned"))
)


class TableVersions(TypedDict):
    """The dated tables by which an open job will be judged."""

    catalog: str
    pricing: str
    factors: str
    latency_class: str


class LockedTerms(TypedDict):
    """The terms of an open job, for its receipt if it is lost; prices in micro-credits."""

    epoch_hash: str
    prompt_price: str
    output_price: str
    basis_raw_per_microcredit: str
    protocol_fee_bps: int
    is_empty_answer_free: bool
    offer_hash: str
    locked_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenJob:
    """A job that was accepted and has no receipt yet; enough to write one after a crash.

    `held_microcredits` are set aside until its receipt is written, or `expires_at` has come and
    whoever keeps the holds has closed it. `terms` are None on records older than credits.
    """

    job_id: str
    user_id: str
    user_wallet: str
    model_id: str
    prompt_tokens: int
    multiplier_bps: int
    versions: TableVersions
    created_at: str
    key_id: str = ""
    held_microcredits: int = 0
    expires_at: str = ""
    terms: LockedTerms | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedJob:
    """A receipt with all that follows from it, to be recorded at once or not at all."""

    receipt_hash: ReceiptHash
    core: ReceiptCore
    status: JobStatus
    details: ReceiptDetails
    reward_status: RewardStatus
    entry: Entry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobWrite:
    """The grouped write of a job's beginning or end. Exactly one field is set."""

    opened: OpenJob | None = None
    finished: FinishedJob | None = None

    @property
    def job_id(self) -> str:
        """The job that begins or ends."""
        if self.opened is not None:
            return self.opened.job_id
        return self.finished.core.job_id if self.finished is not None else ""

    @classmethod
    def apply_group(
        cls, connection: Connection, writes: Sequence[object]
    ) -> list[BasisError | None]:
        """Records all of them; why a job could not be opened, or None, for each.

        What ends comes first, so that what it releases can be held again. A job that begins and
        ends in one group is judged as any other, though it is never open: without a hold its end
        is refused with its beginning.

        Raises:
            Conflict: a job has a receipt already, with other content.
        """
        jobs = cast("Sequence[JobWrite]", writes)
        opened = [write.opened for write in jobs if write.opened is not None]
        finished = [write.finished for write in jobs if write.finished is not None]
        beginning = {job.job_id for job in opened}
        _store_finished(connection, [job for job in finished if job.core.job_id not in beginning])
        if not opened:
            return [None] * len(jobs)
        judged = zip(opened, judge_holds(connection, opened), strict=True)
        refusals = {job.job_id: refusal for job, refusal in judged}
        ended = {job.core.job_id for job in finished}
        rows = [
            _open_row(job)
            for job in opened
            if job.job_id not in ended and refusals[job.job_id] is None
        ]
        if rows:
            connection.exec_driver_sql(_OPEN_JOB, rows)
        late = [job for job in finished if job.core.job_id in beginning]
        _store_finished(connection, [job for job in late if refusals[job.core.job_id] is None])
        return [refusals.get(write.job_id) for write in jobs]


def load_open_jobs(connection: Connection) -> list[OpenJob]:
    """The jobs that were accepted and never finished, oldest first.

    Raises:
        DamagedRecord: one of them cannot be read.
    """
    rows = connection.execute(select(open_jobs).order_by(open_jobs.c.created_at)).all()
    return [as_open_job(row) for row in rows]


def find_ended_open_job(connection: Connection) -> str:
    """The id of a job that is on record as open although it has a receipt; "" if there is none."""
    ended = select(receipts.c.job_id).where(receipts.c.job_id == open_jobs.c.job_id)
    query = select(open_jobs.c.job_id).where(ended.exists()).limit(1)
    return connection.execute(query).scalar() or ""


def _store_finished(connection: Connection, finished: Sequence[FinishedJob]) -> None:
    fresh = _without_repeats(connection, finished) if finished else []
    if not fresh:
        return
    connection.exec_driver_sql(_ADD_RECEIPT, [_receipt_row(job) for job in fresh])
    connection.exec_driver_sql(_END_JOB, [(job.core.job_id,) for job in fresh])
    dated = [(job.entry, f"{job.core.created_at[:19]}.000Z") for job in fresh if job.entry]
    entries = [entry for entry, _date in dated]
    store_dated_entries(connection, entries, dates={entry.id: date for entry, date in dated})
    _add_earnings(connection, fresh)
    add_usage(connection, fresh)


def _without_repeats(connection: Connection, finished: Sequence[FinishedJob]) -> list[FinishedJob]:
    ids = [job.core.job_id for job in finished]
    recorded = {
        row.job_id: row.hash for row in connection.execute(_RECEIPTS_OF_JOBS, {"jobs": ids})
    }
    fresh: list[FinishedJob] = []
    for job in finished:
        known_hash = recorded.setdefault(job.core.job_id, "")
        if not known_hash:
            recorded[job.core.job_id] = job.receipt_hash
            fresh.append(job)
        elif known_hash != job.receipt_hash:
            raise Conflict(
                f"job {job.core.job_id} has the receipt {known_hash}, "
                f"so {job.receipt_hash} is refused"
            )
    return fresh


def _add_earnings(connection: Connection, finished: Sequence[FinishedJob]) -> None:
    earned: dict[str, int] = {}
    for job in finished:
        if job.core.worker_reward_raw:
            earned.setdefault(job.core.worker_id, 0)
            earned[job.core.worker_id] += job.core.worker_reward_raw
    if not earned:
        return
    rows = connection.execute(_EARNINGS_OF_WORKERS, {"paid_workers": list(earned)}).all()
    totals = [
        {"paid_worker": worker_id, "new_earned": str(earned_raw + earned[worker_id])}
        for worker_id, earned_raw in map(_as_earnings, rows)
    ]
    if totals:
        connection.execute(_SET_EARNINGS, totals)


@reads_rows_of(open_jobs)
def as_open_job(row: AnyRow) -> OpenJob:
    """The open job that a whole row of the table holds."""
    return OpenJob(
        job_id=row.job_id,
        user_id=row.user_id,
        user_wallet=row.user_wallet,
        model_id=row.model_id,
        prompt_tokens=row.prompt_tokens,
        multiplier_bps=row.multiplier_bps,
        versions=msgspec.json.decode(row.versions, type=TableVersions),
        created_at=row.created_at,
        key_id=row.key_id,
        held_microcredits=row.held_microcredits,
        expires_at=row.expires_at,
        terms=msgspec.json.decode(row.terms, type=LockedTerms) if row.terms else None,
    )


@reads_rows_of(workers)
def _as_earnings(row: AnyRow) -> tuple[str, int]:
    return row.id, read_amount(row.earned_raw, field="earned_raw")


def _open_row(job: OpenJob) -> tuple[object, ...]:
    row: dict[str, object] = {
        "job_id": job.job_id,
        "user_id": job.user_id,
        "user_wallet": job.user_wallet,
        "model_id": job.model_id,
        "prompt_tokens": job.prompt_tokens,
        "multiplier_bps": job.multiplier_bps,
        "versions": msgspec.json.encode(job.versions).decode(),
        "created_at": job.created_at,
        "key_id": job.key_id,
        "held_microcredits": job.held_microcredits,
        "expires_at": job.expires_at,
        "terms": msgspec.json.encode(job.terms).decode() if job.terms is not None else "",
    }
    return _values_of_open_job(row)


def _receipt_row(job: FinishedJob) -> tuple[object, ...]:
    core, points = job.core, job.details.points
    row: dict[str, object] = {
        "seq": None,  # the next one
        "batch_hash": None,
        "hash": job.receipt_hash,
        "job_id": core.job_id,
        "status": job.status.value,
        "core": encode_core(core),
        "user_id": core.user_id,
        "worker_id": core.worker_id,
        "worker_wallet": core.worker_wallet,
        "reward_raw": str(core.worker_reward_raw),
        "details": msgspec.json.encode(job.details).decode(),
        "reward_status": job.reward_status.value,
        "created_at": core.created_at,
        "key_id": job.details.key_id,
        "points_asset": points.asset if points is not None else "",
        "points_raw": points.amount_raw if points is not None else "0",
    }
    return _values_of_receipt(row)
