"""The earlier phases that a phase names, in SQL: each was opened, at the times that it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from basis.audit.difference import Difference
from basis.audit.folder import Export

if TYPE_CHECKING:
    import duckdb


def prepare_openings(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the table of the phases of all periods, by their terms."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE openings(phase VARCHAR, points_asset VARCHAR, since BIGINT,
            until BIGINT)""")


def remember_openings(connection: duckdb.DuckDBPyConnection) -> None:
    """Keeps the phases of a period, each once."""
    connection.execute("""
        INSERT INTO openings SELECT DISTINCT d.phase, t.points_asset,
            epoch_ms(TRY_CAST(replace(d.terms."from", 'Z', '') AS TIMESTAMP)),
            epoch_ms(TRY_CAST(replace(d.terms."to", 'Z', '') AS TIMESTAMP))
        FROM phase_docs d JOIN term_pools t USING (phase)
        WHERE d.phase NOT IN (SELECT phase FROM openings)""")


def check_openings(connection: duckdb.DuckDBPyConnection, exports: Sequence[Export]) -> None:
    """Holds the earlier phases that phases name to those that entries opened.

    Raises:
        Difference: nobody opened one of them, or it has another time or other receipts.
    """
    is_whole = exports[0].manifest.number == 1
    found = connection.execute(
        """
        SELECT s.phase, s.earlier, s.points_asset,
               [s.since, s.until, s.last_seq] AS recorded,
               CASE WHEN o.phase IS NOT NULL
                    THEN [o.since, o.until, coalesce(e.last_seq, s.last_seq)] END AS due
        FROM swept s JOIN shared_phases p USING (phase)
        LEFT JOIN openings o ON o.phase = s.earlier AND o.points_asset = s.points_asset
        LEFT JOIN shared_phases e ON e.phase = s.earlier
        WHERE s.last_seq > p.last_seq OR recorded IS DISTINCT FROM due
          AND (o.phase IS NOT NULL OR ? OR s.earlier IN (SELECT phase FROM openings))
        ORDER BY s.phase, s.points_asset, s.earlier LIMIT 1""",
        [is_whole],
    ).fetchone()
    if found is None:
        return
    phase, earlier, asset, recorded, due = found
    if due is None:
        raise Difference(
            f"phase {phase} names the earlier phase {earlier[:40]} of {asset}, which nobody opened"
        )
    raise Difference(
        f"phase {phase}: earlier phase {earlier[:40]} of {asset} is recorded as {recorded}, "
        f"recomputed as {due}"
    )
