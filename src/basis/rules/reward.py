"""The reward of one job, with every component kept.

    charge -> fee (floor) -> pool -> gross = pool x quality x uptime x latency // 10000^3
           -> minus penalties, never below zero; what they could not take is owed

I6: charge = reward + fee + unearned + dust, exactly. `unearned` is what the factors and the
penalties withheld; `dust` is the unit that two floors can leave over.
Source: mission N5, N6; design.md section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from basis.rules.factors import Factors
from basis.rules.job import JobStatus
from basis.rules.units import AmountRaw, Bps, mul_div_floor

_WHOLE_CUBED = 10_000**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalty:
    """An amount to be withheld, and the finding that it follows from."""

    reason: str
    amount_raw: AmountRaw


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardBreakdown:
    """How a charge is shared out. All amounts in base units of one asset, none negative."""

    charge_raw: AmountRaw
    fee_raw: AmountRaw
    pool_raw: AmountRaw
    gross_raw: AmountRaw
    penalty_collected_raw: AmountRaw
    penalty_owed_raw: AmountRaw
    reward_raw: AmountRaw
    unearned_raw: AmountRaw
    dust_raw: AmountRaw
    penalties: tuple[Penalty, ...] = ()


NOTHING = RewardBreakdown(
    charge_raw=AmountRaw(0),
    fee_raw=AmountRaw(0),
    pool_raw=AmountRaw(0),
    gross_raw=AmountRaw(0),
    penalty_collected_raw=AmountRaw(0),
    penalty_owed_raw=AmountRaw(0),
    reward_raw=AmountRaw(0),
    unearned_raw=AmountRaw(0),
    dust_raw=AmountRaw(0),
)
"""The breakdown of a job that charges and pays nothing."""


def compute_reward(
    *,
    status: JobStatus,
    worker_wallet: str,
    charge_raw: AmountRaw,
    fee_bps: Bps,
    factors: Factors,
    penalties: Sequence[Penalty] = (),
) -> RewardBreakdown:
    """What each party gets of a charge.

    A job that is not completed charges and pays nothing, and bears no penalty, so all of it is
    owed; without a wallet the pool stays unearned.

    Raises:
        ValueError: a negative amount, a fee above the whole, or a factor above 1x.
    """
    _check_range(charge_raw=charge_raw, fee_bps=fee_bps, factors=factors, penalties=penalties)
    if status is not JobStatus.COMPLETED:
        owed_raw = AmountRaw(sum(penalty.amount_raw for penalty in penalties))
        return replace(NOTHING, penalty_owed_raw=owed_raw, penalties=tuple(penalties))
    fee_raw = mul_div_floor(charge_raw, fee_bps, 10_000)
    pool_raw = charge_raw - fee_raw
    factor_cubed = factors.quality_bps * factors.uptime_bps * factors.latency_bps
    if not worker_wallet:
        factor_cubed = 0
    gross_raw = mul_div_floor(pool_raw, factor_cubed, _WHOLE_CUBED)
    withheld_raw = mul_div_floor(pool_raw, _WHOLE_CUBED - factor_cubed, _WHOLE_CUBED)
    penalty_raw = sum(penalty.amount_raw for penalty in penalties)
    collected_raw = min(penalty_raw, gross_raw)
    return RewardBreakdown(
        charge_raw=charge_raw,
        fee_raw=AmountRaw(fee_raw),
        pool_raw=AmountRaw(pool_raw),
        gross_raw=AmountRaw(gross_raw),
        penalty_collected_raw=AmountRaw(collected_raw),
        penalty_owed_raw=AmountRaw(penalty_raw - collected_raw),
        reward_raw=AmountRaw(gross_raw - collected_raw),
        unearned_raw=AmountRaw(withheld_raw + collected_raw),
        dust_raw=AmountRaw(pool_raw - gross_raw - withheld_raw),
        penalties=tuple(penalties),
    )


def _check_range(
    *, charge_raw: AmountRaw, fee_bps: Bps, factors: Factors, penalties: Sequence[Penalty]
) -> None:
    if charge_raw < 0 or any(penalty.amount_raw < 0 for penalty in penalties):
        raise ValueError("a charge or penalty is negative")
    rates = (fee_bps, factors.quality_bps, factors.uptime_bps, factors.latency_bps)
    if any(not 0 <= rate <= 10_000 for rate in rates):
        raise ValueError(f"a rate is outside 0 to 10000 bps: {rates}")
