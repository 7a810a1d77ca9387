"""Boost assignments in SQL: tiers, how many GPUs each holding boosts, and who is boosted.

All of an owner's GPUs stand on one line, the strongest first, and so do the GPUs that its grants
may boost, the greatest boost first: a GPU has the boost of the grant that lies over its place. The
rules give boosts out one by one instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from basis.audit.difference import Difference, differs
from basis.audit.sql_numbers import quote
from basis.audit.tables import PublishedTables
from basis.rules.boost_tables import BoostTables
from basis.rules.gpus import GpuTable

if TYPE_CHECKING:
    import duckdb

_DIGITS: Final = 38
"""Of the largest number in 128 bits that is counted: no rule tells more apart."""
_MAX_GPUS: Final = 2**31 - 1
_NAME: Final = "boost assignment number {}"


class AssignmentQueries:
    """The assignments of one period; `check` leaves its tables behind for `sql_boosts`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, tables: PublishedTables) -> None:
        self._connection = connection
        self._tables = tables

    def check(self) -> None:
        """Recomputes every assignment.

        Raises:
            Difference: the first figure that does not follow.
        """
        self._load_tables()
        self._check_grants()
        self._check_gpus()
        self._check_workers()

    def _load_tables(self) -> None:
        for name, columns, rows in (
            ("boost_rules", _RULE_COLUMNS, _rule_rows(self._tables.boosts)),
            ("boost_steps", _STEP_COLUMNS, _step_rows(self._tables.boosts)),
            ("gpu_ranks", _RANK_COLUMNS, _rank_rows(self._tables.gpus)),
        ):
            self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {name}({columns})")
            if rows:
                self._connection.execute(f"INSERT INTO {name} VALUES {', '.join(rows)}")

    def _check_grants(self) -> None:
        self._connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE granted AS
            WITH written AS (
                SELECT g.*, a.number, r.unit_raw, r.gpus_per_unit, a.tables,
                       CASE WHEN g.decimals > r.decimals
                            THEN left(g.amount,
                                      greatest(length(g.amount) - (g.decimals - r.decimals), 0))
                            ELSE g.amount || repeat('0', least(r.decimals - g.decimals, {_DIGITS}))
                            END AS digits
                FROM grants g LEFT JOIN assignments a ON a.number = g.assignment
                LEFT JOIN boost_rules r ON r.version = a.tables AND r.measure = g.measure),
            counted AS (
                SELECT *, CASE WHEN amount = '0' OR digits = '' THEN 0
                    WHEN length(digits) > {_DIGITS} THEN TRY_CAST(repeat('9', {_DIGITS}) AS HUGEINT)
                    ELSE TRY_CAST(digits AS HUGEINT) END AS held_raw FROM written)
            SELECT assignment, place, measure, boost_bps, gpu_limit,
                   row_number() OVER (PARTITION BY assignment ORDER BY boost_bps DESC, measure)
                       AS due_place,
                   CASE WHEN held_raw IS NULL THEN NULL ELSE coalesce(
                       (SELECT arg_max(s.boost_bps, s.at_least) FROM boost_steps s
                        WHERE s.version = c.tables AND s.measure = c.measure
                        AND s.at_least <= c.held_raw), 10000) END AS due_bps,
                   CASE WHEN gpus_per_unit = 0 THEN 0
                        WHEN held_raw // unit_raw >= {_MAX_GPUS} THEN {_MAX_GPUS}
                        ELSE least(held_raw // unit_raw * gpus_per_unit, {_MAX_GPUS}) END
                       AS due_limit
            FROM counted c""")
        for recorded, due in (("boost_bps", "due_bps"), ("gpu_limit", "due_limit")):
            self._refuse(
                recorded,
                f"SELECT {_numbered('assignment')} || ', grant ' || place, {recorded}, {due} "
                f"FROM granted WHERE {recorded} IS DISTINCT FROM {due} "
                f"ORDER BY assignment, place LIMIT 1",
            )
        self._refuse(
            "place",
            f"SELECT {_numbered('assignment')} || ', grant ' || place, place, due_place "
            f"FROM granted WHERE place <> due_place ORDER BY assignment, place LIMIT 1",
        )

    def _check_gpus(self) -> None:
        self._connection.execute("""
            CREATE OR REPLACE TEMP TABLE lined AS
            WITH ranked AS (
                SELECT b.*, coalesce(k.rank, CASE WHEN b.name = '' THEN
                           (SELECT count(*) FROM gpu_ranks u WHERE u.version = r.gpus) END) AS rank
                FROM boosted_gpus b LEFT JOIN assignments a ON a.number = b.assignment
                LEFT JOIN (SELECT DISTINCT version, gpus FROM boost_rules) r ON r.version = a.tables
                LEFT JOIN gpu_ranks k ON k.version = r.gpus AND k.name = b.name)
            SELECT *,
                   row_number() OVER strongest AS due_place,
                   coalesce(sum(count) OVER (strongest ROWS BETWEEN UNBOUNDED PRECEDING
                                             AND 1 PRECEDING), 0) AS starts,
                   coalesce(sum(count) OVER (PARTITION BY assignment, worker_id ORDER BY first
                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS due_first
            FROM ranked
            WINDOW strongest AS (PARTITION BY assignment ORDER BY rank, worker_id, first)""")
        self._connection.execute("""
            CREATE OR REPLACE TEMP TABLE reach AS
            SELECT assignment, measure, boost_bps,
                   coalesce(sum(gpu_limit) OVER (PARTITION BY assignment ORDER BY place
                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS since,
                   sum(gpu_limit) OVER (PARTITION BY assignment ORDER BY place
                            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS until
            FROM granted WHERE boost_bps > 10000""")
        self._connection.execute("""
            CREATE OR REPLACE TEMP TABLE boosted AS
            SELECT l.*, coalesce(g.boost_bps, 10000) AS due_bps, coalesce(g.measure, '') AS due_by,
                   g.until IS NULL OR l.starts + l.count <= g.until AS is_within
            FROM lined l LEFT JOIN reach g ON g.assignment = l.assignment
                AND l.starts >= g.since AND l.starts < g.until""")
        for recorded, due in (
            ("place", "CASE WHEN rank IS NOT NULL THEN due_place END"),
            ("first", "due_first"),
            ("boost_bps", "due_bps"),
            ("measure", "due_by"),
            ("is_within", "true"),
        ):
            self._refuse(
                recorded,
                f"SELECT {_numbered('assignment')} || ', GPUs ' || place, {recorded}, {due} "
                f"FROM boosted WHERE {recorded} IS DISTINCT FROM {due} "
                f"ORDER BY assignment, place LIMIT 1",
            )

    def _check_workers(self) -> None:
        self._refuse(
            "boost_bps",
            f"""
            WITH due AS (
                SELECT assignment, worker_id, sum(count * due_bps) // sum(count) AS due_bps
                FROM boosted GROUP BY ALL)
            SELECT {_numbered("coalesce(d.assignment, w.assignment)")} || ', worker '
                   || coalesce(d.worker_id, w.worker_id), w.boost_bps, d.due_bps
            FROM boosted_workers w FULL JOIN due d USING (assignment, worker_id)
            WHERE w.boost_bps IS DISTINCT FROM d.due_bps
            ORDER BY coalesce(d.assignment, w.assignment), coalesce(d.worker_id, w.worker_id)
            LIMIT 1""",
        )
        found = self._connection.execute("""
            SELECT p.assignment FROM (
                SELECT assignment FROM grants UNION ALL SELECT assignment FROM boosted_gpus
                UNION ALL SELECT assignment FROM boosted_workers) p
            WHERE p.assignment NOT IN (SELECT number FROM assignments) LIMIT 1""").fetchone()
        if found is not None:
            raise Difference(f"{_NAME.format(found[0])} is not there, but has parts")

    def _refuse(self, what: str, query: str) -> None:
        found = self._connection.execute(query).fetchone()
        if found is not None:
            name, recorded, due = found
            raise differs(name, what, recorded=recorded, recomputed=due)


_RULE_COLUMNS: Final = (
    "version VARCHAR, gpus VARCHAR, measure VARCHAR, decimals INTEGER, unit_raw HUGEINT, "
    "gpus_per_unit HUGEINT"
)
_STEP_COLUMNS: Final = "version VARCHAR, measure VARCHAR, at_least HUGEINT, boost_bps BIGINT"
_RANK_COLUMNS: Final = "version VARCHAR, name VARCHAR, rank BIGINT"


def _rule_rows(tables: Mapping[str, BoostTables]) -> Sequence[str]:
    return [
        f"({quote(version)}, {quote(one.gpus_version)}, {quote(rule.measure.value)}, "
        f"{rule.decimals}, {rule.unit_raw}, {rule.gpus_per_unit})"
        for version, one in tables.items()
        for rule in one.rules
    ]


def _step_rows(tables: Mapping[str, BoostTables]) -> Sequence[str]:
    return [
        f"({quote(version)}, {quote(rule.measure.value)}, {at_least}, {boost_bps})"
        for version, one in tables.items()
        for rule in one.rules
        for at_least, boost_bps in rule.steps
    ]


def _rank_rows(gpus: Mapping[str, GpuTable]) -> Sequence[str]:
    return [
        f"({quote(version)}, {quote(gpu.name)}, {gpu.rank})"
        for version, table in gpus.items()
        for gpu in table.by_key.values()
    ]


def _numbered(column: str) -> str:
    return f"'{_NAME.format('')}' || {column}"
