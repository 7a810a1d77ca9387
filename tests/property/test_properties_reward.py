"""Rewards: I6 to the unit, never above the pool, never less for a better factor."""

from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from rule_strategies import amounts, breakdowns, factors, penalties, rates

from basis.rules.factors import Factors
from basis.rules.job import JobStatus
from basis.rules.reward import Penalty, RewardBreakdown, compute_reward, share_charge
from basis.rules.units import AmountRaw, Bps

WALLET = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

factor_names = st.sampled_from([field.name for field in fields(Factors)])


def _completed(
    charge: AmountRaw, fee: Bps, judged: Factors, withheld: list[Penalty] | None = None
) -> RewardBreakdown:
    return compute_reward(
        status=JobStatus.COMPLETED,
        worker_wallet=WALLET,
        charge_raw=charge,
        fee_bps=fee,
        factors=judged,
        penalties=withheld or [],
    )


@given(breakdowns())
def test_reward__i6__charge_is_reward_fee_unearned_and_dust_exactly(
    breakdown: RewardBreakdown,
) -> None:
    assert breakdown.charge_raw == (
        breakdown.reward_raw + breakdown.fee_raw + breakdown.unearned_raw + breakdown.dust_raw
    )


@given(breakdowns())
def test_reward__any__never_exceeds_the_pool(breakdown: RewardBreakdown) -> None:
    assert 0 <= breakdown.reward_raw <= breakdown.gross_raw <= breakdown.pool_raw
    assert breakdown.pool_raw + breakdown.fee_raw == breakdown.charge_raw


@given(breakdowns())
def test_reward__any__has_no_negative_component_and_at_most_one_unit_of_dust(
    breakdown: RewardBreakdown,
) -> None:
    components = [getattr(breakdown, field.name) for field in fields(breakdown)[:-1]]
    assert min(components) >= 0
    assert breakdown.dust_raw <= 1


@given(amounts, rates, factors)
def test_reward__any_factors__is_the_exact_product_floored_once(
    charge: AmountRaw, fee: Bps, judged: Factors
) -> None:
    breakdown = _completed(charge, fee, judged)
    exact = Fraction(breakdown.pool_raw)
    for factor in (judged.quality_bps, judged.uptime_bps, judged.latency_bps):
        exact *= Fraction(factor, 10_000)
    assert 0 <= exact - breakdown.reward_raw < 1
    assert 0 <= Fraction(charge * fee, 10_000) - breakdown.fee_raw < 1


@given(amounts, rates, factors, penalties, factor_names, rates)
def test_reward__one_factor_better__never_pays_less(
    charge: AmountRaw,
    fee: Bps,
    judged: Factors,
    withheld: list[Penalty],
    name: str,
    other: Bps,
) -> None:
    better = replace(judged, **{name: max(other, getattr(judged, name))})
    less = _completed(charge, fee, judged, withheld)
    more = _completed(charge, fee, better, withheld)
    assert more.reward_raw >= less.reward_raw
    assert more.penalty_owed_raw <= less.penalty_owed_raw


@given(amounts, rates, factors, factors, penalties)
def test_reward__no_factor_worse__never_pays_less(
    charge: AmountRaw, fee: Bps, judged: Factors, other: Factors, withheld: list[Penalty]
) -> None:
    names = [field.name for field in fields(Factors)]
    better = Factors(**{name: max(getattr(judged, name), getattr(other, name)) for name in names})
    less = _completed(charge, fee, judged, withheld)
    assert _completed(charge, fee, better, withheld).reward_raw >= less.reward_raw


@given(amounts, rates, rates, factors, penalties)
def test_reward__higher_fee__never_pays_more(
    charge: AmountRaw, fee: Bps, other: Bps, judged: Factors, withheld: list[Penalty]
) -> None:
    low = _completed(charge, min(fee, other), judged, withheld)
    high = _completed(charge, max(fee, other), judged, withheld)
    assert high.reward_raw <= low.reward_raw
    assert high.fee_raw >= low.fee_raw


@given(amounts, amounts, rates, factors)
def test_reward__larger_charge__never_pays_less(
    charge: AmountRaw, more: AmountRaw, fee: Bps, judged: Factors
) -> None:
    larger = AmountRaw(charge + more)
    small, large = _completed(charge, fee, judged), _completed(larger, fee, judged)
    assert large.reward_raw >= small.reward_raw


