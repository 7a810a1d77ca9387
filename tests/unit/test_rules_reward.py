"""The reward of one job by component, by vectors/reward.json."""

from __future__ import annotations

import pytest
from rule_vectors import Case, vector_cases

from basis.rules.factors import Factors
from basis.rules.job import JobStatus
from basis.rules.reward import NOTHING, Penalty, RewardBreakdown, compute_reward
from basis.rules.units import AmountRaw, Bps


def _penalties(case: Case) -> tuple[Penalty, ...]:
    return tuple(
        Penalty(reason=row["reason"], amount_raw=AmountRaw(int(row["amountRaw"])))
        for row in case["penalties"]
    )


def _reward(case: Case) -> RewardBreakdown:
    return compute_reward(
        status=JobStatus(case["status"]),
        worker_wallet=case["workerWallet"],
        charge_raw=AmountRaw(int(case["chargeRaw"])),
        fee_bps=Bps(case["feeBps"]),
        factors=Factors(
            quality_bps=Bps(case["qualityBps"]),
            uptime_bps=Bps(case["uptimeBps"]),
            latency_bps=Bps(case["latencyBps"]),
        ),
        penalties=_penalties(case),
    )


@pytest.mark.parametrize("case", vector_cases("reward", refused=False))
def test_compute_reward__vector__gives_each_component(case: Case) -> None:
    breakdown = _reward(case)
    assert {
        "chargeRaw": str(breakdown.charge_raw),
        "feeRaw": str(breakdown.fee_raw),
        "poolRaw": str(breakdown.pool_raw),
        "grossRaw": str(breakdown.gross_raw),
        "penaltyCollectedRaw": str(breakdown.penalty_collected_raw),
        "penaltyOwedRaw": str(breakdown.penalty_owed_raw),
        "rewardRaw": str(breakdown.reward_raw),
        "unearnedRaw": str(breakdown.unearned_raw),
        "dustRaw": str(breakdown.dust_raw),
    } == case["expected"]


@pytest.mark.parametrize("case", vector_cases("reward", refused=False))
def test_compute_reward__completed__keeps_the_penalties_on_record(case: Case) -> None:
    expected = _penalties(case) if case["status"] == "completed" else ()
    assert _reward(case).penalties == expected


@pytest.mark.parametrize("case", vector_cases("reward", refused=True))
def test_compute_reward__out_of_range__raises(case: Case) -> None:
    with pytest.raises(ValueError, match=r"negative|outside 0 to 10000 bps"):
        _reward(case)


@pytest.mark.parametrize("status", [status for status in JobStatus if status != "completed"])
def test_compute_reward__any_status_but_completed__is_nothing(status: JobStatus) -> None:
    whole = Bps(10_000)
    breakdown = compute_reward(
        status=status,
        worker_wallet="0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        charge_raw=AmountRaw(10**18),
        fee_bps=Bps(1_000),
        factors=Factors(quality_bps=whole, uptime_bps=whole, latency_bps=whole),
    )
    assert breakdown == NOTHING


def test_compute_reward__negative_penalty_beside_a_larger_one__raises() -> None:
    whole = Bps(10_000)
    with pytest.raises(ValueError, match="penalty is negative"):
        compute_reward(
            status=JobStatus.COMPLETED,
            worker_wallet="0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            charge_raw=AmountRaw(10**18),
            fee_bps=Bps(1_000),
            factors=Factors(quality_bps=whole, uptime_bps=whole, latency_bps=whole),
            penalties=(
                Penalty(reason="canary", amount_raw=AmountRaw(2)),
                Penalty(reason="canary", amount_raw=AmountRaw(-1)),
            ),
        )
