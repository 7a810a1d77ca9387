"""Holds one recorded receipt to what follows from its own facts.

Core, hash, breakdown and entry are computed anew. What no figure depends on is held to what a job
can come to: its status to its reasons, its catalog to those that were published, its kind to the
catalog's, its measurements to its latency.
"""

from __future__ import annotations

from dataclasses import replace

from basis.accounting.agreement import agreement_of_receipt
from basis.accounting.difference import Difference, expect_equal
from basis.accounting.points import points_facts_of
from basis.accounting.posting import NO_EVIDENCE, JobFacts, compute_finished_job
from basis.rules.catalog import CATALOGS, ModelKind, validate_terms
from basis.rules.dates import parse_moment
from basis.rules.epochs import EpochBook
from basis.rules.errors import BasisError, InvalidInput
from basis.rules.factors import MINUTES_PER_DAY, Measurements, compute_factors, tables_of_version
from basis.rules.job import FINISH_CANCELLED, FailureReason, JobStatus, RewardStatus
from basis.rules.postpaid_pricing import postpaid_epoch_of
from basis.rules.pricing import QUOTE_LIFE_S, compute_list_terms
from basis.rules.units import WHOLE_BPS, Bps, Micros
from basis.storage.clock import after_iso
from basis.storage.job_store import FinishedJob
from basis.storage.receipt_details import EvidenceRecord
from basis.storage.receipt_store import StoredReceipt
from basis.wire.frames import FinishReason
from basis.wire.registration import RuntimeName

_ENDS_OF_COMPLETED = frozenset({*FinishReason, FINISH_CANCELLED})
_KINDS = frozenset({*ModelKind, ""})
_LOST = frozenset({FailureReason.ORCHESTRATOR_STOPPED, FailureReason.HOLD_EXPIRED})
"""Of jobs that were closed from their open row alone."""
_ENDS_WITHOUT_WORKER = frozenset(
    {
        FailureReason.NO_WORKER,
        FailureReason.QUEUE_FULL,
        FailureReason.QUEUE_TIMEOUT,
        FailureReason.CUSTOMER_LEFT,
        FailureReason.ORCHESTRATOR_STOPPED,
        FailureReason.HOLD_EXPIRED,
        FailureReason.INTERNAL_ERROR,
    }
)
"""All other reasons are how a lease ends, so some worker had the job."""


def replay_receipt(receipt: StoredReceipt, *, epochs: EpochBook) -> FinishedJob:
    """What follows from the receipt's facts, which is what it says; `epochs` are the network's.

    Raises:
        Difference: it says something else.
    """
    name = f"receipt {receipt.recorded_hash} (job {receipt.core.job_id})"
    if receipt.details.kind not in _KINDS:
        raise Difference(f"{name}: its kind is {receipt.details.kind[:80]!r}, which is none")
    facts = _facts_of(receipt)
    try:
        again = compute_finished_job(facts)
        _validate_tables(facts, epochs)
    except BasisError as error:
        raise Difference(f"{name} cannot be recomputed: {error.message}") from error
    expect_equal(name, "core", recorded=receipt.core, recomputed=again.core)
    expect_equal(name, "hash", recorded=receipt.recorded_hash, recomputed=again.receipt_hash)
    expect_equal(
        name,
        "breakdown",
        recorded=receipt.details.breakdown,
        recomputed=again.details.breakdown,
    )
    expect_equal(
        name,
        "penalties",
        recorded=receipt.details.penalties,
        recomputed=again.details.penalties,
    )
    expect_equal(name, "charge", recorded=receipt.details.charge, recomputed=again.details.charge)
    expect_equal(name, "points", recorded=receipt.details.points, recomputed=again.details.points)
    if receipt.misfiled_column:
        raise Difference(f"{name}: column {receipt.misfiled_column} contradicts its record")
    for find_flaw in (_flaw_of_end, _flaw_of_kind, _flaw_of_attempts, _flaw_of_measurements):
        flaw = find_flaw(facts)
        if flaw:
            raise Difference(f"{name}: {flaw}")
    flaw = _flaw_of_terms(facts, epochs)
    if flaw:
        raise Difference(f"{name}: {flaw}")
    earns = again.reward_status is not RewardStatus.NONE
    has_fresh_status = receipt.reward_status is again.reward_status
    if earns != (receipt.reward_status is not RewardStatus.NONE) or (
        receipt.batch_hash is None and not has_fresh_status
    ):
        raise Difference(f"{name}: reward status is {receipt.reward_status.value}")
    return again


