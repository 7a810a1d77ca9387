"""The formulas of a receipt in SQL: written from the published rules, not from the other engine.

Each figure has a proof, which is a condition on the row, and a value, which is computed only where
the proof fails. They stand in the order in which they follow from each other, so a proof may use
the figures before it; and in the order in which the reference looks at them.
Source: docs/reference/receipts-and-batches.md; docs/reference/points.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import gcd
from typing import Final

from basis.audit.sql_layers import CUBED, LLAMA_SCALE, PER_PRICE, Period, points_product
from basis.audit.sql_numbers import floor_of, is_one_of
from basis.rules.factors import FactorTables
from basis.rules.postpaid_pricing import PostpaidEpoch

_POSTPAID_SCALE: Final = 10**10
"""10^6 tokens of a price x 10^4 basis points of a multiplier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A recorded column, whether it is as it follows, and what it should be.

    `quick` costs less than the proof, and says the same of a row whose other figures are right; ""
    where nothing is quicker.
    """

    name: str
    proof: str
    value: str
    quick: str = ""


def usable(period: Period) -> str:
    """Whether a row's facts are among what formulas are for."""
    return " AND ".join(
        [
            f"terms_number BETWEEN 1 AND {len(period.terms)}",
            "status IN ('completed', 'failed', 'cancelled')",
            "kind IN ('', 'chat', 'completion', 'embedding')",
            "measured_quality_bps <= 10000",
            "NOT (kind = '' AND is_done AND NOT is_postpaid)",
        ]
    )


def points_usable(period: Period) -> str:
    """Whether points can be recomputed: by a table that was published, or not at all, which is so
    of jobs from before credits, and of no other.

    No kind of job that an export can have makes images, so none earns WAIFU.
    """
    none = "points_units = 0 AND points_multiplier_bps = 0"
    usable = f"has_table <> is_postpaid AND (has_table OR ({none}))"
    if not period.unusable:
        return usable
    return f"{usable} AND standing_number NOT IN ({', '.join(map(str, period.unusable))})"


def unusable_standing(period_tables: Iterable[str]) -> str:
    """Whether no points can be recomputed for a standing: by a table that was not published, or by
    none though it says something of points."""
    known = is_one_of("points_table", list(period_tables))
    return (
        "NOT (CASE WHEN points_table = '' THEN points_asset = '' "
        "AND points_boost_bps = 0 AND points_assignment = '' AND points_gpu_name = '' "
        "AND points_gpu_count = 0 AND points_gpu_memory_mib = 0 "
        f"ELSE {known} AND points_boost_bps >= 10000 AND points_asset = 'LLAMA' END)"
    )


def make_figures(period: Period) -> list[list[Figure]]:
    """Every figure of a receipt, and whether it has a ledger entry: in groups.

    A group is proved in a pass of its own: one pass over all columns costs more than three, since
    its columns and what is computed from them would not fit into the processor's cache.
    """
    return [
        [*_factors(period), *_charges(period), _fee(period)],
        _shares(),
        [*_points(period), _entry(period)],
    ]


def _equal(name: str, value: str) -> Figure:
    return Figure(name=name, proof=f"{name} = {value}", value=value)


def _factors(period: Period) -> list[Figure]:
    tables = list(period.tables.factors.values())
    uptime, latency = _uptime(tables[0]), _latency(tables[0], period)
    for place, one in enumerate(tables[1:], start=1):
        uptime = f"CASE WHEN table_place = {place} THEN {_uptime(one)} ELSE {uptime} END"
        latency = f"CASE WHEN table_place = {place} THEN {_latency(one, period)} ELSE {latency} END"
    return [
        _equal("quality_bps", "done * measured_quality_bps"),
        _equal("uptime_bps", f"done * {uptime}"),
        _equal("latency_bps", f"done * {latency}"),
    ]


def _uptime(tables: FactorTables) -> str:
    steps = " ".join(
        f"WHEN online_minutes >= {at_least} THEN {factor}"
        for at_least, factor in tables.uptime_steps
    )
    return f"CASE {steps} END"


