"""Every way in which value can move: one function per cause.

The accounts, and what may stand on each of them, are described in `rules/accounts.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from basis.rules.batch import Payout
from basis.rules.errors import InvalidInput
from basis.rules.job import JobId, RewardStatus, UserId, WorkerId
from basis.rules.ledger import AccountPath, Entry, Posting, make_entry
from basis.rules.reward import RewardBreakdown
from basis.rules.units import BASIS, CREDIT, AmountRaw

JOB_COMPLETED: Final = "job_completed"
CREDITS_FUNDED: Final = "credits_funded"
EXCHANGE: Final = AccountPath("network/exchange")
"""Takes credits and gives BASIS, at the rate of each job's epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarnedPoints:
    """Points that a job brings its worker's owner."""

    asset: str
    amount_raw: AmountRaw


def job_completed(
    *,
    job_id: JobId,
    user_id: UserId,
    worker_id: WorkerId,
    worker_wallet: str,
    breakdown: RewardBreakdown,
    microcredits: int | None,
    points: EarnedPoints | None = None,
) -> Entry:
    """The customer is charged; the charge is shared out to the last unit; points are issued.

    With `microcredits` the customer pays these, and the exchange turns them into the charge in
    BASIS; None is a job from before there were credits, which is owed in BASIS.
    """

    def post(account: str, amount_raw: int, asset: str = BASIS.symbol) -> Posting:
        return Posting(account=AccountPath(account), asset=asset, amount_raw=amount_raw)

    postings = [
        post(reward_account(RewardStatus.PENDING, worker_wallet), breakdown.reward_raw),
        post("network/fee", breakdown.fee_raw),
        post("network/unearned", breakdown.unearned_raw),
        post("network/dust", breakdown.dust_raw),
        post(f"penalty/owed/{worker_id}", -breakdown.penalty_owed_raw),
        post("penalty/receivable", breakdown.penalty_owed_raw),
    ]
    if microcredits is None:
        postings.append(post(customer_account(user_id), -breakdown.charge_raw))
    else:
        postings += [
            post(EXCHANGE, -breakdown.charge_raw),
            post(EXCHANGE, microcredits, CREDIT.symbol),
            post(customer_account(user_id), -microcredits, CREDIT.symbol),
        ]
    if points is not None:
        postings += [
            post("points/issued", -points.amount_raw, points.asset),
            post(f"points/earned/{worker_wallet}", points.amount_raw, points.asset),
        ]
    return make_entry(kind=JOB_COMPLETED, cause=job_id, postings=postings)


def credits_funded(*, user_id: UserId, source: str, key: str, microcredits: int) -> Entry:
    """A customer has paid for credits, or gets some back; `key` names the payment for ever.

    `source` is where they come from: `operator` or `stripe`. Negative `microcredits` take credits
    back that were funded before.

    Raises:
        InvalidInput: no credits move, so there is nothing to book.
    """
    if microcredits == 0:
        raise InvalidInput(f"the payment {source}/{key} is of no credits", param="credits")
    return make_entry(
        kind=CREDITS_FUNDED,
        cause=f"{source}/{key}",
        postings=(
            Posting(
                account=AccountPath(f"funding/{source}"),
                asset=CREDIT.symbol,
                amount_raw=-microcredits,
            ),
            Posting(
                account=customer_account(user_id), asset=CREDIT.symbol, amount_raw=microcredits
            ),
        ),
    )


def find_funding_flaw(entry: Entry) -> str:
    """Why `credits_funded` cannot have made `entry`; "" if it can."""
    source, _slash, key = entry.cause.partition("/")
    customers = [posting for posting in entry.postings if posting.account.startswith("customer/")]
    if len(customers) != 1 or not key:
        return "it does not fund one customer by one payment"
    again = credits_funded(
        user_id=UserId(customers[0].account.removeprefix("customer/")),
        source=source,
        key=key,
        microcredits=customers[0].amount_raw,
    )
    return "" if again == entry else "it moves something else than one customer's credits"


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


def customer_account(user_id: str) -> AccountPath:
    """What a customer has, in CREDIT; and what it owed before there were credits, in BASIS."""
    return AccountPath(f"customer/{user_id}")