@given(amounts, rates, factors, penalties)
def test_reward__penalties__are_collected_or_owed_to_the_last_unit(
    charge: AmountRaw, fee: Bps, judged: Factors, withheld: list[Penalty]
) -> None:
    breakdown = _completed(charge, fee, judged, withheld)
    total = sum(penalty.amount_raw for penalty in withheld)
    assert breakdown.penalty_collected_raw + breakdown.penalty_owed_raw == total
    assert breakdown.reward_raw == 0 or breakdown.penalty_owed_raw == 0


@given(amounts, rates, factors)
def test_reward__unearned__is_the_withheld_part_floored_and_dust_the_unit_between(
    charge: AmountRaw, fee: Bps, judged: Factors
) -> None:
    breakdown = _completed(charge, fee, judged)
    withheld = Fraction(breakdown.pool_raw)
    withheld *= 1 - Fraction(judged.quality_bps * judged.uptime_bps * judged.latency_bps, 10**12)
    assert 0 <= withheld - breakdown.unearned_raw < 1
    assert breakdown.dust_raw == (0 if withheld.denominator == 1 else 1)


@given(amounts, rates, factors, penalties, penalties)
def test_reward__another_penalty__never_pays_more_and_is_never_lost(
    charge: AmountRaw, fee: Bps, judged: Factors, withheld: list[Penalty], further: list[Penalty]
) -> None:
    less = _completed(charge, fee, judged, withheld + further)
    more = _completed(charge, fee, judged, withheld)
    added = sum(penalty.amount_raw for penalty in further)
    assert more.reward_raw - less.reward_raw + less.penalty_owed_raw == (
        more.penalty_owed_raw + added
    )
    assert less.reward_raw <= more.reward_raw


@given(amounts, rates, factors, penalties)
def test_reward__penalties_in_another_order__change_no_amount(
    charge: AmountRaw, fee: Bps, judged: Factors, withheld: list[Penalty]
) -> None:
    backwards = _completed(charge, fee, judged, withheld[::-1])
    assert replace(backwards, penalties=tuple(withheld)) == _completed(
        charge, fee, judged, withheld
    )


@given(st.sampled_from(JobStatus), amounts, rates, factors, penalties)
def test_reward__not_completed__moves_nothing_and_owes_every_penalty(
    status: JobStatus, charge: AmountRaw, fee: Bps, judged: Factors, withheld: list[Penalty]
) -> None:
    breakdown = compute_reward(
        status=status,
        worker_wallet=WALLET,
        charge_raw=charge,
        fee_bps=fee,
        factors=judged,
        penalties=withheld,
    )
    total = sum(penalty.amount_raw for penalty in withheld)
    is_completed = status is JobStatus.COMPLETED
    assert breakdown.charge_raw == (charge if is_completed else 0)
    assert is_completed or (breakdown.reward_raw, breakdown.penalty_owed_raw) == (0, total)


@given(st.lists(amounts, min_size=1, max_size=6), rates, factors)
def test_reward__charge_split_in_parts__moves_less_than_a_unit_a_cut(
    charges: list[AmountRaw], fee: Bps, judged: Factors
) -> None:
    whole = _completed(AmountRaw(sum(charges)), fee, judged).reward_raw
    apart = sum(_completed(charge, fee, judged).reward_raw for charge in charges)
    assert abs(whole - apart) <= len(charges) - 1


@given(amounts, rates, factors, penalties)
def test_share_charge__plain_integers__are_the_breakdowns_fields_in_order(
    charge: AmountRaw, fee: Bps, judged: Factors, withheld: list[Penalty]
) -> None:
    breakdown = _completed(charge, fee, judged, withheld)
    parts = share_charge(
        charge,
        fee,
        judged.quality_bps,
        judged.uptime_bps,
        judged.latency_bps,
        True,
        True,
        sum(penalty.amount_raw for penalty in withheld),
    )
    assert parts == tuple(getattr(breakdown, field.name) for field in fields(breakdown)[:-1])


@given(amounts, rates, factors)
def test_reward__without_a_wallet__is_nothing_while_the_fee_stays(
    charge: AmountRaw, fee: Bps, judged: Factors
) -> None:
    homeless = compute_reward(
        status=JobStatus.COMPLETED,
        worker_wallet="",
        charge_raw=charge,
        fee_bps=fee,
        factors=judged,
    )
    assert homeless.reward_raw == 0
    assert homeless.fee_raw == _completed(charge, fee, judged).fee_raw
    assert homeless.unearned_raw == homeless.pool_raw
