"""The reward of one job, with every component kept.

    charge -> fee (floor) -> pool -> gross = pool x quality x uptime x latency // 10000^3
           -> minus penalties, never below zero; what they could not take is owed

I6: charge = reward + fee + unearned + dust, exactly. `unearned` is what the factors and the
penalties withheld; `dust` is the unit that two floors can leave over.
The formula stands once, in `share_charge`, on plain integers; `compute_reward` names its parts.
Source: mission N5, N6; design.md section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from basis.rules.factors import Factors
from basis.rules.job import JobStatus
from basis.rules.units import AmountRaw, Bps

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


RewardParts = tuple[int, int, int, int, int, int, int, int, int]
"""The amounts of a `RewardBreakdown`, in the order of its fields."""


def share_charge(
    charge_raw: int,
    fee_bps: int,
    quality_bps: int,
    uptime_bps: int,
    latency_bps: int,
    is_completed: bool,
    has_wallet: bool,
    penalty_raw: int,
) -> RewardParts:
    """What each party gets of a charge: the formula itself.

    By position and on plain values, since an auditor calls it per receipt; `penalty_raw` is the sum
    of all penalties.

    Raises:
        ValueError: a negative amount, a fee above the whole, or a factor above 1x.
    """
    if charge_raw < 0 or penalty_raw < 0:
        raise ValueError("a charge or penalty is negative")
    if not (
        0 <= fee_bps <= 10_000
        and 0 <= quality_bps <= 10_000
        and 0 <= uptime_bps <= 10_000
        and 0 <= latency_bps <= 10_000
    ):
        rates = (fee_bps, quality_bps, uptime_bps, latency_bps)
        raise ValueError(f"a rate is outside 0 to 10000 bps: {rates}")
    if not is_completed:
        return 0, 0, 0, 0, 0, penalty_raw, 0, 0, 0
    fee_raw = charge_raw * fee_bps // 10_000
    pool_raw = charge_raw - fee_raw
    factor_cubed = quality_bps * uptime_bps * latency_bps if has_wallet else 0
    gross_raw, remainder = divmod(pool_raw * factor_cubed, _WHOLE_CUBED)
    # What is withheld is floored too: the two floors lose one unit between them, or none.
    dust_raw = 1 if remainder else 0
    collected_raw = min(gross_raw, penalty_raw)
    reward_raw = gross_raw - collected_raw
    return (
        charge_raw,
        fee_raw,
        pool_raw,
        gross_raw,
        collected_raw,
        penalty_raw - collected_raw,
        reward_raw,
        pool_raw - reward_raw - dust_raw,
        dust_raw,
    )


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
    if any(penalty.amount_raw < 0 for penalty in penalties):
        raise ValueError("a charge or penalty is negative")
    parts = share_charge(
        charge_raw,
        fee_bps,
        factors.quality_bps,
        factors.uptime_bps,
        factors.latency_bps,
        status is JobStatus.COMPLETED,
        worker_wallet != "",
        sum(penalty.amount_raw for penalty in penalties),
    )
    charge, fee, pool, gross, collected, owed, reward, unearned, dust = parts
    return RewardBreakdown(
        charge_raw=AmountRaw(charge),
        fee_raw=AmountRaw(fee),
        pool_raw=AmountRaw(pool),
        gross_raw=AmountRaw(gross),
        penalty_collected_raw=AmountRaw(collected),
        penalty_owed_raw=AmountRaw(owed),
        reward_raw=AmountRaw(reward),
        unearned_raw=AmountRaw(unearned),
        dust_raw=AmountRaw(dust),
        penalties=tuple(penalties),
    )
