"""Every way in which value can move: one function per cause.

Accounts (all in BASIS for now):
    customer/<user>                what a customer owes, negative: billed afterwards until prepaid
                                   credits exist
    reward/pending|batching|settled/<wallet>
                                   what a worker's owner has earned, by how far it has come
    network/fee                    the protocol's fee
    network/unearned               what factors and penalties withheld
    network/dust                   what floors left over
    penalty/owed/<worker>          negative: penalties that a reward was too small to bear
    penalty/receivable             the other side of it
"""

from __future__ import annotations

from collections.abc import Sequence

from basis.rules.batch import Payout
from basis.rules.job import JobId, RewardStatus, UserId, WorkerId
from basis.rules.ledger import AccountPath, Entry, Posting, make_entry
from basis.rules.reward import RewardBreakdown


def job_completed(
    *,
    job_id: JobId,
    user_id: UserId,
    worker_id: WorkerId,
    worker_wallet: str,
    asset: str,
    breakdown: RewardBreakdown,
) -> Entry:
    """The customer is charged; the charge is shared out to the last unit."""

    def post(account: str, amount_raw: int) -> Posting:
        return Posting(account=AccountPath(account), asset=asset, amount_raw=amount_raw)

    return make_entry(
        kind="job_completed",
        cause=job_id,
        postings=(
            post(f"customer/{user_id}", -breakdown.charge_raw),
            post(reward_account(RewardStatus.PENDING, worker_wallet), breakdown.reward_raw),
            post("network/fee", breakdown.fee_raw),
            post("network/unearned", breakdown.unearned_raw),
            post("network/dust", breakdown.dust_raw),
            post(f"penalty/owed/{worker_id}", -breakdown.penalty_owed_raw),
            post("penalty/receivable", breakdown.penalty_owed_raw),
        ),
    )


def rewards_moved(
    *,
    cause: str,
    asset: str,
    payouts: Sequence[Payout],
    old: RewardStatus,
    new: RewardStatus,
) -> Entry:
    """A batch takes rewards one step on, or gives them back; `cause` names batch and attempt."""
    postings: list[Posting] = []
    for payout in payouts:
        for status, amount_raw in ((old, -payout.amount_raw), (new, payout.amount_raw)):
            postings.append(
                Posting(
                    account=reward_account(status, payout.wallet),
                    asset=asset,
                    amount_raw=amount_raw,
                )
            )
    return make_entry(kind=f"rewards_{new.value}", cause=cause, postings=postings)


def reward_account(status: RewardStatus, wallet: str) -> AccountPath:
    """Where the rewards of `wallet` stand that have come as far as `status`."""
    return AccountPath(f"reward/{status.value}/{wallet}")
