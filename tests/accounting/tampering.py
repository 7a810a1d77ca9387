"""Changes to the books of `make_data_folder`, and what the recompute says of them."""

# ruff: noqa: S608 - the SQL is put together from the tests' own constants

from __future__ import annotations

import sqlite3
from pathlib import Path

from basis.accounting.recompute import recompute
from basis.storage.database import DATABASE_FILE, open_database

ONE = "WHERE job_id = 'job_0001'"
WAITING = "WHERE seq = 1"
"""The batch that waits; 2 is the one that was retried, 3 the one that failed."""


def set_core(field: str, value: object) -> str:
    """SQL that changes a field of the core of job 1."""
    shown = f"'{value}'" if isinstance(value, str) else value
    return f"UPDATE receipts SET core = json_set(core, '$.{field}', {shown}) {ONE}"


def set_detail(path: str, value: str) -> str:
    """SQL that changes a detail of job 1."""
    return f"UPDATE receipts SET details = json_set(details, '$.{path}', {value}) {ONE}"


def difference_after(folder: Path, sql: str) -> str | None:
    """What the recompute says once `sql` has changed the books."""
    with sqlite3.connect(folder / DATABASE_FILE) as connection:
        before = connection.total_changes
        connection.executescript(sql)
        changes = connection.total_changes - before
    connection.close()
    assert changes, f"nothing was changed by: {sql}"
    engine = open_database(folder, create=False)
    with engine.connect() as connection:
        verdict = recompute(connection)
    engine.dispose()
    return verdict.difference
