"""The ledger: I1, I2, I3, I6 and I10, for any log."""

from __future__ import annotations

from collections import defaultdict
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_strategies import WALLETS, breakdowns, entry_logs, posting_lists

from basis.rules.accounts import account_of_path, validate_floors
from basis.rules.batch import Payout
from basis.rules.entries import job_completed, rewards_moved
from basis.rules.errors import Conflict, InvalidInput
from basis.rules.job import REWARD_STEPS, JobId, RewardStatus, UserId, WorkerId
from basis.rules.ledger import Entry, Posting, check_repeat, fold_balances, make_entry
from basis.rules.reward import RewardBreakdown
from basis.rules.units import AmountRaw

reward_steps = st.sampled_from([(old, new) for old in REWARD_STEPS for new in REWARD_STEPS[old]])
payout_lists = st.lists(
    st.builds(
        Payout,
        wallet=st.sampled_from(WALLETS),
        amount_raw=st.integers(min_value=1, max_value=2**130).map(AmountRaw),
        receipt_count=st.integers(min_value=1, max_value=9),
    ),
    max_size=6,
    unique_by=lambda payout: payout.wallet,
)


def _sum_by_asset(postings: list[Posting]) -> dict[str, int]:
    sums: defaultdict[str, int] = defaultdict(int)
    for posting in postings:
        sums[posting.asset] += posting.amount_raw
    return sums


def _job_entry(breakdown: RewardBreakdown, *, wallet: str, cause: str = "job_1") -> Entry:
    return job_completed(
        job_id=JobId(cause),
        user_id=UserId("customer_1"),
        worker_id=WorkerId("honest_worker"),
        worker_wallet=wallet,
        breakdown=breakdown,
        microcredits=None,
    )


@given(posting_lists())
def test_entry__i1__sums_to_zero_for_each_asset(postings: list[Posting]) -> None:
    entry = make_entry(kind="transfer", cause="c", postings=postings)
    assert not any(_sum_by_asset(list(entry.postings)).values())


@given(posting_lists(), st.sampled_from(["BASIS", "CREDIT"]), st.integers().filter(bool))
def test_entry__i1__any_amount_out_of_balance__raises(
    postings: list[Posting], asset: str, amount: int
) -> None:
    stray = (
        Posting(account=postings[0].account, asset=asset, amount_raw=amount)
        if postings
        else (Posting(account="a", asset=asset, amount_raw=amount))
    )
    with pytest.raises(InvalidInput, match=f"off by {amount} {asset}"):
        make_entry(kind="transfer", cause="c", postings=[*postings, stray])


@given(breakdowns(), st.sampled_from(["", *WALLETS]))
def test_job_entry__i1_i6__shares_out_the_charge_and_nothing_more(
    breakdown: RewardBreakdown, wallet: str
) -> None:
    entry = _job_entry(breakdown, wallet=wallet)
    amounts = {posting.account: posting.amount_raw for posting in entry.postings}
    assert sum(amounts.values()) == 0
    assert amounts.get("customer/customer_1", 0) == -breakdown.charge_raw
    assert amounts.get(f"reward/pending/{wallet}", 0) == breakdown.reward_raw
    assert amounts.get("network/fee", 0) == breakdown.fee_raw


@given(payout_lists, reward_steps)
def test_rewards_moved__i1__there_and_back_leaves_nothing(
    payouts: list[Payout], step: tuple[RewardStatus, RewardStatus]
) -> None:
    old, new = step
    there = rewards_moved(cause="b/1", asset="BASIS", payouts=payouts, old=old, new=new)
    back = rewards_moved(cause="b/1", asset="BASIS", payouts=payouts, old=new, new=old)
    assert sum(posting.amount_raw for posting in there.postings) == 0
    assert fold_balances([there, back]) == {}
    assert there.id != back.id


@given(entry_logs())
def test_balances__i2__sum_to_zero_for_each_asset(log: list[Entry]) -> None:
    sums: defaultdict[str, int] = defaultdict(int)
    for (_, asset), balance in fold_balances(log).items():
        sums[asset] += balance
    assert not any(sums.values())


@given(posting_lists(), st.randoms(use_true_random=False))
def test_entry__i3__same_cause_and_content_is_the_same_entry(
    postings: list[Posting], random: Random
) -> None:
    shuffled = random.sample(postings, len(postings))
    one = make_entry(kind="transfer", cause="c", postings=postings)
    again = make_entry(kind="transfer", cause="c", postings=shuffled)
    check_repeat(recorded=one, repeated=again)
    assert one == again


@given(posting_lists(), posting_lists())
def test_entry__i3__same_cause_with_other_content_is_refused(
    recorded: list[Posting], repeated: list[Posting]
) -> None:
    one = make_entry(kind="transfer", cause="c", postings=recorded)
    other = make_entry(kind="transfer", cause="c", postings=repeated)
    assert one.id == other.id
    if one.postings == other.postings:
        check_repeat(recorded=one, repeated=other)
        return
    differing = set(one.postings) ^ set(other.postings)
    first = min((posting.account, posting.asset) for posting in differing)
    with pytest.raises(Conflict) as caught:
        check_repeat(recorded=one, repeated=other)
    assert f" on {first[0]} ({first[1]})" in caught.value.message


@given(st.text(max_size=6), st.text(max_size=6), st.text(max_size=6), st.text(max_size=6))
def test_entry__i3__another_kind_or_cause_has_another_id(
    kind: str, cause: str, other_kind: str, other_cause: str
) -> None:
    one = make_entry(kind=kind, cause=cause, postings=[])
    other = make_entry(kind=other_kind, cause=other_cause, postings=[])
    assert (one.id == other.id) is ((kind, cause) == (other_kind, other_cause))


@given(entry_logs())
def test_balances__i10__replaying_the_log_gives_those_kept_entry_by_entry(
    log: list[Entry],
) -> None:
    kept: dict[tuple[str, str], int] = {}
    for entry in log:
        for posting in entry.postings:
            key = (posting.account, posting.asset)
            kept[key] = kept.get(key, 0) + posting.amount_raw
    assert fold_balances(log) == {key: balance for key, balance in kept.items() if balance}


@given(entry_logs(), st.integers(min_value=0, max_value=8), st.randoms(use_true_random=False))
def test_balances__i10__order_and_pauses_of_the_replay_do_not_matter(
    log: list[Entry], pause: int, random: Random
) -> None:
    before, after = fold_balances(log[:pause]), fold_balances(log[pause:])
    joined = {key: before.get(key, 0) + after.get(key, 0) for key in before.keys() | after.keys()}
    whole = fold_balances(log)
    assert {key: balance for key, balance in joined.items() if balance} == whole
    assert fold_balances(random.sample(log, len(log))) == whole


@given(breakdowns(), st.sampled_from(WALLETS))
def test_job_entry__i4__stands_on_accounts_of_the_chart_within_their_bounds(
    breakdown: RewardBreakdown, wallet: str
) -> None:
    entry = _job_entry(breakdown, wallet=wallet)
    for posting in entry.postings:
        assert posting.asset in account_of_path(posting.account).bounds
    validate_floors(fold_balances([entry]).items())
