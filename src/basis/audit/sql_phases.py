"""Phases in SQL: shares, dust and what vests.

A share is `pool x points / all points`, whose product may need more than 128 bits. So the pool is
divided first: `pool = whole x all + rest`, and the rest is multiplied in two steps by the points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from basis.audit.difference import Difference
from basis.audit.folder import Export
from basis.audit.sql_phase_entries import check_phase_entries
from basis.audit.sql_phase_points import remember_phases

if TYPE_CHECKING:
    import duckdb

_POOL: Final = '{"pool":"VARCHAR","pointsAsset":"VARCHAR","amountRaw":"VARCHAR"}'
_TERMS: Final = (
    '{"from":"VARCHAR","to":"VARCHAR","pools":[' + _POOL + "],"
    '"vesting":{"parts":"BIGINT","dueAt":["VARCHAR"]}}'
)
_FILE: Final = (
    '{"openedAt":"VARCHAR","finalAt":"VARCHAR",'
    '"receipts":{"count":"BIGINT","lateCount":"BIGINT","lastSeq":"BIGINT"},'
    '"pools":[{"pool":"VARCHAR","pointsAsset":"VARCHAR","amountRaw":"VARCHAR",'
    '"pointsRaw":"VARCHAR","excludedPointsRaw":"VARCHAR","sharedRaw":"VARCHAR",'
    '"dustRaw":"VARCHAR","returnedRaw":"VARCHAR"}],'
    '"lines":[{"pool":"VARCHAR","wallet":"VARCHAR","pointsRaw":"VARCHAR",'
    '"amountRaw":"VARCHAR","isExcluded":"BOOLEAN","forgoneRaw":"VARCHAR"}],'
    '"exclusions":[{"wallet":"VARCHAR","appeal":{"decision":"VARCHAR"}}],'
    '"wallets":[{"wallet":"VARCHAR","amountRaw":"VARCHAR","partRaw":"VARCHAR",'
    '"lastPartRaw":"VARCHAR"}]}'
)
_STEP: Final = "CAST(1000000000 AS HUGEINT)"
"""Points are multiplied above and below it apart: with less than 10^23 points there are 38 digits.
"""
_SHOWN: Final = 40


class PhaseQueries:
    """The phases of one period."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, export: Export) -> None:
        self._connection = connection
        self._export = export

    def check(self) -> None:
        """Recomputes the phases of the period, and holds its entries to them.

        Raises:
            Difference: the first figure that does not follow.
        """
        self._load_documents()
        self._check_lines()
        self._check_pools()
        self._check_wallets()
        check_phase_entries(self._connection, self._export)
        remember_phases(self._connection)

    def _load_documents(self) -> None:
        run = self._connection.execute
        run(f"""
            CREATE OR REPLACE TEMP TABLE phase_docs AS
            SELECT phase, file <> '' AS has_file, TRY(from_json(terms, '{_TERMS}')) AS terms,
                   CASE WHEN file <> '' THEN TRY(from_json(file, '{_FILE}')) END AS doc
            FROM phases""")
        unreadable = run("""
            SELECT phase FROM phase_docs
            WHERE terms.pools IS NULL OR terms.vesting.parts IS NULL
               OR (has_file AND (doc.lines IS NULL OR doc.pools IS NULL OR doc.wallets IS NULL
                   OR doc.exclusions IS NULL OR doc.receipts.count IS NULL))
            ORDER BY phase LIMIT 1""").fetchone()
        if unreadable is not None:
            raise Difference(f"phase {unreadable[0][:_SHOWN]} cannot be read")
        run("""
            CREATE OR REPLACE TEMP TABLE phase_lines AS
            SELECT phase, l.pool AS pool, l.wallet AS wallet, l."isExcluded" AS is_excluded,
                   TRY_CAST(l."pointsRaw" AS HUGEINT) AS points_raw,
                   TRY_CAST(l."amountRaw" AS HUGEINT) AS amount_raw,
                   TRY_CAST(l."forgoneRaw" AS HUGEINT) AS forgone_raw
            FROM (SELECT phase, unnest(doc.lines) AS l FROM phase_docs WHERE doc IS NOT NULL)""")
        run("""
            CREATE OR REPLACE TEMP TABLE phase_pools AS
            SELECT phase, p.pool AS pool, p."pointsAsset" AS points_asset,
                   TRY_CAST(p."amountRaw" AS HUGEINT) AS amount_raw,
                   TRY_CAST(p."pointsRaw" AS HUGEINT) AS points_raw,
                   TRY_CAST(p."excludedPointsRaw" AS HUGEINT) AS excluded_points_raw,
                   TRY_CAST(p."sharedRaw" AS HUGEINT) AS shared_raw,
                   TRY_CAST(p."dustRaw" AS HUGEINT) AS dust_raw,
                   TRY_CAST(p."returnedRaw" AS HUGEINT) AS returned_raw
            FROM (SELECT phase, unnest(doc.pools) AS p FROM phase_docs WHERE doc IS NOT NULL)""")
        run("""
            CREATE OR REPLACE TEMP TABLE term_pools AS
            SELECT phase, p.pool AS pool, p."pointsAsset" AS points_asset,
                   TRY_CAST(p."amountRaw" AS HUGEINT) AS amount_raw
            FROM (SELECT phase, unnest(terms.pools) AS p FROM phase_docs)""")
        run("""
            CREATE OR REPLACE TEMP TABLE barred AS
            SELECT phase, e.wallet AS wallet
            FROM (SELECT phase, unnest(doc.exclusions) AS e FROM phase_docs WHERE doc IS NOT NULL)
            WHERE e.appeal IS NULL OR e.appeal.decision <> 'accepted'""")

    def _check_lines(self) -> None:
        share, forgone = floor_share("total_raw"), floor_share("all_raw")
        self._connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE shares AS
            WITH judged AS (
                SELECT l.*, b.wallet IS NOT NULL AS due_excluded FROM phase_lines l
                LEFT JOIN barred b ON b.phase = l.phase AND b.wallet = l.wallet),
            totals AS (
                SELECT phase, pool, sum(points_raw) AS all_raw,
                       coalesce(sum(points_raw) FILTER (NOT due_excluded), 0) AS total_raw
                FROM judged GROUP BY phase, pool)
            SELECT j.*, t.total_raw, t.all_raw,
                   CASE WHEN due_excluded THEN 0 ELSE {share} END AS due_raw,
                   CASE WHEN due_excluded THEN {forgone} ELSE 0 END AS due_forgone_raw
            FROM judged j JOIN totals t USING (phase, pool)
            LEFT JOIN term_pools p ON p.phase = j.phase AND p.pool = j.pool""")
        for what, recorded, due in (
            ("exclusion", "is_excluded", "due_excluded"),
            ("share", "amount_raw", "due_raw"),
            ("share forgone", "forgone_raw", "due_forgone_raw"),
        ):
            self._refuse(
                f"SELECT phase, ', pool ' || pool || ': {what} of ' || wallet, {recorded}, {due} "
                f"FROM shares WHERE {recorded} IS DISTINCT FROM {due} "
                f"OR points_raw IS NULL OR points_raw <= 0 "
                f"ORDER BY phase, pool, wallet LIMIT 1"
            )
        self._refuse(
            "SELECT phase, ', pool ' || pool || ': lines of ' || wallet, count(*), 1 "
            "FROM phase_lines GROUP BY phase, pool, wallet HAVING count(*) > 1 "
            "ORDER BY phase, pool, wallet LIMIT 1"
        )

    def _check_pools(self) -> None:
        self._connection.execute("""
            CREATE OR REPLACE TEMP TABLE due_pools AS
            WITH sums AS (
                SELECT phase, pool, any_value(total_raw) AS points_raw,
                       any_value(all_raw - total_raw) AS excluded_points_raw,
                       sum(due_raw) AS shared_raw
                FROM shares GROUP BY phase, pool)
            SELECT t.phase, t.pool, t.points_asset, t.amount_raw,
                   coalesce(s.points_raw, 0) AS points_raw,
                   coalesce(s.excluded_points_raw, 0) AS excluded_points_raw,
                   coalesce(s.shared_raw, 0) AS shared_raw,
                   CASE WHEN coalesce(s.points_raw, 0) = 0 THEN 0
                        ELSE t.amount_raw - s.shared_raw END AS dust_raw,
                   CASE WHEN coalesce(s.points_raw, 0) = 0 THEN t.amount_raw ELSE 0 END
                       AS returned_raw
            FROM term_pools t JOIN phase_docs d ON d.phase = t.phase AND d.doc IS NOT NULL
            LEFT JOIN sums s ON s.phase = t.phase AND s.pool = t.pool""")
        for column in (
            "points_asset",
            "amount_raw",
            "points_raw",
            "excluded_points_raw",
            "shared_raw",
            "dust_raw",
            "returned_raw",
        ):
            self._refuse(
                f"SELECT phase, ', pool ' || pool || ': {column}', p.{column}, d.{column} "
                f"FROM phase_pools p FULL JOIN due_pools d USING (phase, pool) "
                f"WHERE p.{column} IS DISTINCT FROM d.{column} ORDER BY phase, pool LIMIT 1"
            )
        self._refuse(
            "SELECT phase, ', pool ' || pool || ': lines', count(*), 0 FROM phase_lines "
            "WHERE (phase, pool) NOT IN (SELECT (phase, pool) FROM term_pools) "
            "GROUP BY phase, pool ORDER BY phase, pool LIMIT 1"
        )

    def _check_wallets(self) -> None:
        self._connection.execute("""
            CREATE OR REPLACE TEMP TABLE vesting AS
            SELECT s.phase, s.wallet, sum(s.due_raw) AS amount_raw,
                   any_value(d.terms.vesting.parts) AS parts,
                   sum(s.due_raw) // any_value(d.terms.vesting.parts) AS part_raw,
                   sum(s.due_raw) - (sum(s.due_raw) // any_value(d.terms.vesting.parts))
                       * (any_value(d.terms.vesting.parts) - 1) AS last_part_raw
            FROM shares s JOIN phase_docs d USING (phase)
            GROUP BY s.phase, s.wallet HAVING sum(s.due_raw) > 0""")
        wallets = (
            '(SELECT phase, w.wallet AS wallet, TRY_CAST(w."amountRaw" AS HUGEINT) AS amount_raw, '
            'TRY_CAST(w."partRaw" AS HUGEINT) AS part_raw, '
            'TRY_CAST(w."lastPartRaw" AS HUGEINT) AS last_part_raw '
            "FROM (SELECT phase, unnest(doc.wallets) AS w FROM phase_docs WHERE doc IS NOT NULL))"
        )
        for column in ("amount_raw", "part_raw", "last_part_raw"):
            self._refuse(
                f"SELECT phase, ': {column} of ' || wallet, w.{column}, v.{column} "
                f"FROM {wallets} w FULL JOIN vesting v USING (phase, wallet) "
                f"WHERE w.{column} IS DISTINCT FROM v.{column} ORDER BY phase, wallet LIMIT 1"
            )

    def _refuse(self, query: str) -> None:
        found = self._connection.execute(query).fetchone()
        if found is not None:
            phase, what, recorded, due = found
            raise Difference(f"phase {phase}{what} is recorded as {recorded}, recomputed as {due}")


def floor_share(total: str) -> str:
    """`p.amount_raw x j.points_raw // total`; NULL without a total."""
    whole = f"p.amount_raw // nullif({total}, 0)"
    rest = f"p.amount_raw % nullif({total}, 0)"
    high = f"({rest}) * (j.points_raw // {_STEP})"
    low = f"({rest}) * (j.points_raw % {_STEP})"
    return (
        f"(({whole}) * j.points_raw + ({high}) // nullif({total}, 0) * {_STEP} "
        f"+ (({high}) % nullif({total}, 0) * {_STEP} + {low}) // nullif({total}, 0))"
    )
