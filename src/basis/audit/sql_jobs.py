"""One receipt for each job, in SQL: over all periods that were given (I3, I5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from basis.audit.difference import Difference
from basis.audit.folder import Export
from basis.audit.sql_numbers import quote_path
from basis.rules.export_format import RECEIPTS

if TYPE_CHECKING:
    import duckdb

_CANDIDATES: Final = 1_000


def prepare_jobs(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the table of what was seen: eight bytes for each job, of all periods."""
    connection.execute("CREATE TEMP TABLE jobs_seen (mark UBIGINT)")


def check_jobs_once(
    connection: duckdb.DuckDBPyConnection, export: Export, earlier: Sequence[Export]
) -> None:
    """Holds every job of the period to be no other one's, here and in the periods before.

    Equal ids have equal marks; what has equal marks is then compared by its ids.

    Raises:
        Difference: a job has two receipts.
    """
    connection.execute("INSERT INTO jobs_seen SELECT hash(job_id) FROM receipts")
    marks = connection.execute(
        f"SELECT mark FROM jobs_seen GROUP BY mark HAVING count(*) > 1 LIMIT {_CANDIDATES}"
    ).fetchall()
    if not marks:
        return
    alike = ", ".join(str(mark) for (mark,) in marks)
    files = [quote_path(str(one.path(RECEIPTS.name).absolute())) for one in (*earlier, export)]
    jobs = " UNION ALL ".join(
        f"SELECT seq, job_id FROM read_parquet({file}) WHERE hash(job_id) IN ({alike})"
        for file in files
    )
    found = connection.execute(
        f"SELECT job_id, min(seq), max(seq) FROM ({jobs}) GROUP BY job_id HAVING count(*) > 1 "
        "ORDER BY ALL LIMIT 1"
    ).fetchone()
    if found is not None:
        job_id, first, last = found
        raise Difference(f"job {job_id} has two receipts: number {first} and number {last} (I3)")
