"""Batches: I5 each receipt once, I9 the same hash from any order; a reward settles once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_strategies import payable_receipts

from basis.rules.batch import (
    NO_BATCH,
    Batch,
    BatchHash,
    PayableReceipt,
    assemble_batch,
    compute_batch_hash,
)
from basis.rules.errors import IllegalTransition, InvalidInput
from basis.rules.job import (
    BATCH_STEPS,
    JOB_STEPS,
    REWARD_STEPS,
    BatchStatus,
    JobStatus,
    RewardStatus,
    advance,
)
from basis.rules.units import AmountRaw


def _assemble(receipts: list[PayableReceipt], previous_hash: BatchHash = NO_BATCH) -> Batch:
    return assemble_batch(
        receipts,
        previous_hash=previous_hash,
        chain_id=8453,
        token_symbol="BASIS",
        token_address="",
    )


@given(payable_receipts(), st.randoms(use_true_random=False))
def test_batch__i9__order_of_the_receipts_does_not_matter(
    receipts: list[PayableReceipt], random: Random
) -> None:
    shuffled = random.sample(receipts, len(receipts))
    assert _assemble(shuffled) == _assemble(receipts)
    assert compute_batch_hash(_assemble(shuffled)) == compute_batch_hash(_assemble(receipts))


@given(payable_receipts())
def test_batch__any__pays_what_its_receipts_earned_to_the_unit(
    receipts: list[PayableReceipt],
) -> None:
    batch = _assemble(receipts)
    earned: Counter[str] = Counter()
    for receipt in receipts:
        earned[receipt.worker_wallet] += receipt.reward_raw
    assert {payout.wallet: payout.amount_raw for payout in batch.payouts} == dict(earned)
    assert batch.total_raw == sum(receipt.reward_raw for receipt in receipts)
    assert sum(payout.receipt_count for payout in batch.payouts) == len(receipts)


@given(payable_receipts(), st.data())
def test_batch__i5__a_receipt_twice_is_refused(
    receipts: list[PayableReceipt], data: st.DataObject
) -> None:
    repeated = data.draw(st.sampled_from(receipts))
    disguised = replace(repeated, reward_raw=AmountRaw(repeated.reward_raw + 1))
    for again in (repeated, disguised):
        with pytest.raises(InvalidInput, match=f"{repeated.receipt_hash} stands twice"):
            _assemble([*receipts, again])


@given(payable_receipts())
def test_batch_hash__another_predecessor_or_reward__is_another(
    receipts: list[PayableReceipt],
) -> None:
    batch_hash = compute_batch_hash(_assemble(receipts))
    raised = replace(receipts[0], reward_raw=AmountRaw(receipts[0].reward_raw + 1))
    assert compute_batch_hash(_assemble(receipts, BatchHash("f" * 64))) != batch_hash
    assert compute_batch_hash(_assemble([raised, *receipts[1:]])) != batch_hash
    if len(receipts) > 1:
        assert compute_batch_hash(_assemble(receipts[1:])) != batch_hash


@given(st.lists(st.sampled_from(RewardStatus), max_size=30))
def test_reward__i5__whatever_is_tried_it_settles_at_most_once(tried: list[RewardStatus]) -> None:
    status, settled = RewardStatus.PENDING, 0
    for new in tried:
        try:
            status = advance(REWARD_STEPS, old=status, new=new)
        except IllegalTransition:
            continue
        settled += new is RewardStatus.SETTLED
    assert settled == (status is RewardStatus.SETTLED)


@given(st.lists(st.sampled_from(BatchStatus), max_size=30))
def test_batch__i5__whatever_is_tried_it_is_confirmed_at_most_once(
    tried: list[BatchStatus],
) -> None:
    status, confirmed = BatchStatus.PENDING, 0
    for new in tried:
        try:
            status = advance(BATCH_STEPS, old=status, new=new)
        except IllegalTransition:
            continue
        confirmed += new is BatchStatus.CONFIRMED
    assert confirmed == (status is BatchStatus.CONFIRMED)


@given(st.lists(st.sampled_from(JobStatus), max_size=30))
def test_job__whatever_is_tried__ends_in_at_most_one_state(tried: list[JobStatus]) -> None:
    status, ends = JobStatus.ACCEPTED, 0
    for new in tried:
        try:
            status = advance(JOB_STEPS, old=status, new=new)
        except IllegalTransition:
            continue
        ends += 1
    assert ends <= 1
