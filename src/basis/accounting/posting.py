"""Turns the facts of a finished job into its receipt, reward and ledger entry.

Pure: the same facts give the same records. What it decides stands in `rules/`; what it returns is
written by `storage/job_store.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from basis.accounting.agreement import Agreement, agreement_of_open_job, charge_record
from basis.accounting.points import (
    UNBOOSTED,
    PointsFacts,
    earned_points,
    judge_text_points,
    points_record,
)
from basis.rules.catalog import ModelKind
from basis.rules.entries import job_completed
from basis.rules.errors import InvalidInput
from basis.rules.factors import Factors, Measurements, compute_factors, tables_of_version
from basis.rules.job import JobId, JobStatus, RewardStatus, UserId, WorkerId
from basis.rules.points import PointsBreakdown
from basis.rules.postpaid_pricing import (
    compute_postpaid_charge,
    is_free_by_epoch,
    postpaid_epoch_of,
)
from basis.rules.pricing import (
    NO_CHARGE,
    Charge,
    compute_job_charge,
)
from basis.rules.receipt import ReceiptCore, compute_receipt_hash
from basis.rules.reward import RewardBreakdown, compute_reward
from basis.rules.units import BASIS, AmountRaw, Bps, Micros, TokenCount
from basis.storage.job_store import FinishedJob, OpenJob
from basis.storage.receipt_details import (
    BreakdownRecord,
    EvidenceRecord,
    MeasurementRecord,
    PenaltyRecord,
    ReceiptDetails,
    VersionRecord,
)

TOKEN_ADDRESS_PENDING = ""
"""The token has no address until a distributor is configured. Source: mission N15."""

NO_FACTORS = Factors(quality_bps=Bps(0), uptime_bps=Bps(0), latency_bps=Bps(0))
"""On the receipt of a job that did not complete: nothing was judged."""

NO_EVIDENCE = EvidenceRecord()
"""Of a job that no worker ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """What happened to a job, as the orchestrator saw it."""

    job_id: JobId
    user_id: UserId
    user_wallet: str
    model_id: str
    kind: ModelKind | None
    """What was asked for; None of a job that was lost, and on records older than 2026-11-23."""
    multiplier_bps: Bps
    versions: VersionRecord
    created_at: str
    status: JobStatus
    prompt_tokens: TokenCount
    output_tokens: TokenCount
    latency_ms: int
    worker_id: str = ""
    worker_wallet: str = ""
    measured: Measurements
    finish_reason: str = ""
    failure_reason: str = ""
    attempts: int = 0
    evidence: EvidenceRecord = NO_EVIDENCE
    agreement: Agreement | None = None
    """None of jobs from before there were credits: a postpaid epoch charges them in BASIS."""
    points: PointsFacts | None = None
    """None of jobs from before there were points."""


def compute_finished_job(facts: JobFacts) -> FinishedJob:
    """The records that follow from `facts`.

    Raises:
        InvalidInput: the facts name a table that was never published, or are out of range.
    """
    factors, charge = _judge(facts)
    breakdown = compute_reward(
        status=facts.status,
        worker_wallet=facts.worker_wallet,
        charge_raw=charge.charge_raw,
        fee_bps=_fee_bps(facts),
        factors=factors,
    )
    core = _core(facts, factors=factors, breakdown=breakdown)
    points = _judge_points(facts, factors, is_charged=charge.microcredits > 0)
    earned = earned_points(points)
    entry = None
    if breakdown.charge_raw or breakdown.penalty_owed_raw or charge.microcredits or earned:
        entry = job_completed(
            job_id=facts.job_id,
            user_id=facts.user_id,
            worker_id=core.worker_id,
            worker_wallet=core.worker_wallet,
            breakdown=breakdown,
            microcredits=charge.microcredits if facts.agreement is not None else None,
            points=earned,
        )
    return FinishedJob(
        receipt_hash=compute_receipt_hash(core),
        core=core,
        status=facts.status,
        details=_details(facts, breakdown, charge, points),
        reward_status=RewardStatus.PENDING if breakdown.reward_raw else RewardStatus.NONE,
        entry=entry,
    )


def compute_lost_job(job: OpenJob, *, failure_reason: str) -> FinishedJob:
    """The receipt of a job that was open when the orchestrator died; it charges nothing.

    Its latency is unknown and recorded as 0; the time is that of acceptance, so that a second
    recovery of the same job gives the same receipt.
    """
    return compute_finished_job(
        JobFacts(
            job_id=JobId(job.job_id),
            user_id=UserId(job.user_id),
            user_wallet=job.user_wallet,
            model_id=job.model_id,
            kind=None,
            multiplier_bps=Bps(job.multiplier_bps),
            versions=VersionRecord(
                catalog=job.versions["catalog"],
                pricing=job.versions["pricing"],
                factors=job.versions["factors"],
                latency_class=job.versions["latency_class"],
            ),
            created_at=job.created_at,
            status=JobStatus.FAILED,
            prompt_tokens=TokenCount(job.prompt_tokens),
            output_tokens=TokenCount(0),
            latency_ms=0,
            measured=Measurements(
                online_minutes=0,
                first_token_us=Micros(0),
                inter_token_us=Micros(0),
                prompt_tokens=job.prompt_tokens,
            ),
            failure_reason=failure_reason,
            agreement=agreement_of_open_job(job),
            points=UNBOOSTED if job.terms is not None else None,
        )
    )


