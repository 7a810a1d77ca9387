"""Holdings snapshots over the periods in SQL: what one of them tells of a time, all have to tell.

The same rule as in `snapshot_history`, by the numbers and times of snapshots alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from basis.audit.difference import Difference
from basis.audit.folder import Export

if TYPE_CHECKING:
    import duckdb


def check_snapshot_history(connection: duckdb.DuckDBPyConnection, export: Export) -> None:
    """Takes the snapshots of the period whose views are open, and holds all periods so far to them.

    Raises:
        Difference: a period so far lacks one that counted in it, or has one that did not.
    """
    run = connection.execute
    period = export.manifest.number
    run("""CREATE TABLE IF NOT EXISTS told_snapshots(period BIGINT, name VARCHAR, number BIGINT,
            measure VARCHAR, effective_at BIGINT)""")
    run("""CREATE TABLE IF NOT EXISTS told_times(period BIGINT, name VARCHAR,
            first BIGINT, last BIGINT)""")
    run(
        "INSERT INTO told_snapshots SELECT ?, ?, number, measure, epoch_ms(effective_at) "
        "FROM snapshots",
        [period, export.name],
    )
    # Mostly every job has a table of points, and the bounds of the file are the answer.
    without = run("SELECT count(*) FROM standings WHERE points_table = ''").fetchone()
    with_table = (
        "WHERE standing_number NOT IN (SELECT number FROM standings WHERE points_table = '')"
        if without != (0,)
        else ""
    )
    run(
        "INSERT INTO told_times SELECT ?, ?, epoch_ms(min(created_at)), epoch_ms(max(created_at)) "
        f"FROM receipts {with_table}",
        [period, export.name],
    )
    unsorted = run("""
        SELECT name, number, before FROM (
            SELECT name, number, effective_at, lag(number) OVER by_number AS before,
                   lag(effective_at) OVER by_number AS before_at
            FROM told_snapshots WINDOW by_number AS (ORDER BY number, period))
        WHERE effective_at < before_at ORDER BY number LIMIT 1""").fetchone()
    if unsorted is not None:
        raise Difference(
            f"{unsorted[0]}: holdings snapshot number {unsorted[1]} takes effect before number "
            f"{unsorted[2]}"
        )
    _check_periods(connection)


def _check_periods(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.execute("""
        WITH known AS (
            SELECT number, any_value(measure) AS measure, any_value(effective_at) AS effective_at,
                   arg_min(name, period) AS teller
            FROM told_snapshots GROUP BY number),
        counted AS (
            SELECT t.period, k.number FROM told_times t JOIN known k
                ON k.effective_at > t.first AND k.effective_at <= t.last
            UNION ALL
            SELECT t.period, max(k.number) FROM told_times t JOIN known k
                ON k.effective_at <= t.first GROUP BY t.period, k.measure)
        SELECT t.name, number, c.number IS NOT NULL AS is_due, k.teller
        FROM counted c FULL JOIN told_snapshots s USING (period, number)
        JOIN told_times t USING (period) JOIN known k USING (number)
        WHERE c.number IS NULL OR s.number IS NULL
        ORDER BY period, is_due DESC, number LIMIT 1""").fetchone()
    if found is None:
        return
    name, number, is_due, teller = found
    if is_due:
        raise Difference(
            f"{name} lacks holdings snapshot number {number}, which counted for its jobs as "
            f"{teller} has it"
        )
    raise Difference(
        f"{name} has holdings snapshot number {number}, which counted for none of its jobs"
    )
