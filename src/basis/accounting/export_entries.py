"""Holds the ledger entry of a job to its receipt, which is what an export publishes of it.

A job's entry posts the figures of its receipt and nothing else, so an export need not say them
twice; but it may only leave them out if the ledger has exactly these postings.
Source: docs/reference/export.md; docs/decisions/0015-export.md.
"""

from __future__ import annotations

from basis.rules.entries import EarnedPoints, job_completed
from basis.rules.errors import DamagedRecord, InvalidInput
from basis.rules.ledger import Entry
from basis.rules.reward import RewardBreakdown
from basis.rules.units import AmountRaw
from basis.storage.amounts import read_amount
from basis.storage.receipt_store import StoredReceipt


def check_job_entry(receipt: StoredReceipt, entry: Entry | None) -> None:
    """Holds `entry` to be the one that the job of `receipt` leaves; None where it leaves none.

    Raises:
        DamagedRecord: the ledger says something else than the receipt, or the receipt says two
            things of one figure.
    """
    _check_said_once(receipt)
    try:
        is_due = entry == _entry_of(receipt)
    except InvalidInput:
        is_due = False  # The receipt's own figures do not sum to zero.
    if not is_due:
        raise DamagedRecord(
            f"the ledger entry of job {receipt.core.job_id} does not post what its receipt says, "
            f"so neither can be published: see `basis recompute`"
        )


def _check_said_once(receipt: StoredReceipt) -> None:
    """Holds the figures that a receipt records twice, of which an export has one, to be equal."""
    core, breakdown, points = receipt.core, _breakdown_of(receipt), receipt.details.points
    hashed = (core.total_charged_raw, core.protocol_fee_raw, core.worker_reward_raw)
    is_one = hashed == (breakdown.charge_raw, breakdown.fee_raw, breakdown.reward_raw)
    if points is not None:
        factors = (core.quality_bps, core.latency_bps)
        is_one = is_one and factors == (points.quality_bps, points.latency_bps)
    if not is_one:
        raise DamagedRecord(
            f"the receipt of job {core.job_id} has other figures in its hash than in its "
            f"breakdown, so neither can be published: see `basis recompute`"
        )


def _entry_of(receipt: StoredReceipt) -> Entry | None:
    """The entry that follows from a receipt's recorded figures; None if nothing moves."""
    core, charge, points = receipt.core, receipt.details.charge, receipt.details.points
    breakdown = _breakdown_of(receipt)
    microcredits = None
    if charge is not None:
        microcredits = int(read_amount(charge.microcredits, field="microcredits"))
    earned = None
    if points is not None:
        amount_raw = read_amount(points.amount_raw, field="pointsRaw")
        earned = EarnedPoints(asset=points.asset, amount_raw=AmountRaw(amount_raw))
        if amount_raw == 0:
            earned = None
    if not (breakdown.charge_raw or breakdown.penalty_owed_raw or microcredits or earned):
        return None
    return job_completed(
        job_id=core.job_id,
        user_id=core.user_id,
        worker_id=core.worker_id,
        worker_wallet=core.worker_wallet,
        breakdown=breakdown,
        microcredits=microcredits,
        points=earned,
    )


def _breakdown_of(receipt: StoredReceipt) -> RewardBreakdown:
    record = receipt.details.breakdown
    return RewardBreakdown(
        charge_raw=read_amount(record.charge_raw, field="chargeRaw"),
        fee_raw=read_amount(record.fee_raw, field="feeRaw"),
        pool_raw=read_amount(record.pool_raw, field="poolRaw"),
        gross_raw=read_amount(record.gross_raw, field="grossRaw"),
        penalty_collected_raw=read_amount(
            record.penalty_collected_raw, field="penaltyCollectedRaw"
        ),
        penalty_owed_raw=read_amount(record.penalty_owed_raw, field="penaltyOwedRaw"),
        reward_raw=read_amount(record.reward_raw, field="rewardRaw"),
        unearned_raw=read_amount(record.unearned_raw, field="unearnedRaw"),
        dust_raw=read_amount(record.dust_raw, field="dustRaw"),
    )
