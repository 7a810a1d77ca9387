"""After a crash: gives every job that was open its receipt, before new ones are taken."""

from __future__ import annotations

from sqlalchemy import Connection

from basis.accounting.posting import compute_lost_job
from basis.rules.errors import DamagedRecord, InvalidInput
from basis.rules.job import FailureReason
from basis.storage.job_store import FinishedJob, JobWrite, OpenJob, load_open_jobs

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
        JobWrite.apply_group(connection, [JobWrite(finished=_finish(job)) for job in some])
    return len(lost)


def _finish(job: OpenJob) -> FinishedJob:
    try:
        return compute_lost_job(job, failure_reason=FailureReason.ORCHESTRATOR_STOPPED.value)
    except InvalidInput as error:
        raise DamagedRecord(f"the open job {job.job_id} is damaged: {error.message}") from error