def _validate_tables(facts: JobFacts, epochs: EpochBook) -> None:
    """Refuses tables that were never published; the factors' are read for completed jobs only."""
    compute_factors(
        tables_of_version(facts.versions.factors),
        latency_class=facts.versions.latency_class,
        measured=facts.measured,
    )
    has_own_multiplier = facts.agreement is not None and facts.model_id in dict(
        epochs.of_version(facts.versions.pricing).model_multipliers
    )
    validate_terms(
        catalog_version=facts.versions.catalog,
        model_name=facts.model_id,
        multiplier_bps=None if has_own_multiplier else facts.multiplier_bps,
        latency_class=facts.versions.latency_class,
    )


def _flaw_of_terms(facts: JobFacts, epochs: EpochBook) -> str:
    """How the terms contradict the epoch that they name; "" if they do not."""
    agreement = facts.agreement
    if agreement is None:
        return ""
    terms, locked_at = agreement.terms, agreement.locked_at
    if not epochs.could_price(terms.epoch, at=locked_at):
        return f"the pricing epoch {terms.epoch} was not in force at {locked_at}"
    if locked_at > facts.created_at:
        return f"terms of {locked_at} for a job of {facts.created_at}"
    try:
        last = after_iso(parse_moment(locked_at, param="lockedAt"), seconds=QUOTE_LIFE_S)
    except InvalidInput as error:
        return error.message
    if facts.created_at >= last:
        return f"terms of {locked_at}, which had ended before the job of {facts.created_at}"
    epoch = epochs.of_version(terms.epoch)
    listed = compute_list_terms(
        epoch, model_id=terms.model_id, catalog_multiplier_bps=terms.multiplier_bps
    )
    if terms.offer_hash:
        # The prices are then those of a worker's offer, which stands on a record of its own.
        listed = replace(
            listed,
            prompt_price=terms.prompt_price,
            output_price=terms.output_price,
            offer_hash=terms.offer_hash,
        )
    if terms != listed:
        return f"its terms are {terms}, but the epoch's are {listed}"
    return ""


def _flaw_of_end(facts: JobFacts) -> str:
    """How status and reasons contradict each other; "" if they do not."""
    finish, failure = facts.finish_reason, facts.failure_reason
    match facts.status:
        case JobStatus.COMPLETED:
            is_possible = finish in _ENDS_OF_COMPLETED and failure == ""
        case JobStatus.CANCELLED:
            is_possible = finish == "" and failure == FailureReason.CUSTOMER_LEFT
        case JobStatus.FAILED:
            reasons = frozenset(FailureReason) - {FailureReason.CUSTOMER_LEFT}
            is_possible = finish == "" and failure in reasons
        case JobStatus.ACCEPTED:
            is_possible = False
    if not is_possible:
        return (
            f"status {facts.status.value} does not go with finish reason {finish!r} "
            f"and failure reason {failure!r}"
        )
    if facts.status is not JobStatus.COMPLETED and facts.output_tokens:
        return f"{facts.output_tokens} output tokens of a job that is {facts.status.value}"
    return ""


def _flaw_of_kind(facts: JobFacts) -> str:
    """Why nobody can have asked the model for this kind; "" if somebody can.

    The kind decides whether an empty answer is free. Nobody knows it of a job that was lost, and
    it was not recorded before the epoch in which it came to matter.
    """
    if facts.kind is None:
        is_lost = facts.worker_id == "" and facts.failure_reason in _LOST
        return "" if is_lost or not _needs_kind(facts) else "no kind"
    published = next((one for one in CATALOGS if one.version == facts.versions.catalog), None)
    if published is None:
        return ""  # an operator's own table: only its digest is known
    kinds = published.get(facts.model_id).kinds
    if facts.kind not in kinds:
        known = " and ".join(kind.value for kind in kinds)
        return f"kind {facts.kind.value} of the model {facts.model_id}, which is for {known}"
    return ""