def _judge(facts: JobFacts) -> tuple[Factors, Charge]:
    if facts.status is not JobStatus.COMPLETED:
        return NO_FACTORS, NO_CHARGE
    factors = compute_factors(
        tables_of_version(facts.versions.factors),
        latency_class=facts.versions.latency_class,
        measured=facts.measured,
    )
    agreement = facts.agreement
    if agreement is None:
        return factors, Charge(microcredits=0, charge_raw=_postpaid_charge(facts))
    if facts.kind is None:
        raise InvalidInput("a completed job is of some kind", param="kind")
    if agreement.terms.epoch != facts.versions.pricing:
        raise InvalidInput(
            f"the terms are of {agreement.terms.epoch}, not of {facts.versions.pricing}",
            param="pricing_version",
        )
    charge = compute_job_charge(
        agreement.terms,
        kind=facts.kind,
        prompt_tokens=facts.prompt_tokens,
        output_tokens=facts.output_tokens,
    )
    if charge.microcredits > agreement.held_microcredits:
        raise InvalidInput(
            f"job {facts.job_id} comes to {charge.microcredits} micro-credits, of which only "
            f"{agreement.held_microcredits} were held",
            param="held_microcredits",
        )
    return factors, charge


def _postpaid_charge(facts: JobFacts) -> AmountRaw:
    epoch = postpaid_epoch_of(facts.versions.pricing)
    if is_free_by_epoch(epoch, kind=facts.kind, output_tokens=facts.output_tokens):
        return AmountRaw(0)
    return compute_postpaid_charge(
        epoch,
        prompt_tokens=facts.prompt_tokens,
        output_tokens=facts.output_tokens,
        multiplier_bps=facts.multiplier_bps,
    )


def _fee_bps(facts: JobFacts) -> Bps:
    if facts.agreement is not None:
        return facts.agreement.terms.protocol_fee_bps
    return postpaid_epoch_of(facts.versions.pricing).protocol_fee_bps


def _core(facts: JobFacts, *, factors: Factors, breakdown: RewardBreakdown) -> ReceiptCore:
    return ReceiptCore(
        job_id=facts.job_id,
        user_id=facts.user_id,
        user_wallet=facts.user_wallet,
        worker_id=WorkerId(facts.worker_id),
        worker_wallet=facts.worker_wallet,
        model_id=facts.model_id,
        prompt_tokens=facts.prompt_tokens,
        output_tokens=facts.output_tokens,
        latency_ms=facts.latency_ms,
        quality_bps=factors.quality_bps,
        uptime_bps=factors.uptime_bps,
        latency_bps=factors.latency_bps,
        model_multiplier_bps=facts.multiplier_bps,
        total_charged_raw=breakdown.charge_raw,
        worker_reward_raw=breakdown.reward_raw,
        protocol_fee_raw=breakdown.fee_raw,
        token_symbol=BASIS.symbol,
        token_address=TOKEN_ADDRESS_PENDING,
        created_at=facts.created_at,
    )


def _judge_points(facts: JobFacts, factors: Factors, *, is_charged: bool) -> PointsBreakdown | None:
    if facts.points is None:
        return None
    return judge_text_points(
        facts.points,
        status=facts.status,
        worker_wallet=facts.worker_wallet,
        model_id=facts.model_id,
        multiplier_bps=facts.multiplier_bps,
        prompt_tokens=facts.prompt_tokens,
        output_tokens=facts.output_tokens,
        factors=factors,
        is_charged=is_charged,
    )


def _details(
    facts: JobFacts,
    breakdown: RewardBreakdown,
    charge: Charge,
    points: PointsBreakdown | None,
) -> ReceiptDetails:
    agreement = facts.agreement
    return ReceiptDetails(
        kind=facts.kind.value if facts.kind is not None else "",
        finish_reason=facts.finish_reason,
        failure_reason=facts.failure_reason,
        attempts=facts.attempts,
        breakdown=as_breakdown_record(breakdown),
        measured=MeasurementRecord(
            quality_bps=facts.measured.quality_bps,
            online_minutes=facts.measured.online_minutes,
            first_token_us=facts.measured.first_token_us,
            inter_token_us=facts.measured.inter_token_us,
        ),
        versions=facts.versions,
        evidence=facts.evidence,
        key_id=agreement.key_id if agreement is not None else "",
        penalties=tuple(
            PenaltyRecord(reason=penalty.reason, amount_raw=str(penalty.amount_raw))
            for penalty in breakdown.penalties
        ),
        charge=charge_record(agreement, charge) if agreement is not None else None,
        points=points_record(facts.points, points),
    )


def as_breakdown_record(breakdown: RewardBreakdown) -> BreakdownRecord:
    """The breakdown in the form in which it is recorded and published."""
    return BreakdownRecord(
        charge_raw=str(breakdown.charge_raw),
        fee_raw=str(breakdown.fee_raw),
        pool_raw=str(breakdown.pool_raw),
        gross_raw=str(breakdown.gross_raw),
        penalty_collected_raw=str(breakdown.penalty_collected_raw),
        penalty_owed_raw=str(breakdown.penalty_owed_raw),
        reward_raw=str(breakdown.reward_raw),
        unearned_raw=str(breakdown.unearned_raw),
        dust_raw=str(breakdown.dust_raw),
    )
