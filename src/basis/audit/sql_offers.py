"""Prices, times and offers in SQL: who asked what, and whether it could be locked at that time.

Receipts are first gathered by the number of their terms: whatever holds for the first and the last
lock of the same terms holds for those in between, since every window is one stretch of time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from basis.audit.difference import Difference, receipt_name
from basis.audit.folder import Export
from basis.audit.sql_numbers import is_one_of, quote
from basis.rules.epochs import EPOCHS
from basis.rules.errors import BasisError
from basis.rules.export_format import TERMS
from basis.rules.pricing import QUOTE_LIFE_S, compute_list_terms
from basis.rules.units import Bps

if TYPE_CHECKING:
    import duckdb

_WHOLE: Final = 10_000
_LIFE_US: Final = QUOTE_LIFE_S * 1_000_000
_AT: Final = "strftime(timezone('UTC', {}), '%Y-%m-%dT%H:%M:%S.%gZ')"


class OfferQueries:
    """The offers of one period, and the times at which its prices were locked."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, export: Export) -> None:
        self._connection = connection
        self._export = export

    def check(self) -> None:
        """Holds terms to offers, and locks to the epochs and offers that made them.

        Raises:
            Difference: the first that fails.
        """
        self._check_names()
        self._check_asks()
        self._check_times()

    def _check_names(self) -> None:
        name = self._export.name
        self._refuse(
            name + ": the offer {0} is not among the offers, stands twice, or no terms name it",
            """
            SELECT coalesce(t.offer_hash, o.hash) FROM
                (SELECT DISTINCT offer_hash FROM terms WHERE offer_hash <> '') t
            FULL JOIN (
                SELECT lower(hex(hash)) AS hash, count(*) AS times FROM offers GROUP BY ALL) o
            ON o.hash = t.offer_hash
            WHERE o.hash IS NULL OR t.offer_hash IS NULL OR o.times <> 1 ORDER BY ALL LIMIT 1""",
        )
        self._refuse(
            "offer number {0} has no asks, or asks twice for a model, or is not there",
            """
            SELECT coalesce(o.number, a.offer) FROM offers o FULL JOIN
                (SELECT offer, count(*) AS rows, count(DISTINCT model) AS models
                 FROM asks GROUP BY offer) a ON a.offer = o.number
            WHERE o.number IS NULL OR a.offer IS NULL OR a.rows <> a.models
            ORDER BY ALL LIMIT 1""",
        )

    def _check_asks(self) -> None:
        """Prices of an offer's terms are its asks, within the rails around the list prices."""
        self._refuse(
            "terms number {0} ({1} by {2}): its prices are {3} and {4}, but its offer asks {5} "
            "and {6}",
            """
            SELECT t.number, t.model_id, t.pricing, t.prompt_price, t.output_price,
                   coalesce(CAST(a.prompt_price AS VARCHAR), 'nothing'),
                   coalesce(CAST(a.output_price AS VARCHAR), 'nothing')
            FROM terms t LEFT JOIN offers o ON lower(hex(o.hash)) = t.offer_hash
            LEFT JOIN asks a ON a.offer = o.number AND a.model = t.model_id
            WHERE t.offer_hash <> '' AND (a.prompt_price IS DISTINCT FROM t.prompt_price
               OR a.output_price IS DISTINCT FROM t.output_price)
            ORDER BY ALL LIMIT 1""",
        )
        rails = ", ".join(
            f"({quote(one.version)}, {quote(one.effective_from)}, "
            f"{one.lowest_bps}, {one.highest_bps})"
            for one in self._export.tables.rails
        )
        listed = self._list_prices()
        if not listed:
            return
        rails = f"(VALUES {rails})" if rails else "(SELECT '', '', 0, 0 WHERE FALSE)"
        asked = " AND ".join(
            f"CAST(t.{price} AS HUGEINT) * {_WHOLE} >= "
            f"CAST(l.{price} AS HUGEINT) * r.lowest AND "
            f"CAST(t.{price} AS HUGEINT) * {_WHOLE} <= "
            f"CAST(l.{price} AS HUGEINT) * r.highest AND (l.{price} = 0 OR "
            f"CAST(t.{price} AS HUGEINT) * ({_WHOLE} - t.protocol_fee_bps) >= "
            f"CAST(l.floor AS HUGEINT) * {_WHOLE})"
            for price in ("prompt_price", "output_price")
        )
        self._refuse(
            "terms number {0} ({1} by {2}): its prices {3} and {4} are outside the rails of {1}",
            f"""
            WITH rails(version, begins, lowest, highest) AS (FROM {rails})
            SELECT t.number, t.model_id, t.pricing, t.prompt_price, t.output_price
            FROM terms t JOIN (VALUES {listed}) l(number, prompt_price, output_price, floor)
                USING (number)
            JOIN offers o ON lower(hex(o.hash)) = t.offer_hash
            WHERE NOT EXISTS (
                SELECT 1 FROM rails r, rails mine WHERE mine.version = o.rails
                AND r.begins >= mine.begins AND {asked})
            ORDER BY ALL LIMIT 1""",
        )

    def _list_prices(self) -> str:
        """Rows of (number of terms, list prices, worker floor); these are the rules' own."""
        epochs = self._export.tables.epochs
        rows: list[str] = []
        for number, pricing, model, multiplier_bps in self._connection.execute(
            "SELECT number, pricing, model_id, multiplier_bps FROM terms WHERE offer_hash <> '' "
            "ORDER BY number"
        ).fetchall():
            epoch = epochs.get(pricing)
            if epoch is None:
                raise Difference(f"{TERMS.name}: no pricing epoch {pricing[:80]!r} was published")
            try:
                terms = compute_list_terms(
                    epoch, model_id=model, catalog_multiplier_bps=Bps(multiplier_bps)
                )
            except BasisError as error:
                raise Difference(f"terms number {number}: {error.message}") from error
            rows.append(
                f"({number}, {terms.prompt_price}, {terms.output_price}, "
                f"{epoch.worker_floor_price})"
            )
        return ", ".join(rows)

    def _check_times(self) -> None:
        tables = self._export.tables
        begun = ", ".join(
            f"({quote(one.version)}, TIMESTAMPTZ {quote(one.effective_from)})"
            for one in tables.activations
        )
        epochs = f"(VALUES {begun})" if begun else "(SELECT '', TIMESTAMPTZ 'epoch' WHERE FALSE)"
        until = quote(tables.activations_until or "epoch")
        shipped = [one.version for one in EPOCHS]
        self._connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE lock_windows AS
            WITH activations(version, begins) AS (FROM {epochs}),
            windows AS (
                SELECT version, begins, lead(begins) OVER (ORDER BY begins) AS ends
                FROM activations)
            SELECT t.number, t.pricing, t.offer_hash, t.is_postpaid,
                CASE WHEN t.is_postpaid THEN NULL
                     WHEN w.version IS NULL AND NOT {is_one_of("t.pricing", shipped)}
                     THEN TIMESTAMPTZ 'infinity' ELSE w.begins END AS epoch_begins,
                CASE WHEN t.is_postpaid THEN NULL WHEN w.version IS NULL
                     THEN (SELECT min(begins) FROM activations) ELSE w.ends END AS epoch_ends,
                CASE WHEN NOT t.is_postpaid THEN TIMESTAMPTZ {until} END AS known_until,
                epoch_us(o.accepted_at) AS accepted_us,
                CAST(o.not_before AS HUGEINT) * 1000000 AS offer_begins_us,
                CAST(o.expires_at AS HUGEINT) * 1000000 AS offer_ends_us
            FROM terms t LEFT JOIN windows w ON w.version = t.pricing
            LEFT JOIN offers o ON t.offer_hash <> '' AND lower(hex(o.hash)) = t.offer_hash"""
        )
        # First all receipts of the same terms at once, from three columns.
        gathered = self._connection.execute(
            f"""
            SELECT count(*) FROM (
                SELECT terms_number AS number, min(locked_at) AS first, max(locked_at) AS last,
                    min(epoch_us(created_at) - epoch_us(locked_at)) AS least,
                    max(epoch_us(created_at) - epoch_us(locked_at)) AS most
                FROM receipts GROUP BY terms_number) JOIN lock_windows w USING (number)
            WHERE {_outside("first")} OR {_outside("last")} OR {_late("least")}
               OR {_late("most")}"""
        ).fetchone()
        if gathered is None or not gathered[0]:
            return
        self._explain()

    def _explain(self) -> None:
        locked, created = _AT.format("r.locked_at"), _AT.format("r.created_at")
        found = self._connection.execute(
            f"""
            SELECT r.seq, r.job_id, {locked}, {created}, w.pricing, w.offer_hash,
                   {_late("epoch_us(r.created_at) - epoch_us(r.locked_at)")},
                   {_not_in_force("r.locked_at")}
            FROM receipts r JOIN lock_windows w ON w.number = r.terms_number
            WHERE {_outside("r.locked_at")}
               OR {_late("epoch_us(r.created_at) - epoch_us(r.locked_at)")}
            ORDER BY r.seq LIMIT 1"""
        ).fetchone()
        if found is None:
            raise AssertionError("a lock is outside of its window, and in it")
        seq, job_id, locked_at, created_at, pricing, offer_hash, is_late, is_other_epoch = found
        if is_late:
            flaw = f"its price was locked at {locked_at}, but the job came at {created_at}"
        elif is_other_epoch:
            flaw = f"the pricing epoch {pricing} was not in force at {locked_at}"
        else:
            flaw = f"its offer {offer_hash} did not hold at {locked_at}"
        raise Difference(f"{receipt_name(seq, job_id)}: {flaw}")

    def _refuse(self, sentence: str, query: str) -> None:
        found = self._connection.execute(query).fetchone()
        if found is not None:
            raise Difference(sentence.format(*found))


def _late(gap_us: str) -> str:
    """Whether a job came before its price was locked, or after that had ended."""
    return (
        f"(CASE WHEN w.is_postpaid THEN {gap_us} <> 0 "
        f"ELSE {gap_us} < 0 OR {gap_us} >= {_LIFE_US} END)"
    )


def _not_in_force(at: str) -> str:
    return (
        f"(coalesce({at} < w.epoch_begins, FALSE) OR coalesce({at} >= w.epoch_ends, FALSE) "
        f"OR coalesce({at} > w.known_until, FALSE))"
    )


def _outside(at: str) -> str:
    """Whether a lock is outside of one of its windows."""
    return (
        f"({_not_in_force(at)} OR (w.offer_hash <> '' AND NOT coalesce("
        f"epoch_us({at}) >= w.accepted_us AND epoch_us({at}) >= w.offer_begins_us "
        f"AND epoch_us({at}) < w.offer_ends_us, FALSE)))"
    )
