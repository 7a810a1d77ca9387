"""The end of a job: counted, measured, judged, made durable, and told to everyone it concerns."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import structlog
from sqlalchemy.exc import SQLAlchemyError

from basis.accounting.boosts import NO_BOOST, Boost
from basis.accounting.points import UNBOOSTED, PointsFacts
from basis.accounting.posting import JobFacts, compute_finished_job
from basis.dispatch.dispatcher import HeldLease
from basis.dispatch.lease import now_us
from basis.gateway.context import GatewayContext
from basis.gateway.job import AcceptedJob, JobProgress
from basis.rules.catalog import ModelKind
from basis.rules.errors import DamagedRecord, NotFound
from basis.rules.factors import Measurements
from basis.rules.job import JobStatus
from basis.rules.units import Micros, TokenCount
from basis.storage.job_store import FinishedJob, JobWrite
from basis.storage.receipt_details import EvidenceRecord
from basis.wire.frames import Done, JobKind, Receipt

_log = structlog.get_logger(__name__)


class JobEnd:
    """Writes the one receipt of a job from what its relay has seen."""

    def __init__(self, context: GatewayContext, job: AcceptedJob, progress: JobProgress) -> None:
        self._context = context
        self._job = job
        self._progress = progress

    async def record(
        self,
        status: JobStatus,
        *,
        done: Done | None = None,
        finish_reason: str = "",
        failure_reason: str = "",
    ) -> FinishedJob:
        """The recorded end, durable once this returns.

        Raises:
            Conflict: the job has a receipt already, with other content.
            StorageUnavailable: nothing was recorded.
        """
        delivered = self._progress.answer.counted(self._job.kind)
        counted = await self._job.meter.count_text(delivered)
        output_tokens = TokenCount(min(counted, self._job.max_tokens))
        if status is not JobStatus.COMPLETED:
            output_tokens = TokenCount(0)
        facts = self._facts(
            status,
            boost=await self._boost(status),
            output_tokens=output_tokens,
            done=done,
            finish_reason=finish_reason,
            failure_reason=failure_reason,
        )
        job_tokens = self._job.prompt_tokens + output_tokens
        self._job.rate.settle(job_tokens if status is JobStatus.COMPLETED else 0)
        finished = compute_finished_job(facts)
        await asyncio.shield(self._context.writer.write_grouped(JobWrite(finished=finished)))
        self._announce(finished)
        return finished

    def _facts(
        self,
        status: JobStatus,
        *,
        boost: Boost,
        output_tokens: TokenCount,
        done: Done | None,
        finish_reason: str,
        failure_reason: str,
    ) -> JobFacts:
        job, held = self._job, self._progress.held
        return JobFacts(
            job_id=job.job_id,
            user_id=job.customer.user_id,
            user_wallet=job.customer.user_wallet,
            model_id=job.model.name,
            kind=ModelKind(job.kind.value),
            multiplier_bps=job.agreement.terms.multiplier_bps,
            versions=job.versions,
            created_at=job.created_at,
            status=status,
            prompt_tokens=job.prompt_tokens,
            output_tokens=output_tokens,
            latency_ms=(now_us() - job.accepted_us) // 1_000,
            worker_id=held.session.worker_id if held else "",
            worker_wallet=held.session.wallet if held else "",
            measured=self._measure(output_tokens),
            finish_reason=finish_reason,
            failure_reason=failure_reason,
            attempts=self._progress.attempts,
            agreement=job.agreement,
            points=_points_facts(held, boost),
            evidence=EvidenceRecord(
                claimed_prompt_tokens=_plausible(done.prompt_tokens) if done else 0,
                claimed_output_tokens=_plausible(done.output_tokens) if done else 0,
                runtime=held.session.runtime if held else "",
            ),
        )

    async def _boost(self, status: JobStatus) -> Boost:
        """What the worker's owner holds counts for a completed job alone.

        Snapshots that cannot be read are for the operator to mend; the job is paid without.
        """
        held = self._progress.held
        if status is not JobStatus.COMPLETED or held is None:
            return NO_BOOST
        try:
            return await self._context.boosts.of(held.session, accepted_at=self._job.created_at)
        except (DamagedRecord, NotFound, SQLAlchemyError) as error:
            _log.error("boost_unreadable", job=self._job.job_id, error=type(error).__name__)
            return NO_BOOST

    def _measure(self, output_tokens: TokenCount) -> Measurements:
        first_us = inter_us = online_minutes = 0
        if self._progress.held is not None:
            lease = self._progress.held.lease
            minute = int(time.time()) // 60
            online_minutes = self._context.presence.online_minutes(lease.worker_id, minute=minute)
            if lease.first_frame_us is not None and lease.last_frame_us is not None:
                first_us = lease.first_frame_us - lease.sent_us
                gaps = max(1, output_tokens - 1)
                writing_us = lease.last_frame_us - lease.first_frame_us - lease.held_up_us
                inter_us = max(0, writing_us) // gaps
        return Measurements(
            online_minutes=online_minutes,
            first_token_us=Micros(first_us),
            inter_token_us=Micros(inter_us),
            prompt_tokens=self._job.prompt_tokens,
        )

    def _announce(self, finished: FinishedJob) -> None:
        core, charge = finished.core, finished.details.charge
        context, model = self._context, self._job.model.name
        context.metrics.jobs.labels(model, finished.status.value).inc()
        context.metrics.job_seconds.labels(model).observe(core.latency_ms / 1_000)
        if finished.status is JobStatus.COMPLETED:
            context.metrics.tokens.labels(model, "prompt").inc(core.prompt_tokens)
            context.metrics.tokens.labels(model, "output").inc(core.output_tokens)
        first_us = self._progress.held.lease.first_frame_us if self._progress.held else None
        if first_us is not None:
            waited_us = first_us - self._job.accepted_us
            context.metrics.first_token.labels(model).observe(waited_us / 1e6)
        if self._progress.held is not None:
            self._measure_pace(self._progress.held, finished)
            earned_raw = context.roster.add_earned(core.worker_id, core.worker_reward_raw)
            self._progress.held.session.send(_receipt_frame(finished, earned_raw))
        _log.info(
            "job",
            job=core.job_id,
            model=core.model_id,
            user=core.user_id,
            worker=core.worker_id,
            status=finished.status.value,
            finish=finished.details.finish_reason,
            failure=finished.details.failure_reason,
            attempts=self._progress.attempts,
            prompt_tokens=core.prompt_tokens,
            output_tokens=core.output_tokens,
            latency_ms=core.latency_ms,
            first_token_us=finished.details.measured.first_token_us,
            charged_raw=str(core.total_charged_raw),
            charged_microcredits=charge.microcredits if charge is not None else "0",
            reward_raw=str(core.worker_reward_raw),
            receipt=finished.receipt_hash,
        )

    def _measure_pace(self, held: HeldLease, finished: FinishedJob) -> None:
        """Lets the worker's session know how long a complete answer took, by our own count."""
        core, lease = finished.core, held.lease
        is_embedding = self._job.kind is JobKind.EMBEDDING
        tokens = core.prompt_tokens if is_embedding else core.output_tokens
        if not isinstance(lease.end, Done) or not tokens or lease.last_frame_us is None:
            return
        busy_us = max(0, lease.last_frame_us - lease.sent_us - lease.held_up_us)
        held.session.on_measured(lease.model, busy_us=busy_us, tokens=tokens)


def _points_facts(held: HeldLease | None, boost: Boost) -> PointsFacts:
    """The boost, and what the worker claimed to run on; a CPU is no GPU."""
    boosted = replace(UNBOOSTED, boost_bps=boost.boost_bps, assignment=boost.assignment)
    if held is None or held.session.hardware.kind != "gpu":
        return boosted
    hardware = held.session.hardware
    return replace(
        boosted,
        gpu_name=hardware.name,
        gpu_count=hardware.count,
        gpu_memory_mib=hardware.memory_mib,
    )


def _receipt_frame(finished: FinishedJob, earned_raw: int) -> Receipt:
    core = finished.core
    return Receipt(
        job_id=core.job_id,
        status=finished.status.value,
        receipt_hash=finished.receipt_hash,
        prompt_tokens=core.prompt_tokens,
        output_tokens=core.output_tokens,
        quality_bps=core.quality_bps,
        uptime_bps=core.uptime_bps,
        latency_bps=core.latency_bps,
        reward_raw=str(core.worker_reward_raw),
        earned_raw=str(earned_raw),
    )


def _plausible(claimed: int) -> int:
    """A worker's own count, within what a record can hold."""
    return claimed if 0 <= claimed < 1 << 31 else 0
