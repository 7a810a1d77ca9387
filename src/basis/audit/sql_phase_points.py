"""The points of phases in SQL: those of the receipts of all the periods that are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from basis.audit.difference import Difference
from basis.audit.folder import Export
from basis.audit.sql_phase_history import check_openings, prepare_openings, remember_openings
from basis.audit.sql_standings import whole_receipts

if TYPE_CHECKING:
    import duckdb


def prepare_phases(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the tables in which the phases of all periods are kept."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE shared_phases(phase VARCHAR, file VARCHAR, since BIGINT,
            until BIGINT, receipts BIGINT, late BIGINT, last_seq BIGINT)""")
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE shared_lines(phase VARCHAR, pool VARCHAR, wallet VARCHAR,
            points_raw HUGEINT)""")
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE shared_pools(phase VARCHAR, pool VARCHAR,
            points_asset VARCHAR)""")
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE swept(phase VARCHAR, points_asset VARCHAR, since BIGINT,
            until BIGINT, last_seq BIGINT, earlier VARCHAR)""")
    prepare_openings(connection)


def remember_phases(connection: duckdb.DuckDBPyConnection) -> None:
    """Keeps the phases of a period that are shared out, each once.

    Raises:
        Difference: one has another file than in the period before.
    """
    changed = connection.execute(
        "SELECT p.phase FROM phases p JOIN shared_phases s USING (phase) "
        "WHERE p.file <> '' AND p.file <> s.file ORDER BY phase LIMIT 1"
    ).fetchone()
    if changed is not None:
        raise Difference(f"phase {changed[0]} is not as it was published before")
    remember_openings(connection)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE fresh AS
        SELECT phase, doc, terms FROM phase_docs
        WHERE doc IS NOT NULL AND phase NOT IN (SELECT phase FROM shared_phases)""")
    connection.execute("""
        INSERT INTO shared_lines SELECT phase, pool, wallet, points_raw FROM phase_lines
        WHERE phase IN (SELECT phase FROM fresh)""")
    connection.execute("""
        INSERT INTO shared_pools SELECT phase, pool, points_asset FROM term_pools
        WHERE phase IN (SELECT phase FROM fresh)""")
    connection.execute("""
        INSERT INTO swept SELECT phase, points_asset, epoch_ms(starts_at), epoch_ms(ends_at),
            last_seq, earlier FROM earlier_phases WHERE phase IN (SELECT phase FROM fresh)""")
    connection.execute("""
        INSERT INTO shared_phases SELECT f.phase, p.file,
            epoch_ms(TRY_CAST(replace(f.terms."from", 'Z', '') AS TIMESTAMP)),
            epoch_ms(TRY_CAST(replace(f.terms."to", 'Z', '') AS TIMESTAMP)),
            f.doc.receipts.count, f.doc.receipts."lateCount", f.doc.receipts."lastSeq"
        FROM fresh f JOIN phases p USING (phase)""")


def check_phase_points(connection: duckdb.DuckDBPyConnection, exports: Sequence[Export]) -> None:
    """Holds the points of each phase that was kept to the receipts of all periods.

    Raises:
        Difference: a wallet has other points than its receipts gave, where all of them are here;
            or fewer, where some are not.
    """
    if not connection.execute("SELECT phase FROM shared_phases LIMIT 1").fetchone():
        return
    check_openings(connection, exports)
    receipts = " UNION ALL ".join(
        "SELECT seq, worker_wallet AS wallet, epoch_ms(created_at) AS at_ms, points_asset, "
        "CAST(points_raw AS HUGEINT) AS points_raw FROM "
        f"{whole_receipts(export)} "
        "WHERE points_raw <> 0"
        for export in exports
    )
    first, last = exports[0].manifest.receipts.after, exports[-1].manifest.receipts.to
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE counted AS
        WITH scopes AS (
            SELECT p.phase, o.pool, o.points_asset, p.since, p.until, p.last_seq,
                   coalesce((SELECT max(s.last_seq) FROM swept s WHERE s.phase = p.phase
                             AND s.points_asset = o.points_asset), p.last_seq) AS swept_seq
            FROM shared_phases p JOIN shared_pools o USING (phase)),
        here AS ({receipts}),
        own AS (
            SELECT c.phase, c.pool, r.wallet, r.points_raw, 0 AS late
            FROM scopes c JOIN here r ON r.points_asset = c.points_asset AND r.seq <= c.last_seq
                AND r.at_ms >= c.since AND r.at_ms < c.until),
        late AS (
            SELECT c.phase, c.pool, r.wallet, r.points_raw, 1 AS late
            FROM scopes c JOIN swept s ON s.phase = c.phase AND s.points_asset = c.points_asset
            JOIN here r ON r.points_asset = c.points_asset AND r.seq <= c.last_seq
                AND r.seq > c.swept_seq AND r.at_ms >= s.since AND r.at_ms < s.until)
        SELECT phase, pool, wallet, sum(points_raw) AS points_raw, count(*) AS receipts,
               sum(late) AS late
        FROM (SELECT * FROM own UNION ALL SELECT * FROM late) GROUP BY ALL""")
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE coverage AS
        SELECT p.phase, p.receipts, p.late, coalesce(sum(c.receipts), 0) AS here,
               coalesce(sum(c.late), 0) AS here_late,
               here = p.receipts OR ({first} = 0 AND p.last_seq <= {last}) AS is_whole
        FROM shared_phases p LEFT JOIN counted c ON c.phase = p.phase
        GROUP BY p.phase, p.receipts, p.late, p.last_seq""")
    _refuse(
        connection,
        "SELECT v.phase, ', pool ' || m.pool || ': points of ' || m.wallet, m.recorded, m.here "
        "FROM (SELECT phase, pool, wallet, coalesce(l.points_raw, 0) AS recorded, "
        "      coalesce(c.points_raw, 0) AS here "
        "      FROM shared_lines l FULL JOIN counted c USING (phase, pool, wallet)) m "
        "JOIN coverage v ON v.phase = m.phase "
        "WHERE m.recorded < m.here OR (v.is_whole AND m.recorded <> m.here) "
        "ORDER BY v.phase, m.pool, m.wallet LIMIT 1",
    )
    _refuse(
        connection,
        "SELECT phase, ': number of receipts', receipts, here FROM coverage "
        "WHERE receipts < here OR (is_whole AND receipts <> here) ORDER BY phase LIMIT 1",
    )
    _refuse(
        connection,
        "SELECT phase, ': number of late receipts', late, here_late FROM coverage "
        "WHERE late < here_late OR (is_whole AND late <> here_late) ORDER BY phase LIMIT 1",
    )


def _refuse(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    found = connection.execute(query).fetchone()
    if found is not None:
        phase, what, recorded, due = found
        raise Difference(f"phase {phase}{what} is recorded as {recorded}, recomputed as {due}")
