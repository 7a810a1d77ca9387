"""Gives jobs that will never end their receipt: after a crash, and when a hold has expired.

Either way the job has failed, it charges nothing, and what was held for it is released.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from basis.accounting.posting import compute_lost_job
from basis.rules.errors import BasisError, DamagedRecord, InvalidInput
from basis.rules.job import FailureReason
from basis.storage.job_store import FinishedJob, JobWrite, OpenJob
from basis.storage.lost_jobs import FoundJobs, load_expired_jobs, load_lost_jobs

_AT_ONCE = 1_000
"""Jobs of one group of writes: SQLite bounds the values of a statement."""

_OnDamaged = Callable[[DamagedRecord], None]


def close_lost_jobs(connection: Connection, *, on_damaged: _OnDamaged | None = None) -> int:
    """Writes a failed receipt for each open job; how many there were.

    Run in one transaction at the start, while no job can be running. `on_damaged` hears of each
    that cannot be closed: it stays open, with its hold, and keeps no other from being closed.

    Raises:
        DamagedRecord: one cannot be read, or names tables that were never published, and
            `on_damaged` is not given.
        Conflict: one has a receipt already, likewise.
    """
    return _close(
        connection, load_lost_jobs(connection), FailureReason.ORCHESTRATOR_STOPPED, on_damaged
    )


def close_expired_jobs(
    connection: Connection, *, now: str, on_damaged: _OnDamaged | None = None
) -> int:
    """Writes a failed receipt for each open job whose hold expired before `now`; how many.

    Every job ends long before its hold does, by its own deadlines: what is found here was left
    behind by a fault, and would hold its customer's credits for ever. `on_damaged` as above.

    Raises:
        DamagedRecord, Conflict: as `close_lost_jobs`.
    """
    found = load_expired_jobs(connection, now=now, limit=_AT_ONCE)
    return _close(connection, found, FailureReason.HOLD_EXPIRED, on_damaged)


def _close(
    connection: Connection,
    found: FoundJobs,
    reason: FailureReason,
    on_damaged: _OnDamaged | None,
) -> int:
    damaged = list(found.damaged)
    finished: list[FinishedJob] = []
    for job in found.jobs:
        try:
            finished.append(_finish(job, reason))
        except DamagedRecord as error:
            damaged.append(error)
    if on_damaged is None:
        if damaged:
            raise damaged[0]
        for some in _groups(finished):
            JobWrite.apply_group(connection, some)
        return len(finished)
    closed = sum(_close_or_tell(connection, some, on_damaged) for some in _groups(finished))
    for error in damaged:
        on_damaged(error)
    return closed


def _close_or_tell(
    connection: Connection, writes: Sequence[JobWrite], on_damaged: _OnDamaged
) -> int:
    """How many are closed: together, or where that fails each for itself."""
    try:
        with connection.begin_nested():
            JobWrite.apply_group(connection, writes)
    except BasisError as error:
        if len(writes) > 1:
            return sum(_close_or_tell(connection, [one], on_damaged) for one in writes)
        on_damaged(
            DamagedRecord(f"the open job {writes[0].job_id} cannot be closed: {error.message}")
        )
        return 0
    return len(writes)


def _groups(finished: Sequence[FinishedJob]) -> list[list[JobWrite]]:
    return [
        [JobWrite(finished=job) for job in finished[start : start + _AT_ONCE]]
        for start in range(0, len(finished), _AT_ONCE)
    ]


def _finish(job: OpenJob, reason: FailureReason) -> FinishedJob:
    try:
        return compute_lost_job(job, failure_reason=reason.value)
    except (DamagedRecord, InvalidInput) as error:
        raise DamagedRecord(f"the open job {job.job_id} is damaged: {error.message}") from error
    except (ValueError, OverflowError) as error:
        # What the rules say of a number that no job can have, such as a negative count.
        raise DamagedRecord(f"the open job {job.job_id} is damaged: {error}") from error
