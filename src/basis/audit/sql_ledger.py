"""Batches, entries and balances in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from basis.audit.difference import Difference, expect_equal
from basis.audit.folder import Export
from basis.audit.sql_floors import broken_floor
from basis.audit.sql_standings import whole_receipts
from basis.rules.manifest import compute_balances_hash

if TYPE_CHECKING:
    import duckdb

_MOVES: Final = (
    "('rewards_batching', 'pending', 'batching'), ('rewards_pending', 'batching', 'pending'), "
    "('rewards_settled', 'batching', 'settled')"
)
_FETCH: Final = 50_000
_FIGURES: Final = (
    "worker_reward_raw",
    "total_charged_raw",
    "protocol_fee_raw",
    "unearned_raw",
    "dust_raw",
    "points_raw",
)


class LedgerQueries:
    """The ledger of one period."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, export: Export) -> None:
        self._connection = connection
        self._export = export

    def check_batches(self, earlier: list[Export]) -> None:
        """Sums what receipts earn by batch and wallet, and holds payouts and totals to it.

        Raises:
            Difference: a batch pays something else, or holds a receipt that it cannot.
        """
        for before in earlier:
            self._check_late(before)
        sum_jobs(self._connection)
        numbers = self._export.manifest.batches
        after = numbers.after
        self._refuse(
            "batch {0} holds receipt number {1}, which it cannot",
            f"""
            SELECT batch_number, receipt_seq FROM late_members
            WHERE batch_number <= {after} OR reward_raw <= 0
               OR receipt_seq > {self._export.manifest.receipts.after}
            ORDER BY ALL LIMIT 1""",
        )
        self._refuse(
            "batch number {0} is missing, or not of this period",
            f"""
            SELECT coalesce(b.number, r.number)
            FROM (SELECT number FROM batches WHERE number > {after}) b
            FULL JOIN range({after + 1}, {numbers.to + 1}) r(number) ON r.number = b.number
            WHERE b.number IS NULL OR r.number IS NULL ORDER BY ALL LIMIT 1""",
        )
        self._refuse(
            "batch {0} does not pay wallet {1} what its receipts earned",
            f"""
            WITH earned AS (
                SELECT batch_number, wallet, sum(reward_raw) AS amount_raw,
                       sum(receipts) AS receipts
                FROM (SELECT batch_number, wallet, worker_reward_raw AS reward_raw, receipts
                      FROM job_sums
                      WHERE batch_number <> 0
                      UNION ALL
                      SELECT batch_number, worker_wallet, reward_raw, 1 FROM late_members)
                GROUP BY ALL)
            SELECT coalesce(e.batch_number, p.batch_number), coalesce(e.wallet, p.wallet)
            FROM earned e FULL JOIN (SELECT * FROM payouts WHERE batch_number > {after}) p
            USING (batch_number, wallet)
            WHERE e.amount_raw IS DISTINCT FROM p.amount_raw
               OR e.receipts IS DISTINCT FROM p.receipts
            ORDER BY ALL LIMIT 1""",
        )
        self._refuse(
            "batch {0}: its total or its number of receipts is not that of its payouts",
            """
            SELECT coalesce(b.number, p.batch_number)
            FROM batches b FULL JOIN (
                SELECT batch_number, sum(amount_raw) AS total_raw, sum(receipts) AS receipts
                FROM payouts GROUP BY ALL) p ON p.batch_number = b.number
            WHERE b.total_raw IS DISTINCT FROM p.total_raw
               OR b.receipt_count IS DISTINCT FROM p.receipts
            ORDER BY ALL LIMIT 1""",
        )

    def check_entries(self) -> None:
        """Holds entries to their numbers, each to a sum of zero, and moves to what batches pay.

        Raises:
            Difference: the first that fails.
        """
        numbers = self._export.manifest.entries
        self._refuse(
            "ledger entry number {0} does not stand in its order, or has no receipt",
            f"""
            SELECT seq FROM (SELECT seq, kind, lag(seq, 1, {numbers.after})
                             OVER (ORDER BY file_row_number) AS before FROM entries)
            WHERE seq <= before OR seq > {numbers.to} OR kind = 'job_completed'
            ORDER BY ALL LIMIT 1""",
        )
        self._refuse(
            "ledger entry number {0} is off by {2} {1} (I1), or is not there",
            """
            SELECT p.entry_seq, p.asset, sum(p.amount_raw) AS off
            FROM postings p LEFT JOIN entries e ON e.seq = p.entry_seq
            GROUP BY p.entry_seq, p.asset HAVING off <> 0 OR count(e.seq) <> count(*)
            ORDER BY ALL LIMIT 1""",
        )
        self._refuse(
            "ledger entry number {0} does not move what its batch pays: {1}",
            f"""
            WITH moves AS (
                SELECT e.seq, b.number, b.token_symbol, m.old, m.new
                FROM entries e JOIN (VALUES {_MOVES}) m(kind, old, new) USING (kind)
                LEFT JOIN batches b ON lower(hex(b.hash)) = split_part(e.cause, '/', 1)),
            expected AS (
                SELECT seq, 'reward/' || old || '/' || wallet AS account, token_symbol AS asset,
                       -amount_raw AS amount_raw
                FROM moves JOIN payouts ON batch_number = number
                UNION ALL
                SELECT seq, 'reward/' || new || '/' || wallet, token_symbol, amount_raw
                FROM moves JOIN payouts ON batch_number = number),
            recorded AS (
                SELECT entry_seq AS seq, account, asset, amount_raw FROM postings
                WHERE entry_seq IN (SELECT seq FROM moves))
            SELECT coalesce(x.seq, r.seq), coalesce(x.account, r.account)
            FROM expected x FULL JOIN recorded r USING (seq, account, asset)
            WHERE x.amount_raw IS DISTINCT FROM r.amount_raw ORDER BY ALL LIMIT 1""",
        )

    def check_balances(self) -> None:
        """Adds all postings to the opening balances, and holds the result to the closing ones.

        Raises:
            Difference: the sums are not those that the manifest names.
        """
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE moved AS "
            f"SELECT account, asset, CAST(amount_raw AS HUGEINT) AS amount_raw FROM opening "
            f"UNION ALL SELECT account, asset, sum(CAST(amount_raw AS HUGEINT)) FROM postings "
            f"GROUP BY ALL UNION ALL {moved_by_jobs(self._connection)}"
        )
        self._refuse(
            "all balances in {0} sum to {1} (I2)",
            "SELECT asset, sum(amount_raw) AS total FROM moved GROUP BY asset HAVING total <> 0 "
            "ORDER BY ALL LIMIT 1",
        )
        self._refuse(
            "{0} holds {1} base units of {2}, which the chart of accounts does not allow (I4)",
            broken_floor("moved"),
        )
        cursor = self._connection.execute(
            "SELECT account, asset, sum(amount_raw) AS amount_raw FROM moved GROUP BY ALL "
            "HAVING amount_raw <> 0 ORDER BY account, asset"
        )

        def balances() -> Any:
            while rows := cursor.fetchmany(_FETCH):
                for account, asset, amount_raw in rows:
                    yield account, asset, int(amount_raw)

        expect_equal(
            self._export.name,
            "closing balances",
            recorded=self._export.manifest.closing_sha256,
            recomputed=compute_balances_hash(balances()),
        )

    def _check_late(self, before: Export) -> None:
        """Holds the late members of this period to their receipts in an earlier one."""
        numbers = before.manifest.receipts
        self._refuse(
            "receipt number {0} is not as batch {1} says that it is, or in two batches (I5)",
            f"""
            SELECT l.receipt_seq, min(l.batch_number) FROM late_members l
            LEFT JOIN {whole_receipts(before)} r ON r.seq = l.receipt_seq
            WHERE l.receipt_seq > {numbers.after} AND l.receipt_seq <= {numbers.to}
            GROUP BY l.receipt_seq
            HAVING count(*) <> 1 OR NOT coalesce(bool_and(r.hash = l.receipt_hash
                AND r.worker_wallet = l.worker_wallet AND r.worker_reward_raw = l.reward_raw
                AND r.batch_number = 0), FALSE)
            ORDER BY ALL LIMIT 1""",
        )

    def _refuse(self, sentence: str, query: str) -> None:
        found = self._connection.execute(query).fetchone()
        if found is not None:
            raise Difference(f"{self._export.name}: {sentence.format(*found)}")


