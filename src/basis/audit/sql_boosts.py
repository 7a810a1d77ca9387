"""Boosts of receipts in SQL: what counted when, joined with what was held and assigned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from basis.audit.boost_tables import table_dates
from basis.audit.difference import Difference, differs, receipt_name
from basis.audit.folder import Export
from basis.audit.sql_assignments import AssignmentQueries
from basis.audit.sql_numbers import quote
from basis.rules.dates import parse_instant

if TYPE_CHECKING:
    import duckdb

_FOREVER: Final = 2**62
_TAKES_EFFECT_AFTER_MS: Final = 60_000
"""From a snapshot's recording to the first job that it counts for."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BoostQueries:
    """The boosts of one period."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, export: Export) -> None:
        self._connection = connection
        self._export = export

    def check(self) -> None:
        """Recomputes the assignments, and holds every receipt's boost to them.

        Raises:
            Difference: the first that is not as it follows.
        """
        rows = self._one("SELECT (SELECT count(*) FROM snapshots), (SELECT count(*) FROM holdings)")
        if not any(rows) and not self._one("SELECT count(*) FROM assignments")[0]:
            self._check_unboosted()
            return
        self._check_snapshots()
        misplaced = self._find(
            "SELECT number FROM assignments WHERE number <> file_row_number + 1 LIMIT 1"
        )
        if misplaced is not None:
            raise Difference(f"boost assignment number {misplaced[0]} does not stand in its order")
        AssignmentQueries(self._connection, self._export.tables).check()
        self._make_windows()
        self._check_receipts()

    def _check_unboosted(self) -> None:
        """With no snapshot, nobody is boosted."""
        seq = self._one(
            "SELECT min(seq) FROM receipts WHERE standing_number IN (SELECT number FROM standings "
            "WHERE points_table <> '' AND (points_boost_bps <> 10000 OR points_assignment <> ''))"
        )[0]
        if seq is not None:
            job_id, boost_bps, assignment = self._one(
                "SELECT job_id, points_boost_bps, points_assignment FROM receipts "
                f"JOIN standings ON number = standing_number WHERE seq = {seq}"
            )
            raise _unboosted(seq, job_id, boost_bps, assignment)

    def _check_snapshots(self) -> None:
        flawed = self._find(
            "SELECT number, epoch_ms(effective_at) AS takes_effect, "
            f"epoch_ms(recorded_at) + {_TAKES_EFFECT_AFTER_MS} AS due FROM snapshots "
            "WHERE takes_effect <> due ORDER BY number LIMIT 1"
        )
        if flawed is not None:
            raise differs(
                f"holdings snapshot number {flawed[0]}",
                "effective_at",
                recorded=_instant(flawed[1]),
                recomputed=_instant(flawed[2]),
            )
        flawed = self._find(
            "SELECT number FROM (SELECT number, effective_at, "
            "lag(number) OVER (ORDER BY file_row_number) AS before, "
            "lag(effective_at) OVER (ORDER BY file_row_number) AS began FROM snapshots) "
            "WHERE number <= before OR effective_at < began ORDER BY number LIMIT 1"
        )
        if flawed is not None:
            raise Difference(f"holdings snapshot number {flawed[0]} does not stand in its order")
        flawed = self._find(
            "SELECT snapshot FROM holdings WHERE snapshot NOT IN (SELECT number FROM snapshots) "
            "UNION ALL (SELECT snapshot FROM holdings GROUP BY snapshot, wallet "
            "HAVING count(*) > 1) LIMIT 1"
        )
        if flawed is not None:
            raise Difference(
                f"holdings.parquet has rows of number {flawed[0]}, which is not there or not in "
                f"its order"
            )

    def _make_windows(self) -> None:
        """What counts from when: a window for each instant at which something begins to."""
        tables = self._export.tables.boosts
        dates = ", ".join(f"({_begin(date)})" for date in sorted(table_dates(tables)))
        self._connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE windows AS
            SELECT row_number() OVER (ORDER BY since) AS number, since,
                   lead(since, 1, {_FOREVER}) OVER (ORDER BY since) AS until
            FROM (SELECT -{_FOREVER} AS since UNION SELECT epoch_ms(effective_at) FROM snapshots
                  UNION SELECT * FROM (VALUES {dates}))""")
        sets = ", ".join(
            f"({quote(version)}, {_begin(one.effective_from)})" for version, one in tables.items()
        )
        rules = ", ".join(
            f"({quote(version)}, {quote(rule.measure.value)}, {_begin(rule.effective_from)}, "
            f"{_begin(rule.effective_until) if rule.effective_until else _FOREVER})"
            for version, one in tables.items()
            for rule in one.rules
        )
        self._connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE tables_of AS
            SELECT w.number, arg_max(t.version, t.since) AS version
            FROM windows w JOIN (VALUES {sets}) t(version, since) ON t.since <= w.since
            GROUP BY w.number""")
        self._connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE held AS
            WITH counted AS (
                SELECT w.number AS window_number, s.measure, max(s.number) AS snapshot
                FROM windows w JOIN snapshots s ON epoch_ms(s.effective_at) <= w.since
                JOIN tables_of t ON t.number = w.number
                JOIN (VALUES {rules}) r(version, measure, since, until) ON r.version = t.version
                    AND r.measure = s.measure AND r.since <= w.since AND w.since < r.until
                GROUP BY ALL)
            SELECT c.window_number, h.wallet, c.measure, s.hash, s.decimals, h.amount
            FROM counted c JOIN snapshots s ON s.number = c.snapshot
            JOIN holdings h ON h.snapshot = c.snapshot WHERE h.amount <> '0'""")
        self._connection.execute("""
            CREATE OR REPLACE TEMP TABLE fitting AS
            WITH holders AS (
                SELECT window_number, wallet, count(*) AS sources FROM held GROUP BY ALL)
            SELECT h.window_number, h.wallet, h.sources, a.hash, a.number,
                   t.version AS due_tables, a.tables,
                   (SELECT count(*) FROM grants g WHERE g.assignment = a.number) AS grants,
                   (SELECT count(*) FROM grants g JOIN held x ON x.window_number = h.window_number
                        AND x.wallet = h.wallet AND x.measure = g.measure
                        AND x.hash = g.snapshot AND x.amount = g.amount
                        AND x.decimals = g.decimals
                    WHERE g.assignment = a.number) AS same
            FROM holders h JOIN tables_of t ON t.number = h.window_number
            LEFT JOIN assignments a ON a.wallet = h.wallet""")

    def _check_receipts(self) -> None:
        bounds = self._connection.execute("SELECT number, since FROM windows ORDER BY number")
        place = _search(bounds.fetchall())
        self._connection.execute("""
            CREATE OR REPLACE TEMP TABLE stories AS
            SELECT w.number AS window_number, t.standing_number, t.is_done, s.worker_id,
                   s.worker_wallet, s.points_boost_bps, s.points_assignment,
                   least(s.points_gpu_count, 256) AS gpus
            FROM (SELECT standing_number, status = 'completed' AS is_done,
                         epoch_ms(min(created_at)) AS first, epoch_ms(max(created_at)) AS last
                  FROM receipts GROUP BY ALL) t
            JOIN windows w ON w.since <= t.last AND w.until > t.first
            JOIN standings s ON s.number = t.standing_number WHERE s.points_table <> ''""")
        self._connection.execute("""
            CREATE OR REPLACE TEMP TABLE flawed_stories AS
            WITH holders AS (SELECT DISTINCT window_number, wallet FROM held),
            judged AS (
                SELECT s.*, h.wallet IS NOT NULL AS is_holder, f.number, f.sources, f.grants,
                       f.same, f.due_tables, f.tables,
                       coalesce(b.boost_bps, 10000) AS due_bps,
                       coalesce((SELECT sum(g.count) FROM boosted_gpus g
                                 WHERE g.assignment = f.number AND g.worker_id = s.worker_id), 0)
                           AS due_gpus
                FROM stories s
                LEFT JOIN holders h ON s.is_done AND h.window_number = s.window_number
                    AND h.wallet = s.worker_wallet
                LEFT JOIN fitting f ON h.wallet IS NOT NULL
                    AND f.window_number = s.window_number AND f.wallet = s.worker_wallet
                    AND lower(hex(f.hash)) = s.points_assignment
                LEFT JOIN boosted_workers b ON b.assignment = f.number
                    AND b.worker_id = s.worker_id)
            SELECT *, sources = grants AND sources = same AS is_fitting FROM judged
            WHERE (NOT is_holder AND (points_boost_bps <> 10000 OR points_assignment <> ''))
               OR (is_holder AND (number IS NULL OR tables <> due_tables OR sources <> grants
                   OR sources <> same OR points_boost_bps <> due_bps OR gpus <> due_gpus))""")
        found = None
        if self._one("SELECT count(*) FROM flawed_stories")[0]:
            bounds = self._connection.execute("SELECT number, since FROM windows ORDER BY number")
            place = _search(bounds.fetchall())
            found = self._find(f"""
                SELECT r.seq, is_holder, number, worker_wallet, points_assignment,
                       points_boost_bps, due_bps, gpus, due_gpus, tables, due_tables, is_fitting
                FROM receipts r JOIN flawed_stories f
                    ON f.standing_number = r.standing_number
                    AND f.is_done = (r.status = 'completed') AND f.window_number = {place}
                ORDER BY r.seq LIMIT 1""")
        if found is not None:
            raise self._explain(found)
        unnamed = self._find("""
            SELECT number FROM assignments WHERE lower(hex(hash)) NOT IN
                (SELECT points_assignment FROM stories) ORDER BY number LIMIT 1""")
        if unnamed is not None:
            raise Difference(f"boost assignment number {unnamed[0]} is named by no receipt")

    def _explain(self, found: tuple[Any, ...]) -> Difference:
        seq, is_holder, number, wallet, assignment, boost_bps, due_bps, gpus, due_gpus = found[:9]
        tables, due_tables, is_fitting = found[9:]
        job_id = self._one(f"SELECT job_id FROM receipts WHERE seq = {seq}")[0]
        name = receipt_name(seq, job_id)
        if not is_holder:
            return _unboosted(seq, job_id, boost_bps, assignment)
        if number is None:
            what = "not boosted" if not assignment else f"boosted by {assignment[:64]}"
            return Difference(
                f"{name}: its worker's owner {wallet} held what counts, and was {what}, which is "
                f"no boost assignment of this period"
            )
        if tables != due_tables:
            return differs(name, "boost tables", recorded=tables, recomputed=due_tables)
        if not is_fitting:
            return Difference(
                f"{name}: boost assignment number {number} counts other holdings than {wallet} "
                f"had by the snapshots that counted then"
            )
        if boost_bps != due_bps:
            return differs(name, "boost", recorded=boost_bps, recomputed=due_bps)
        return differs(name, "GPUs in the assignment", recorded=int(due_gpus), recomputed=gpus)

    def _find(self, query: str) -> tuple[Any, ...] | None:
        return self._connection.execute(query).fetchone()

    def _one(self, query: str) -> tuple[Any, ...]:
        row = self._find(query)
        if row is None:
            raise AssertionError("an aggregate or a row that was found has one row")
        return row


def _unboosted(seq: int, job_id: str, boost_bps: int, assignment: str) -> Difference:
    name = receipt_name(seq, job_id)
    if boost_bps != 10_000:
        return differs(name, "boost", recorded=boost_bps, recomputed=10_000)
    return differs(name, "assignment", recorded=assignment, recomputed="")


def _begin(date: str) -> int:
    """Milliseconds since 1970 of a date or instant."""
    instant = datetime.fromisoformat(parse_instant(date, param="effective_from"))
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def _instant(millis: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=millis)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _search(bounds: list[tuple[int, int]]) -> str:
    """The number of the window that a receipt's time is in, by halves."""
    if len(bounds) == 1:
        return str(bounds[0][0])
    middle = len(bounds) // 2
    return (
        f"CASE WHEN epoch_ms(created_at) < {bounds[middle][1]} "
        f"THEN {_search(bounds[:middle])} ELSE {_search(bounds[middle:])} END"
    )
