"""Receipts in SQL: one pass proves every figure of every row, and a second explains the first that
fails."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from basis.audit.difference import Difference, differs, receipt_name
from basis.audit.folder import Export
from basis.audit.sql_figures import (
    Figure,
    make_figures,
    points_usable,
    unusable_standing,
    usable,
)
from basis.audit.sql_layers import FACTS, Period, layered
from basis.audit.sql_lookups import Lookups
from basis.audit.sql_numbers import Numbers, quote
from basis.audit.terms import JudgingTerms, load_terms
from basis.rules.export_format import UNCHECKED
from basis.rules.receipt import RECEIPT_VERSION
from basis.rules.units import WHOLE_BPS

if TYPE_CHECKING:
    import duckdb


class ReceiptQueries:
    """The receipts of one period."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, export: Export, numbers: Numbers
    ) -> None:
        self._connection = connection
        self._export = export
        self._numbers = numbers

    def check_count(self) -> None:
        """Holds the number of receipts to the manifest.

        Raises:
            Difference: there are more or fewer.
        """
        numbers = self._export.manifest.receipts
        rows = self._one("SELECT count(*) FROM receipts")[0]
        if rows != numbers.to - numbers.after:
            raise Difference(
                f"{self._export.name} covers {numbers.to - numbers.after} receipts, but has {rows}"
            )

    def check_figures(self) -> None:
        """Proves the number, the factors, the amounts and the ledger entry of each receipt, after
        `check_count`.

        Raises:
            Difference: the first receipt's first figure that fails.
        """
        numbers, manifest = self._export.manifest.receipts, self._export.manifest
        terms = load_terms(self._export.folder, self._export.tables)
        if numbers.to == numbers.after:
            return
        if not terms:
            raise self._unusable(numbers.after + 1)
        period = self._load_period(terms)
        groups = make_figures(period)
        can_be = " AND ".join(
            [
                usable(period),
                points_usable(period),
                f"receipt_version = {RECEIPT_VERSION}",
                f"chain_id = {manifest.chain_id}",
                f"token_symbol = {quote(manifest.token_symbol)}",
            ]
        )
        follows = f"seq = {numbers.after + 1} + file_row_number"
        proofs = [
            " AND ".join(f"({figure.quick or figure.proof})" for figure in group)
            for group in groups
        ]
        source = layered(period)
        period.lookups.write(self._connection)
        found = [
            self._one(f"SELECT min(file_row_number) FROM {source} WHERE ({condition}) IS NOT TRUE")[
                0
            ]
            for condition in (f"{follows} AND {can_be}", *proofs)
        ]
        flawed = min((row for row in found if row is not None), default=None)
        if flawed is not None:
            at = f"FROM {source} WHERE file_row_number = {flawed}"
            figures = [figure for group in groups for figure in group]
            raise self._explain(flawed, at, follows, can_be, figures)

    def check_verdicts(self) -> None:
        """Holds each verdict to its receipt.

        Raises:
            Difference: the first that is out of place, or says something else.
        """
        numbers = self._export.manifest.receipts
        rows, misplaced = self._one(
            f"SELECT count(*), min({numbers.after + 1} + file_row_number) FILTER "
            f"(WHERE (seq = {numbers.after + 1} + file_row_number "
            f"AND basis = {quote(UNCHECKED)} AND reason = '') IS NOT TRUE) FROM verdicts"
        )
        # Only what is less than full quality is joined: a pair that is left out on both sides
        # is equal, and one that is left out on one side finds no partner.
        unequal = self._one(
            "SELECT min(coalesce(r.seq, v.seq)) FROM "
            f"(SELECT seq, measured_quality_bps FROM receipts "
            f"WHERE measured_quality_bps <> {WHOLE_BPS}) r FULL JOIN "
            f"(SELECT seq, quality_bps FROM verdicts WHERE quality_bps <> {WHOLE_BPS}) v "
            "ON r.seq = v.seq WHERE v.quality_bps IS DISTINCT FROM r.measured_quality_bps"
        )[0]
        found = [seq for seq in (misplaced, unequal) if seq is not None]
        if rows != numbers.to - numbers.after:
            found.append(numbers.after + 1 + min(rows, numbers.to - numbers.after))
        if found:
            flawed = min(found)
            raise Difference(
                f"the verdict on receipt number {flawed} is missing, out of place, or not what "
                f"the receipt was judged by"
            )

    def check_penalties(self) -> None:
        """Holds the penalties of each receipt to their sum.

        Raises:
            Difference: the first receipt whose penalties are others.
        """
        flawed = self._one(
            "SELECT min(coalesce(r.seq, p.receipt_seq)) FROM "
            "(SELECT seq, penalty_raw FROM receipts WHERE penalty_raw <> 0) r FULL JOIN "
            "(SELECT receipt_seq, sum(amount_raw) AS total, min(amount_raw) AS least "
            "FROM penalties GROUP BY receipt_seq) p ON p.receipt_seq = r.seq "
            "WHERE r.penalty_raw IS DISTINCT FROM p.total OR p.least <= 0"
        )[0]
        if flawed is not None:
            raise Difference(f"the penalties of receipt number {flawed} are not their sum")

    def _load_period(self, terms: Sequence[JudgingTerms]) -> Period:
        lookups, versions = Lookups(), list(self._export.tables.points)
        unusable = self._connection.execute(
            f"SELECT number FROM standings WHERE {unusable_standing(versions)} ORDER BY number"
        ).fetchall()
        known = ", ".join(map(quote, versions))
        return Period(
            tables=self._export.tables,
            terms=terms,
            numbers=self._numbers,
            facts=self._load_facts(),
            lookups=lookups,
            standing=lookups.of_table(
                self._connection,
                "standings",
                "standing_number",
                {
                    "has_wallet": "worker_wallet <> ''",
                    "has_table": "points_table <> ''",
                    "boost_bps": "points_boost_bps",
                    "memory_mib": (
                        "CASE WHEN points_gpu_count > 0 THEN points_gpu_memory_mib ELSE 0 END"
                    ),
                    "table_place": (
                        f"coalesce(list_position(CAST([{known}] AS VARCHAR[]), points_table), 0)"
                    ),
                },
            ),
            unusable=[number for (number,) in unusable],
        )

    def _load_facts(self) -> dict[str, int]:
        largest = ", ".join(f"max({name})" for name in FACTS)
        least = ", ".join(f"min({name})" for name in FACTS)
        extremes = self._one(f"SELECT {largest}, least({least}) FROM receipts")
        if int(extremes[-1]) < 0:
            raise Difference(f"{self._export.name}: a count or time is {extremes[-1]}")
        boosts = self._one("SELECT max(points_boost_bps) FROM standings")
        facts = {name: int(one) for name, one in zip(FACTS, extremes, strict=False)}
        return {**facts, "points_boost_bps": int(boosts[0])}

    def _explain(
        self, row_number: int, at: str, follows: str, can_be: str, figures: list[Figure]
    ) -> Difference:
        seq, job_id, is_next, is_usable = self._one(f"SELECT seq, job_id, {follows}, {can_be} {at}")
        expected = self._export.manifest.receipts.after + 1 + row_number
        if not is_next:
            return Difference(
                f"receipt number {expected} is missing: number {seq} stands in its place"
            )
        if not is_usable:
            return self._unusable(seq)
        for figure in figures:
            recorded, is_right = self._one(f"SELECT {figure.name}, {figure.proof} {at}")
            if not is_right:
                recomputed = self._one(f"SELECT {figure.value} {at}")[0]
                return differs(
                    receipt_name(seq, job_id),
                    figure.name,
                    recorded=_plain(recorded),
                    recomputed=_plain(recomputed),
                )
        raise AssertionError("a proof that fails in all rows together must fail in one")

    def _unusable(self, seq: int) -> Difference:
        job_id = self._one(f"SELECT job_id FROM receipts WHERE seq = {seq}")[0]
        return Difference(
            f"{receipt_name(seq, job_id)} cannot be recomputed: its facts or terms are not among "
            f"what was published"
        )

    def _one(self, query: str) -> tuple[Any, ...]:
        row = self._connection.execute(query).fetchone()
        if row is None:
            raise AssertionError("an aggregate or a row that was found has one row")
        return row


def _plain(value: object) -> object:
    return int(value) if isinstance(value, Decimal) else value