def _needs_kind(facts: JobFacts) -> bool:
    if facts.agreement is not None:
        return True
    return postpaid_epoch_of(facts.versions.pricing).is_empty_answer_free


def _flaw_of_attempts(facts: JobFacts) -> str:
    """What the receipt says of workers that cannot be; "" if nothing."""
    had_worker = facts.worker_id != ""
    if had_worker != (facts.attempts > 0):
        return f"{facts.attempts} attempts, and worker {facts.worker_id!r}"
    needs_worker = (
        facts.status is JobStatus.COMPLETED or facts.failure_reason not in _ENDS_WITHOUT_WORKER
    )
    if needs_worker and not had_worker:
        return f"no worker, although it is {facts.finish_reason or facts.failure_reason}"
    evidence = facts.evidence
    if had_worker and evidence.runtime not in frozenset(RuntimeName):
        return f"the worker's runtime is {evidence.runtime!r}"
    # A worker claims counts with the end of an answer, which is heard of these jobs alone.
    told_end = facts.status is JobStatus.COMPLETED and facts.finish_reason != FINISH_CANCELLED
    silent = EvidenceRecord(runtime=evidence.runtime) if had_worker else NO_EVIDENCE
    if not told_end and evidence != silent:
        return f"evidence of an end that no worker told: {evidence}"
    if min(evidence.claimed_prompt_tokens, evidence.claimed_output_tokens) < 0:
        return f"negative evidence: {evidence}"
    return ""


def _flaw_of_measurements(facts: JobFacts) -> str:
    """Which measurement cannot have been taken; "" if each can."""
    measured = facts.measured
    if not 0 <= measured.quality_bps <= WHOLE_BPS or measured.online_minutes > MINUTES_PER_DAY:
        return f"measurements out of range: {measured}"
    times_us = (measured.first_token_us, measured.inter_token_us)
    if facts.worker_id == "" and (measured.online_minutes, *times_us) != (0, 0, 0):
        return f"measurements without a worker: {measured}"
    # Both times were taken between acceptance and end, and the mean gap was rounded down.
    gaps = max(1, facts.output_tokens - 1)
    answering_ms = (measured.first_token_us + measured.inter_token_us * gaps) // 1_000
    if answering_ms > facts.latency_ms:
        return f"the answer took {answering_ms} ms of a latency of {facts.latency_ms} ms"
    return ""


def _facts_of(receipt: StoredReceipt) -> JobFacts:
    core, details = receipt.core, receipt.details
    return JobFacts(
        job_id=core.job_id,
        user_id=core.user_id,
        user_wallet=core.user_wallet,
        model_id=core.model_id,
        kind=ModelKind(details.kind) if details.kind else None,
        multiplier_bps=core.model_multiplier_bps,
        versions=details.versions,
        created_at=core.created_at,
        status=JobStatus(receipt.status),
        prompt_tokens=core.prompt_tokens,
        output_tokens=core.output_tokens,
        latency_ms=core.latency_ms,
        worker_id=core.worker_id,
        worker_wallet=core.worker_wallet,
        measured=Measurements(
            online_minutes=details.measured.online_minutes,
            first_token_us=Micros(details.measured.first_token_us),
            inter_token_us=Micros(details.measured.inter_token_us),
            prompt_tokens=core.prompt_tokens,
            quality_bps=Bps(details.measured.quality_bps),
        ),
        finish_reason=details.finish_reason,
        failure_reason=details.failure_reason,
        attempts=details.attempts,
        evidence=details.evidence,
        agreement=agreement_of_receipt(receipt),
        points=points_facts_of(receipt),
    )