def _latency(tables: FactorTables, period: Period) -> str:
    """The first step that both ratios are at most: floored, so t x 10^4 < (step + 1) x target."""
    highest = max([at_most for at_most, _factor in tables.latency_steps], default=0) + 1
    slowest = max(
        [
            max(
                one.target.inter_token_us,
                one.target.first_token_us
                + one.target.per_prompt_token_us * period.facts["prompt_tokens"],
            )
            for one in period.terms
        ],
        default=0,
    )
    longest = max(period.facts["first_token_us"], period.facts["inter_token_us"])
    number = "BIGINT" if period.fits(max(longest * 10_000, slowest * highest)) else "HUGEINT"
    steps = " ".join(
        f"WHEN CAST(first_token_us AS {number}) * 10000 < first_target_us * {at_most + 1} "
        f"AND CAST(inter_token_us AS {number}) * 10000 < inter_target_us * {at_most + 1} "
        f"THEN {factor}"
        for at_most, factor in tables.latency_steps
    )
    return f"CASE {steps} ELSE {tables.latency_floor} END" if steps else str(tables.latency_floor)


def _charges(period: Period) -> list[Figure]:
    """What the customer pays, in micro-credits and in BASIS."""
    nothing = "is_postpaid OR is_free"
    microcredits = Figure(
        name="microcredits",
        proof=f"microcredits_rest >= 0 AND microcredits_rest < {PER_PRICE}",
        value=f"CASE WHEN {nothing} THEN 0 "
        f"ELSE (CAST(price_of_tokens AS HUGEINT) + {PER_PRICE - 1}) // {PER_PRICE} END",
    )
    held = Figure(
        name="held_microcredits",
        proof="held_microcredits >= microcredits",
        value="greatest(held_microcredits, microcredits)",
    )
    if not period.has_postpaid:
        return [microcredits, held, _equal("total_charged_raw", "in_basis")]
    proof, value = _postpaid(period)
    charge = Figure(
        name="total_charged_raw",
        proof=f"CASE WHEN is_postpaid THEN {proof} ELSE total_charged_raw = in_basis END",
        value=f"CASE WHEN is_postpaid THEN {value} ELSE in_basis END",
    )
    return [microcredits, held, charge]


def _postpaid(period: Period) -> tuple[str, str]:
    """Proof and value of a charge in BASIS: tokens x prices x multiplier x rate / 10^10, up."""
    big = period.numbers.big
    epochs = {one.postpaid.version: one.postpaid for one in period.terms if one.postpaid}
    proof, value = "FALSE", "NULL"
    for epoch in epochs.values():
        rate, divisor = _reduced(epoch)
        product = f"({big('price_of_tokens')} * {big('model_multiplier_bps')} * {big(str(rate))})"
        rest = f"({big('total_charged_raw')} * {big(str(divisor))} - {product})"
        due = f"({big(product)} + {divisor - 1}) // {divisor}" if divisor > 1 else product
        places = ", ".join(
            str(number)
            for number, one in enumerate(period.terms, start=1)
            if one.postpaid is not None and one.postpaid.version == epoch.version
        )
        proof = (
            f"CASE WHEN terms_number IN ({places}) THEN "
            f"{rest} >= 0 AND {rest} < {divisor} ELSE {proof} END"
        )
        value = f"CASE WHEN terms_number IN ({places}) THEN {due} ELSE {value} END"
    return (
        f"CASE WHEN is_free THEN total_charged_raw = 0 ELSE {proof} END",
        f"CASE WHEN is_free THEN 0 ELSE {value} END",
    )


def _reduced(epoch: PostpaidEpoch) -> tuple[int, int]:
    """The rate and the scale, both divided by what they share."""
    shared = gcd(epoch.basis_raw_per_microcredit, _POSTPAID_SCALE)
    return epoch.basis_raw_per_microcredit // shared, _POSTPAID_SCALE // shared


