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
    import numpy as np
    from numpy.typing import NDArray

_CANDIDATES: Final = 1_000
_READ_ROWS: Final = 1_000_000


class SeenJobs:
    """The jobs of all periods so far, by eight bytes each: DuckDB's hash of their ids.

    DuckDB reads and hashes the ids; numpy sorts the marks, eight times as fast as a GROUP BY.
    """

    def __init__(self) -> None:
        self._marks: NDArray[np.uint64] | None = None
        """Of the periods before, sorted."""

    def check_period(
        self, connection: duckdb.DuckDBPyConnection, export: Export, earlier: Sequence[Export]
    ) -> None:
        """Holds every job of the period to be no other one's, here and in the periods before.

        Equal ids have equal marks; what has equal marks is then compared by its ids.

        Raises:
            Difference: a job has two receipts.
        """
        import numpy as np

        numbers = export.manifest.receipts
        before = 0 if self._marks is None else len(self._marks)
        seen = np.empty(before + numbers.to - numbers.after, dtype=np.uint64)
        if self._marks is not None:
            seen[:before] = self._marks
        # A piece at a time into one array: memory that is new to the process is what costs most.
        with connection.cursor() as cursor:
            marks = cursor.sql("SELECT hash(job_id) AS mark FROM receipts")
            for batch in marks.to_arrow_reader(_READ_ROWS):
                seen[before : before + batch.num_rows] = batch.column(0).to_numpy()
                before += batch.num_rows
        seen.sort()
        alike = np.unique(seen[1:][seen[1:] == seen[:-1]])[:_CANDIDATES]
        self._marks = seen
        if alike.size:
            _refuse_second(connection, [*earlier, export], [int(mark) for mark in alike])


def _refuse_second(
    connection: duckdb.DuckDBPyConnection, exports: Sequence[Export], marks: list[int]
) -> None:
    alike = ", ".join(map(str, marks))
    files = [quote_path(str(one.path(RECEIPTS.name).absolute())) for one in exports]
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
