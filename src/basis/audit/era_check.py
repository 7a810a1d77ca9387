"""From when on jobs earn points, by the rules: what is older than points cannot come after them.

Jobs without points are those from before credits, and a network that has been upgraded completes no
more of them. One that is lost in the upgrade ends after it, and earns nothing either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from basis.audit.difference import Difference, receipt_name
from basis.audit.folder import Export
from basis.audit.standings import Standing, load_standings
from basis.rules.errors import DamagedExport
from basis.rules.export_format import RECEIPTS

_COLUMNS = ["seq", "job_id", "status", "standing_number"]


class EraBook:
    """Goes through the periods of a network in their order."""

    def __init__(self) -> None:
        self._has_points = False

    def check(self, export: Export) -> None:
        """Looks for a completed job without points after one with them.

        Raises:
            Difference: there is one.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        parquet: Any = pq
        if not export.tables.postpaid:
            self._has_points = self._has_points or bool(export.tables.points)
            return
        path = export.path(RECEIPTS.name)
        standings = load_standings(export.folder)
        try:
            with parquet.ParquetFile(path) as opened:
                for group in range(opened.num_row_groups):
                    table = opened.read_row_group(group, columns=_COLUMNS)
                    self._follow(table, standings)
        except (pa.ArrowException, OSError) as error:
            raise DamagedExport(f"{path} cannot be read: {error}") from error

    def _follow(self, table: Any, standings: Sequence[Standing]) -> None:
        columns = [table.column(name).to_pylist() for name in _COLUMNS]
        for seq, job_id, status, number in zip(*columns, strict=True):
            if standings[cast("int", number) - 1].points_table:
                self._has_points = True
            elif self._has_points and status == "completed":
                raise Difference(earned_nothing(seq, job_id))


def earned_nothing(seq: int, job_id: str) -> str:
    """The sentence about a completed job without points, after one with them."""
    return f"{receipt_name(seq, job_id)} is from before there were points, after a job with points"
