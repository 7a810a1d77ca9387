"""What several formulas of a receipt share in SQL, computed once for each row.

The first layer looks up the tables by the number of the row's terms and multiplies what fits into
64 bits, as the largest facts of the period prove; the second one has what needs 128.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from basis.audit.sql_lookups import LOOKUPS, Lookups
from basis.audit.sql_numbers import INT64_MAX, Numbers, choose
from basis.audit.tables import PublishedTables
from basis.audit.terms import JudgingTerms
from basis.rules.points_tables import PointsTable
from basis.rules.postpaid_pricing import PostpaidEpoch
from basis.rules.pricing import PriceTerms

CUBED: Final = 10**12
"""Three factors in basis points."""
PER_PRICE: Final = 10**6
"""Prices are per million tokens."""
LLAMA_SCALE: Final = 10**13
"""1,000 tokens x four factors in bps, over 10^6 base units of a point."""
_PLACE: Final = "terms_number"

FACTS: Final = (
    "prompt_tokens",
    "output_tokens",
    "first_token_us",
    "inter_token_us",
    "microcredits",
    "points_units",
    "points_multiplier_bps",
)
"""The columns whose largest values say how many bits their products need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What the formulas of a period are built from.

    `facts` are its largest, by column, with that of `points_boost_bps`; `standing` is what rows
    look up by the number of their standing, of which `unusable` can be recomputed by no table.
    """

    tables: PublishedTables
    terms: Sequence[JudgingTerms]
    numbers: Numbers
    facts: dict[str, int]
    lookups: Lookups
    standing: Mapping[str, str]
    unusable: Sequence[int]

    @property
    def has_postpaid(self) -> bool:
        """Whether any job is from before there were credits."""
        return any(one.postpaid is not None for one in self.terms)

    @property
    def fee_rates(self) -> list[int]:
        """Base units of fee for a micro-credit, for each of the terms, floored."""
        return [
            0
            if one.priced is None
            else one.priced.basis_raw_per_microcredit * one.priced.protocol_fee_bps // 10_000
            for one in self.terms
        ]

    @property
    def fits_fees(self) -> bool:
        """Whether a charge's fee is exactly the fee of its micro-credits, in 64 bits."""
        return (
            not self.has_postpaid
            and not self.numbers.is_wide
            and all(
                one.priced is not None
                and one.priced.basis_raw_per_microcredit * one.priced.protocol_fee_bps % 10_000 == 0
                for one in self.terms
            )
            and self.fits(max(1, self.facts["microcredits"]) * max(self.fee_rates, default=0))
        )

    def fits(self, largest: int) -> bool:
        """Whether 64 bits hold it."""
        return largest <= INT64_MAX


def layered(period: Period) -> str:
    """The receipts with what formulas share beside them."""
    return (
        f"(SELECT *, {_second(period)} FROM (SELECT *, {_first(period)} FROM receipts, {LOOKUPS}))"
    )