def sum_jobs(connection: duckdb.DuckDBPyConnection) -> None:
    """Adds the figures of all receipts up, by batch and standing: in one pass, since most of what
    it costs is to unfold the columns."""
    sums = ", ".join(f"sum({name}) AS {name}" for name in _FIGURES)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE job_sums AS "
        "SELECT g.*, s.worker_wallet AS wallet, s.points_asset FROM "
        f"(SELECT batch_number, standing_number, count(*) AS receipts, {sums} "
        "FROM receipts GROUP BY ALL) g JOIN standings s ON s.number = g.standing_number"
    )


def moved_by_jobs(connection: duckdb.DuckDBPyConnection) -> str:
    """The query for what the entries of jobs did to each account, after `sum_jobs`.

    A job from before there were credits is owed in BASIS by its customer; for any other one the
    exchange gives BASIS for the customer's credits.
    """
    found = connection.execute("SELECT number FROM terms WHERE is_postpaid").fetchall()
    postpaid = ", ".join(str(number) for (number,) in found) or "NULL"
    workers = "receipts JOIN standings ON number = standing_number"
    for table, owner, figure, source, chosen in (
        ("owed", "user_id", "total_charged_raw", "receipts", f"terms_number IN ({postpaid})"),
        ("paid", "user_id", "microcredits", "receipts", "microcredits <> 0"),
        ("fined", "worker_id", "penalty_owed_raw", workers, "penalty_owed_raw <> 0"),
    ):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {owner}, sum({figure}) AS raw "
            f"FROM {source} WHERE {chosen} GROUP BY {owner}"
        )
    figures = ", ".join(f"sum({name}) AS {name}" for name in _FIGURES)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE wallet_sums AS SELECT wallet, points_asset, {figures} "
        "FROM job_sums GROUP BY ALL"
    )
    in_points = "FROM wallet_sums WHERE points_asset <> ''"
    rows = (
        ("'customer/' || user_id", "'BASIS'", "-raw", "FROM owed"),
        ("'network/exchange'", "'BASIS'", "raw", "FROM owed"),
        ("'network/exchange'", "'BASIS'", "-total_charged_raw", "FROM wallet_sums"),
        ("'customer/' || user_id", "'CREDIT'", "-raw", "FROM paid"),
        ("'network/exchange'", "'CREDIT'", "raw", "FROM paid"),
        ("'reward/pending/' || wallet", "'BASIS'", "worker_reward_raw", "FROM wallet_sums"),
        ("'network/fee'", "'BASIS'", "protocol_fee_raw", "FROM wallet_sums"),
        ("'network/unearned'", "'BASIS'", "unearned_raw", "FROM wallet_sums"),
        ("'network/dust'", "'BASIS'", "dust_raw", "FROM wallet_sums"),
        ("'penalty/owed/' || worker_id", "'BASIS'", "-raw", "FROM fined"),
        ("'penalty/receivable'", "'BASIS'", "raw", "FROM fined"),
        ("'points/issued'", "points_asset", "-points_raw", in_points),
        ("'points/earned/' || wallet", "points_asset", "points_raw", in_points),
    )
    return " UNION ALL ".join(
        f"SELECT {account} AS account, {asset} AS asset, CAST({amount} AS HUGEINT) AS amount_raw "
        f"{source}"
        for account, asset, amount, source in rows
    )
