"""What the receipts of a period say of boosts, once for all that say the same.

Read a row group at a time and grouped by Arrow, so that memory stays flat and most receipts cost
next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from basis.audit.difference import receipt_name
from basis.audit.folder import Export
from basis.audit.standings import Standing, load_standings
from basis.rules.errors import DamagedExport
from basis.rules.export_format import RECEIPTS

_KEYS: Final = ["standing_number", "status"]
_COLUMNS: Final = ["seq", "created_at", *_KEYS]


class Story(NamedTuple):
    """What receipts have in common, and the number of the first one."""

    worker_id: str
    wallet: str
    status: str
    boost_bps: int
    assignment: str
    gpu_name: str
    gpu_count: int
    seq: int


class Receipts:
    """The receipts with points of one row group."""

    def __init__(self, table: Any, standings: Sequence[Standing]) -> None:
        """`table` is Arrow's, of which the stubs know little; `standings` are all, 1 first."""
        self._table = table
        self._standings = standings

    @property
    def times(self) -> tuple[str, str]:
        """When the first and the last of their jobs were accepted; "" where there is none."""
        import pyarrow.compute as pc

        if not self._table.num_rows:
            return "", ""
        compute: Any = pc
        found = compute.min_max(self._table.column("created_at")).as_py()
        first, last = (
            found[end].isoformat(timespec="milliseconds").replace("+00:00", "Z")
            for end in ("min", "max")
        )
        return first, last

    def stories(self, *, since: str, until: str) -> Iterator[Story]:
        """Those of jobs accepted from one instant up to, and without, another; "" is no bound."""
        import pyarrow.compute as pc

        compute: Any = pc
        table = self._table
        if since:
            start = datetime.fromisoformat(since)
            table = table.filter(compute.greater_equal(table.column("created_at"), start))
        if until and table.num_rows:
            end = datetime.fromisoformat(until)
            table = table.filter(compute.less(table.column("created_at"), end))
        if not table.num_rows:
            return
        grouped = table.group_by(_KEYS).aggregate([("seq", "min")])
        columns = [grouped.column(name).to_pylist() for name in (*_KEYS, "seq_min")]
        for number, status, seq in zip(*columns, strict=True):
            one = self._standings[cast("int", number) - 1]
            yield Story(
                worker_id=one.worker_id,
                wallet=one.worker_wallet,
                status=status,
                boost_bps=one.points_boost_bps,
                assignment=one.points_assignment,
                gpu_name=one.points_gpu_name,
                gpu_count=one.points_gpu_count,
                seq=seq,
            )


def iterate_groups(export: Export) -> Iterator[Receipts]:
    """The receipts with points, a row group at a time.

    Raises:
        DamagedExport: a page cannot be read.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    compute: Any = pc
    parquet: Any = pq
    path = export.path(RECEIPTS.name)
    standings = load_standings(export.folder)
    earning = pa.array(
        [number for number, one in enumerate(standings, start=1) if one.points_table], pa.int64()
    )
    try:
        with parquet.ParquetFile(path) as opened:
            for group in range(opened.num_row_groups):
                table = opened.read_row_group(group, columns=_COLUMNS)
                earns = compute.is_in(table.column("standing_number"), value_set=earning)
                yield Receipts(table.filter(earns), standings)
    except (pa.ArrowException, OSError) as error:
        raise DamagedExport(f"{path} cannot be read: {error}") from error


def find_receipt(export: Export, seq: int) -> str:
    """How messages name the receipt of this number."""
    import pyarrow.parquet as pq

    parquet: Any = pq
    bounds = [("seq", "=", seq)]
    rows = parquet.read_table(export.path(RECEIPTS.name), columns=["job_id"], filters=bounds)
    return receipt_name(seq, str(rows.column("job_id")[0].as_py()))
