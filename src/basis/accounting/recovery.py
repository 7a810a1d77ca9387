"""Gives jobs that will never end their receipt: after a crash, and when a hold has expired.

Either way the job has failed, it charges nothing, and what was held for it is released.
"""

from __future__ import annotations

from sqlalchemy import Connection

from basis.accounting.posting import compute_lost_job
from basis.rules.errors import DamagedRecord, InvalidInput
from basis.rules.job import FailureReason
from basis.storage.job_store import (
    FinishedJob,
    JobWrite,
    OpenJob,
    load_expired_jobs,
    load_open_jobs,
)

_AT_ONCE = 1_000
"""Jobs of one group of writes: SQLite bounds the values of a statement."""


def close_lost_jobs(connection: Connection) -> int:
    """Writes a failed receipt for each open job; how many there were.

    Run in one transaction at the start, while no job can be running.

    Raises:
        DamagedRecord: one cannot be read, or names tables that were never published.
    """
    lost = load_open_jobs(connection)
    for start in range(0, len(lost), _AT_ONCE):
        some = lost[start : start + _AT_ONCE]
        reason = FailureReason.ORCHESTRATOR_STOPPED
        JobWrite.apply_group(connection, [JobWrite(finished=_finish(job, reason)) for job in some])
    return len(lost)


def close_expired_jobs(connection: Connection, *, now: str) -> int:
    """Writes a failed receipt for each open job whose hold expired before `now`; how many.

    Every job ends long before its hold does, by its own deadlines: what is found here was left
    behind by a fault, and would hold its customer's credits for ever.

    Raises:
        DamagedRecord: one cannot be read, or names tables that were never published.
    """
    expired = load_expired_jobs(connection, now=now, limit=_AT_ONCE)
    reason = FailureReason.HOLD_EXPIRED
    JobWrite.apply_group(connection, [JobWrite(finished=_finish(job, reason)) for job in expired])
    return len(expired)


def _finish(job: OpenJob, reason: FailureReason) -> FinishedJob:
    try:
        return compute_lost_job(job, failure_reason=reason.value)
    except (DamagedRecord, InvalidInput) as error:
        raise DamagedRecord(f"the open job {job.job_id} is damaged: {error.message}") from error
