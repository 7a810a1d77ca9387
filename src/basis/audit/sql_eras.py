"""From when on jobs earn points, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from basis.audit.difference import Difference
from basis.audit.era_check import earned_nothing
from basis.audit.folder import Export

if TYPE_CHECKING:
    import duckdb

_RECEIPTS: Final = "receipts JOIN standings ON number = standing_number"


def check_eras(
    connection: duckdb.DuckDBPyConnection, export: Export, earlier: Sequence[Export]
) -> None:
    """Looks for a completed job without points after one with them.

    Raises:
        Difference: there is one.
    """
    if not export.tables.postpaid:
        return
    is_late = "TRUE"
    if not any(before.tables.points for before in earlier):
        is_late = f"seq > (SELECT min(seq) FROM {_RECEIPTS} WHERE points_table <> '')"
    found = connection.execute(
        f"SELECT seq, job_id FROM {_RECEIPTS} WHERE points_table = '' AND status = 'completed' "
        f"AND {is_late} ORDER BY seq LIMIT 1"
    ).fetchone()
    if found is not None:
        raise Difference(earned_nothing(*found))