def _first(period: Period) -> str:
    facts, terms, at = period.facts, period.terms, period.lookups.at
    prices = [cast("PriceTerms | PostpaidEpoch", one.priced or one.postpaid) for one in terms]
    prompt, output = [one.prompt_price for one in prices], [one.output_price for one in prices]
    dearest = max([*prompt, *output], default=0)
    product = (facts["prompt_tokens"] + facts["output_tokens"]) * dearest + PER_PRICE
    number = "BIGINT" if period.fits(product) else "HUGEINT"
    targets = [one.target for one in terms]
    tables = list(period.tables.points.values())
    multipliers, floors = (
        [at([_points_row(table, one)[place] for one in terms], _PLACE) for table in tables]
        for place in (0, 1)
    )
    standing = period.standing
    columns = {
        "is_done": "status = 'completed'",
        "done": "CAST(status = 'completed' AS BIGINT)",
        "has_wallet": standing["has_wallet"],
        "has_table": standing["has_table"],
        "points_boost_bps": standing["boost_bps"],
        "memory_mib": standing["memory_mib"],
        "model_multiplier_bps": at([one.multiplier_bps for one in terms], _PLACE),
        "has_points": "points_reason = ''",
        "is_postpaid": at([one.postpaid is not None for one in terms], _PLACE),
        "is_free": (
            f"status <> 'completed' OR (output_tokens = 0 AND kind IN ('chat', 'completion') AND "
            f"{at([one.is_empty_answer_free for one in prices], _PLACE)})"
        ),
        "fee_bps": at([one.protocol_fee_bps for one in prices], _PLACE),
        "fee_rate": at(period.fee_rates, _PLACE),
        "rate": at([one.basis_raw_per_microcredit for one in prices], _PLACE),
        "factor": (
            f"CAST({standing['has_wallet']} AS BIGINT) * (quality_bps * uptime_bps * latency_bps)"
        ),
        "price_of_tokens": (
            f"CAST(prompt_tokens AS {number}) * {at(prompt, _PLACE)} "
            f"+ CAST(output_tokens AS {number}) * {at(output, _PLACE)}"
        ),
        "first_target_us": (
            f"{at([one.first_token_us for one in targets], _PLACE)} + prompt_tokens * "
            f"{at([one.per_prompt_token_us for one in targets], _PLACE)}"
        ),
        "inter_target_us": at([one.inter_token_us for one in targets], _PLACE),
        "table_place": at(
            [list(period.tables.factors.values()).index(one.tables) for one in terms], _PLACE
        ),
        "points_due_bps": choose(standing["table_place"], multipliers),
        "points_floor_mib": choose(standing["table_place"], floors),
    }
    return ", ".join(f"{expression} AS {name}" for name, expression in columns.items())


def _second(period: Period) -> str:
    facts, numbers = period.facts, period.numbers
    fits = period.fits(facts["microcredits"] * PER_PRICE)
    number = "BIGINT" if fits else "HUGEINT"
    rates = [one.priced.basis_raw_per_microcredit for one in period.terms if one.priced is not None]
    in_basis = f"{numbers.big('microcredits')} * {numbers.big('rate')}"
    if period.fits(max(1, facts["microcredits"]) * max(rates, default=0)):
        in_basis = "CAST(microcredits AS BIGINT) * CAST(rate AS BIGINT)"
    columns = {
        "microcredits_rest": (
            f"CAST(microcredits AS {number}) * {PER_PRICE} - "
            "CAST(NOT (is_postpaid OR is_free) AS BIGINT) * price_of_tokens"
        ),
        "in_basis": in_basis,
        "fee_rest": numbers.rest(
            "protocol_fee_raw", value="total_charged_raw", factor="fee_bps", whole=10_000
        ),
        "gross_rest": numbers.rest("gross_raw", value="pool_raw", factor="factor", whole=CUBED),
        "points_rest": (f"{points_product(period)} - CAST(points_raw AS HUGEINT) * {LLAMA_SCALE}"),
    }
    return ", ".join(f"{expression} AS {name}" for name, expression in columns.items())


def points_product(period: Period) -> str:
    """What the points of a row are, times `LLAMA_SCALE` and not floored."""
    facts = period.facts
    work, factors = (
        "BIGINT" if period.fits(largest) else "HUGEINT"
        for largest in (
            facts["points_units"] * facts["points_multiplier_bps"],
            facts["points_boost_bps"] * 10**8,
        )
    )
    return (
        f"CAST(CAST(points_units AS {work}) * points_multiplier_bps AS HUGEINT) * "
        f"CAST(CAST(quality_bps * latency_bps AS {factors}) * points_boost_bps AS HUGEINT)"
    )


def _points_row(table: PointsTable, terms: JudgingTerms) -> tuple[int, int]:
    """Multiplier and memory floor of the terms' model; by its own multiplier without a row."""
    row = table.llm.get(terms.model_id)
    if row is not None:
        return row.multiplier_bps, row.min_vram_mib
    return (terms.multiplier_bps if table.falls_back_to_catalog else 0), 0
