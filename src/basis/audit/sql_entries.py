"""Payments and repairs in SQL: what an entry of each kind may post, and that each is there once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from basis.audit.difference import Difference
from basis.audit.folder import Export
from basis.audit.sql_numbers import quote
from basis.rules.accounts import CHART

if TYPE_CHECKING:
    import duckdb

_KINDS: Final = (
    "'rewards_batching', 'rewards_pending', 'rewards_settled', 'credits_funded', 'adjustment', "
    "'reversal', 'phase_opened', 'phase_shared', 'vesting_released'"
)
_REPAIRS: Final = "('adjustment', 'reversal')"


class EntryQueries:
    """The entries of one period that are no job's."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, export: Export) -> None:
        self._connection = connection
        self._export = export

    def check(self) -> None:
        """Holds each entry to its kind.

        Raises:
            Difference: the first that cannot have been booked so.
        """
        self._refuse(
            "ledger entry number {0} is booked a second time (I3)",
            "SELECT max(seq) FROM entries GROUP BY id HAVING count(*) > 1 ORDER BY ALL LIMIT 1",
        )
        self._refuse(
            "ledger entry number {0} is of the kind {1}, with a reason or a cause that it cannot "
            "have",
            f"""
            SELECT seq, kind FROM entries
            WHERE kind NOT IN ({_KINDS}) OR (kind IN {_REPAIRS}) <> (reason <> '')
               OR (kind = 'credits_funded') <> (cause = '')
            ORDER BY ALL LIMIT 1""",
        )
        self._refuse(
            "ledger entry number {0} does not fund one customer by one payment",
            """
            SELECT e.seq FROM entries e LEFT JOIN postings p ON p.entry_seq = e.seq
            WHERE e.kind = 'credits_funded' GROUP BY e.seq
            HAVING count(p.account) <> 2 OR min(abs(p.amount_raw)) = 0
                OR count(*) FILTER (p.asset = 'CREDIT' AND p.account LIKE 'customer/%') <> 1
                OR count(*) FILTER (p.asset = 'CREDIT' AND p.account LIKE 'funding/%') <> 1
            ORDER BY ALL LIMIT 1""",
        )
        self._refuse(
            "ledger entry number {0} does not move between two accounts",
            """
            SELECT e.seq FROM entries e LEFT JOIN postings p ON p.entry_seq = e.seq
            WHERE e.kind = 'adjustment' GROUP BY e.seq
            HAVING count(p.account) <> 2 OR count(DISTINCT p.asset) <> 1
                OR count(*) FILTER (p.amount_raw < 0) <> 1
                OR count(*) FILTER (p.amount_raw > 0) <> 1
            ORDER BY ALL LIMIT 1""",
        )
        self._refuse(
            "ledger entry number {0} repairs {1}, whose balance other records say",
            f"""
            SELECT e.seq, p.account FROM entries e JOIN postings p ON p.entry_seq = e.seq
            WHERE e.kind IN {_REPAIRS} AND regexp_full_match(p.account, {quote(_untouchable())})
            ORDER BY ALL LIMIT 1""",
        )
        self._check_reversals()

    def _check_reversals(self) -> None:
        """A reversal posts the opposite of the repair that it names, and comes after it."""
        is_first = "TRUE" if self._export.manifest.number == 1 else "FALSE"
        self._refuse(
            "ledger entry number {0} takes back an entry that is not there",
            f"""
            SELECT r.seq FROM entries r LEFT JOIN entries e ON lower(hex(e.id)) = r.cause
            WHERE r.kind = 'reversal' AND CASE WHEN e.seq IS NULL THEN {is_first}
                OR NOT regexp_full_match(r.cause, '[0-9a-f]{{64}}')
                ELSE e.kind NOT IN {_REPAIRS} OR e.seq >= r.seq END
            ORDER BY ALL LIMIT 1""",
        )
        self._refuse(
            "ledger entry number {0} is not the opposite of the one that it takes back: {1}",
            """
            WITH pairs AS (
                SELECT r.seq, e.seq AS old FROM entries r
                JOIN entries e ON lower(hex(e.id)) = r.cause WHERE r.kind = 'reversal'),
            expected AS (
                SELECT seq, account, asset, -amount_raw AS amount_raw
                FROM pairs JOIN postings ON entry_seq = old),
            recorded AS (
                SELECT seq, account, asset, amount_raw FROM pairs JOIN postings ON entry_seq = seq)
            SELECT coalesce(x.seq, r.seq), coalesce(x.account, r.account)
            FROM expected x FULL JOIN recorded r USING (seq, account, asset)
            WHERE x.amount_raw IS DISTINCT FROM r.amount_raw ORDER BY ALL LIMIT 1""",
        )

    def _refuse(self, sentence: str, query: str) -> None:
        found = self._connection.execute(query).fetchone()
        if found is not None:
            raise Difference(f"{self._export.name}: {sentence.format(*found)}")


def account_like(pattern: str) -> str:
    """The regular expression of the accounts of a row of the chart."""
    return re.sub("<[a-z]+>", "[^/]+", pattern)


def _untouchable() -> str:
    return "|".join(account_like(rule.pattern) for rule in CHART if not rule.is_adjustable)
