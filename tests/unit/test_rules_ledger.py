"""Entries, their ids, and what a repeat may change, by vectors/ledger.json."""

from __future__ import annotations

import pytest
from rule_vectors import Case, vector_cases

from basis.rules.batch import Payout
from basis.rules.entries import (
    EarnedPoints,
    credits_funded,
    job_completed,
    reward_account,
    rewards_moved,
)
from basis.rules.errors import Conflict, InvalidInput
from basis.rules.job import JobId, RewardStatus, UserId, WorkerId
from basis.rules.ledger import (
    AccountPath,
    Entry,
    Posting,
    check_repeat,
    entry_id,
    fold_balances,
    make_entry,
)
from basis.rules.reward import RewardBreakdown
from basis.rules.units import AmountRaw
from basis.rules.wallet import Wallet


def _postings(rows: list[Case]) -> tuple[Posting, ...]:
    return tuple(
        Posting(
            account=AccountPath(row["account"]),
            asset=row["asset"],
            amount_raw=int(row["amountRaw"]),
        )
        for row in rows
    )


def _entry(written: Case) -> Entry:
    return make_entry(
        kind=written["kind"], cause=written["cause"], postings=_postings(written["postings"])
    )


def _breakdown(written: Case) -> RewardBreakdown:
    return RewardBreakdown(
        charge_raw=AmountRaw(int(written["chargeRaw"])),
        fee_raw=AmountRaw(int(written["feeRaw"])),
        pool_raw=AmountRaw(int(written["poolRaw"])),
        gross_raw=AmountRaw(int(written["grossRaw"])),
        penalty_collected_raw=AmountRaw(int(written["penaltyCollectedRaw"])),
        penalty_owed_raw=AmountRaw(int(written["penaltyOwedRaw"])),
        reward_raw=AmountRaw(int(written["rewardRaw"])),
        unearned_raw=AmountRaw(int(written["unearnedRaw"])),
        dust_raw=AmountRaw(int(written["dustRaw"])),
    )


def _points(written: Case | None) -> EarnedPoints | None:
    if written is None:
        return None
    return EarnedPoints(asset=written["asset"], amount_raw=AmountRaw(int(written["amountRaw"])))


def _expected(case: Case) -> Entry:
    expected = case["expected"]
    return Entry(
        id=expected["id"],
        kind=expected["kind"],
        cause=expected["cause"],
        postings=_postings(expected["postings"]),
    )


@pytest.mark.parametrize("case", vector_cases("ledger", function="entry_id", refused=False))
def test_entry_id__vector__derives_from_kind_and_cause(case: Case) -> None:
    assert entry_id(kind=case["kind"], cause=case["cause"]) == case["id"]


@pytest.mark.parametrize("case", vector_cases("ledger", function="make_entry", refused=False))
def test_make_entry__vector__joins_sorts_and_drops_zeros(case: Case) -> None:
    entry = _entry(case)
    assert entry.id == case["expected"]["id"]
    assert entry.postings == _postings(case["expected"]["postings"])


@pytest.mark.parametrize("case", vector_cases("ledger", function="make_entry", refused=True))
def test_make_entry__unbalanced__raises(case: Case) -> None:
    with pytest.raises(InvalidInput, match="off by"):
        _entry(case)


@pytest.mark.parametrize("case", vector_cases("ledger", function="job_completed", refused=False))
def test_job_completed__vector__shares_out_the_charge(case: Case) -> None:
    entry = job_completed(
        job_id=JobId(case["jobId"]),
        user_id=UserId(case["userId"]),
        worker_id=WorkerId(case["workerId"]),
        worker_wallet=case["workerWallet"],
        breakdown=_breakdown(case["breakdown"]),
        microcredits=None if case["microcredits"] is None else int(case["microcredits"]),
        points=_points(case["points"]),
    )
    assert entry == _expected(case)


@pytest.mark.parametrize("case", vector_cases("ledger", function="credits_funded", refused=False))
def test_credits_funded__vector__gives_the_customer_credits(case: Case) -> None:
    entry = credits_funded(
        user_id=UserId(case["userId"]),
        source=case["source"],
        key=case["key"],
        microcredits=int(case["microcredits"]),
    )
    assert entry == _expected(case)


@pytest.mark.parametrize("case", vector_cases("ledger", function="rewards_moved", refused=False))
def test_rewards_moved__vector__takes_each_wallet_one_step_on(case: Case) -> None:
    payouts = [
        Payout(
            wallet=Wallet(row["wallet"]),
            amount_raw=AmountRaw(int(row["amountRaw"])),
            receipt_count=1,
        )
        for row in case["payouts"]
    ]
    entry = rewards_moved(
        cause=case["cause"],
        asset=case["asset"],
        payouts=payouts,
        old=RewardStatus(case["old"]),
        new=RewardStatus(case["new"]),
    )
    assert entry == _expected(case)


@pytest.mark.parametrize("case", vector_cases("ledger", function="check_repeat", refused=False))
def test_check_repeat__same_content__is_accepted(case: Case) -> None:
    recorded, repeated = _entry(case["recorded"]), _entry(case["repeated"])
    check_repeat(recorded=recorded, repeated=repeated)
    assert recorded == repeated


@pytest.mark.parametrize("case", vector_cases("ledger", function="check_repeat", refused=True))
def test_check_repeat__other_content__raises_and_names_the_difference(case: Case) -> None:
    with pytest.raises(Conflict) as caught:
        check_repeat(recorded=_entry(case["recorded"]), repeated=_entry(case["repeated"]))
    difference = case.get("difference")
    if difference is None:
        assert "another kind or cause" in caught.value.message
    else:
        assert (
            f"exists with {difference['recordedRaw']} on {difference['account']} "
            f"({difference['asset']}), not {difference['repeatedRaw']}"
        ) in caught.value.message


def test_fold_balances__accounts_that_return_to_zero__are_left_out() -> None:
    there = make_entry(
        kind="transfer",
        cause="there",
        postings=_postings(
            [
                {"account": "a", "asset": "BASIS", "amountRaw": "-5"},
                {"account": "b", "asset": "BASIS", "amountRaw": "5"},
            ]
        ),
    )
    back = make_entry(
        kind="transfer",
        cause="back",
        postings=_postings(
            [
                {"account": "b", "asset": "BASIS", "amountRaw": "-5"},
                {"account": "a", "asset": "BASIS", "amountRaw": "5"},
            ]
        ),
    )
    assert fold_balances([there]) == {("a", "BASIS"): -5, ("b", "BASIS"): 5}
    assert fold_balances([there, back]) == {}


@pytest.mark.parametrize("status", RewardStatus)
def test_reward_account__each_status__has_an_account_of_its_own(status: RewardStatus) -> None:
    assert reward_account(status, "0xabc") == f"reward/{status.value}/0xabc"


def test_credits_funded__of_nothing__is_refused() -> None:
    with pytest.raises(InvalidInput, match="operator/INVOICE-1"):
        credits_funded(user_id=UserId("ann"), source="operator", key="INVOICE-1", microcredits=0)