def _fee(period: Period) -> Figure:
    """The network's share, floored; with most rates a micro-credit has a whole fee of its own."""
    value = floor_of("total_charged_raw", factor="fee_bps", whole=10_000)
    if period.fits_fees:
        return Figure(
            name="protocol_fee_raw", proof="protocol_fee_raw = microcredits * fee_rate", value=value
        )
    return Figure(name="protocol_fee_raw", proof="fee_rest >= 0 AND fee_rest < 10000", value=value)


def _shares() -> list[Figure]:
    """How the rest of a charge is shared out."""
    dust = "CAST(gross_rest > 0 AS BIGINT)"
    return [
        _equal("pool_raw", "total_charged_raw - protocol_fee_raw"),
        Figure(
            name="gross_raw",
            proof=f"gross_rest >= 0 AND gross_rest < {CUBED}",
            value=floor_of("pool_raw", factor="factor", whole=CUBED),
        ),
        _equal("penalty_collected_raw", "least(penalty_raw, gross_raw)"),
        _equal("penalty_owed_raw", "penalty_raw - penalty_collected_raw"),
        _equal("worker_reward_raw", "gross_raw - penalty_collected_raw"),
        _equal("unearned_raw", f"pool_raw - worker_reward_raw - {dust}"),
        _equal("dust_raw", dust),
    ]


def _points(period: Period) -> list[Figure]:
    """The points, and why there are none; where several reasons hold the first is given."""
    product = points_product(period)
    reasons = (
        ("NOT has_table", ""),
        ("NOT is_done", "not_completed"),
        ("NOT has_wallet", "no_wallet"),
        ("microcredits = 0", "not_charged"),
        ("points_multiplier_bps = 0", "no_multiplier"),
        ("(has_table AND memory_mib < points_floor_mib)", "below_hardware_floor"),
        ("(quality_bps = 0 OR latency_bps = 0)", "no_quality"),
        (f"{product} < {LLAMA_SCALE}", "too_little"),
    )
    why = " ".join(f"WHEN {when} THEN '{reason}'" for when, reason in reasons)
    value = f"CASE {why} ELSE '' END"
    earns = " AND ".join(f"NOT ({when})" for when, _reason in reasons[1:])
    earns_quickly = " AND ".join(f"NOT ({when})" for when, _reason in reasons[1:-1])
    has_some = "has_points AND has_table"
    return [
        _equal(
            "points_units",
            "CASE WHEN has_table THEN prompt_tokens + output_tokens ELSE points_units END",
        ),
        _equal(
            "points_multiplier_bps",
            "CASE WHEN has_table THEN points_due_bps ELSE points_multiplier_bps END",
        ),
        Figure(
            name="points_reason",
            proof=f"CASE WHEN {has_some} THEN {earns} ELSE points_reason = {value} END",
            value=value,
            # Points above zero that follow are not too little: their product is computed once.
            quick=f"CASE WHEN {has_some} THEN {earns_quickly} AND points_raw > 0 "
            f"ELSE points_reason = {value} END",
        ),
        Figure(
            name="points_raw",
            proof=f"CASE WHEN {has_some} THEN points_rest >= 0 AND points_rest < {LLAMA_SCALE} "
            "ELSE points_raw = 0 END",
            value=f"CASE WHEN {has_some} THEN {product} // {LLAMA_SCALE} ELSE 0 END",
        ),
    ]


def _entry(period: Period) -> Figure:
    """Whether the job moved anything in the ledger: in credits there is no charge without them."""
    moves = (
        "total_charged_raw <> 0 OR penalty_owed_raw <> 0 OR microcredits <> 0 OR points_raw <> 0"
    )
    quick = (
        "" if period.has_postpaid else "has_entry = (microcredits <> 0 OR penalty_owed_raw <> 0)"
    )
    return Figure(name="has_entry", proof=f"has_entry = ({moves})", value=f"({moves})", quick=quick)
