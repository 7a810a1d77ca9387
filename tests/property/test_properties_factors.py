"""Factors: within 0 and 1x, better for the faster and for those who were there longer."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from rule_strategies import rates

from basis.rules.factors import MINUTES_PER_DAY, TABLES, FactorTables, Measurements, compute_factors
from basis.rules.units import Micros

tables_and_class = st.sampled_from(
    [(tables, name) for tables in TABLES for name in sorted(tables.latency_targets)]
)
micros = st.integers(min_value=0, max_value=10**9).map(Micros)
measurements = st.builds(
    Measurements,
    online_minutes=st.integers(min_value=0, max_value=MINUTES_PER_DAY),
    first_token_us=micros,
    inter_token_us=micros,
    prompt_tokens=st.integers(min_value=0, max_value=200_000),
    quality_bps=rates,
)


@given(tables_and_class, measurements)
def test_factors__any_measurement__lie_between_the_floor_and_1x(
    judged_by: tuple[FactorTables, str], measured: Measurements
) -> None:
    tables, latency_class = judged_by
    factors = compute_factors(tables, latency_class=latency_class, measured=measured)
    assert factors.quality_bps == measured.quality_bps
    assert tables.uptime_steps[-1][1] <= factors.uptime_bps <= 10_000
    assert tables.latency_floor <= factors.latency_bps <= 10_000


@given(tables_and_class, measurements, micros, micros)
def test_factors__slower__never_pay_more(
    judged_by: tuple[FactorTables, str], measured: Measurements, later: Micros, longer: Micros
) -> None:
    tables, latency_class = judged_by
    slower = replace(
        measured,
        first_token_us=Micros(measured.first_token_us + later),
        inter_token_us=Micros(measured.inter_token_us + longer),
    )
    fast_factors = compute_factors(tables, latency_class=latency_class, measured=measured)
    slow_factors = compute_factors(tables, latency_class=latency_class, measured=slower)
    assert slow_factors.latency_bps <= fast_factors.latency_bps
    assert slow_factors.uptime_bps == fast_factors.uptime_bps


@given(tables_and_class, measurements, st.integers(min_value=0, max_value=100_000))
def test_factors__longer_prompt__never_counts_against_the_worker(
    judged_by: tuple[FactorTables, str], measured: Measurements, more_tokens: int
) -> None:
    tables, latency_class = judged_by
    longer = replace(measured, prompt_tokens=measured.prompt_tokens + more_tokens)
    assert (
        compute_factors(tables, latency_class=latency_class, measured=longer).latency_bps
        >= compute_factors(tables, latency_class=latency_class, measured=measured).latency_bps
    )


@given(tables_and_class, measurements, st.integers(min_value=0, max_value=MINUTES_PER_DAY))
def test_factors__more_minutes_online__never_pay_less(
    judged_by: tuple[FactorTables, str], measured: Measurements, more_minutes: int
) -> None:
    tables, latency_class = judged_by
    longer = replace(measured, online_minutes=measured.online_minutes + more_minutes)
    assert (
        compute_factors(tables, latency_class=latency_class, measured=longer).uptime_bps
        >= compute_factors(tables, latency_class=latency_class, measured=measured).uptime_bps
    )
