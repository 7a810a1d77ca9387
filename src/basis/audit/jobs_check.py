"""One receipt for each job, over all periods that were given (I3, I5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from basis.audit.difference import Difference
from basis.audit.folder import Export
from basis.rules.export_format import RECEIPTS


def check_jobs_once(exports: Sequence[Export]) -> None:
    """Holds every job to one receipt. Memory: the ids of all jobs.

    Raises:
        Difference: a job has two.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    tables = [
        pq.read_table(export.path(RECEIPTS.name), columns=["seq", "job_id"], use_threads=False)
        for export in exports
    ]
    jobs = pa.chunked_array([chunk for table in tables for chunk in table["job_id"].chunks])
    if cast("int", pc.count_distinct(jobs).as_py()) == len(jobs):
        return
    first: dict[object, object] = {}
    for table in tables:
        rows = zip(table["seq"].to_pylist(), table["job_id"].to_pylist(), strict=True)
        for seq, job_id in rows:
            if job_id in first:
                raise Difference(
                    f"job {job_id} has two receipts: number {first[job_id]} and number {seq} (I3)"
                )
            first[job_id] = seq
