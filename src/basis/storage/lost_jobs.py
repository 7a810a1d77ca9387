"""Finds the open jobs that nobody will end, and those rows among them that cannot be read.

A row that something else damaged is told apart instead of standing before all others. It stays as
it is, and so do the credits that it holds, until somebody has mended it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from basis.rules.errors import DamagedRecord
from basis.storage.damaged import AnyRow
from basis.storage.job_store import OpenJob, as_open_job
from basis.storage.schema import open_jobs


@dataclass(slots=True)
class FoundJobs:
    """What was found, in the order of the store."""

    jobs: list[OpenJob] = field(default_factory=list[OpenJob])
    damaged: list[DamagedRecord] = field(default_factory=list[DamagedRecord])

    def add(self, rows: Iterable[AnyRow]) -> None:
        """Reads the rows as far as they can be read."""
        for row in rows:
            try:
                self.jobs.append(as_open_job(row))
            except DamagedRecord as error:
                self.damaged.append(error)


def load_lost_jobs(connection: Connection) -> FoundJobs:
    """All open jobs, oldest first, at a moment when none can be running."""
    found = FoundJobs()
    found.add(connection.execute(select(open_jobs).order_by(open_jobs.c.created_at)))
    return found


def load_expired_jobs(connection: Connection, *, now: str, limit: int) -> FoundJobs:
    """The oldest `limit` readable open jobs whose hold expired before `now`."""
    query = (
        select(open_jobs)
        .where((open_jobs.c.expires_at != "") & (open_jobs.c.expires_at < now))
        .order_by(open_jobs.c.expires_at, open_jobs.c.job_id)
    )
    found, seen = FoundJobs(), 0
    while len(found.jobs) < limit:
        wanted = limit - len(found.jobs)
        rows = connection.execute(query.limit(wanted).offset(seen)).all()
        found.add(rows)
        seen += len(rows)
        if len(rows) < wanted:
            break
    return found
