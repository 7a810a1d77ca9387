"""Leads one accepted job to its one end: lease, relay, count, receipt.

Whatever happens (a worker dies, the customer leaves, the store refuses), the job ends in exactly one
state, its slot is released, and its receipt is durable before the customer sees the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from basis.accounting.posting import JobFacts, compute_finished_job
from basis.dispatch.dispatcher import HeldLease, JobOrder
from basis.dispatch.lease import LeaseFailure, now_us
from basis.gateway.answer_text import frame_bytes, frame_text
from basis.gateway.context import GatewayContext
from basis.gateway.keys import Customer
from basis.metering.meter import Meter
from basis.rules.catalog import Model
from basis.rules.errors import BasisError, JobFailed, LimitExceeded, RuntimePending
from basis.rules.factors import Measurements
from basis.rules.job import FailureReason, JobId, JobStatus
from basis.rules.receipt import ReceiptHash
from basis.rules.units import Micros, TokenCount
from basis.storage.job_store import FinishedJob, JobWrite, OpenJob
from basis.storage.receipt_details import EvidenceRecord, VersionRecord
from basis.wire.frames import Chunk, Done, JobKind, Receipt, Vector

_log = structlog.get_logger(__name__)

FINISH_CANCELLED = "cancelled"
"""Finish reason of a job whose customer left after something was delivered."""

_OVERRUN_SLACK_BYTES = 1_024

_PUBLIC_WORDS = {
    FailureReason.BAD_REQUEST: "the model's runtime refused the request as malformed",
    FailureReason.CONTEXT_EXCEEDED: "prompt and answer do not fit into the model's context",
    FailureReason.UNSUPPORTED: "no connected worker's runtime can do what the request asks",
    FailureReason.QUEUE_TIMEOUT: "no worker came free in time: try again later",
    FailureReason.NO_WORKER: "the last worker of this model left while the job waited",
}
"""What a customer is told; everything else is a worker's failure and told as such."""


class Sink(Protocol):
    """Where an answer goes as it comes."""

    has_delivered: bool
    """Whether the customer may have seen any of it, so that no other worker may start anew."""

    async def deliver(self, frames: Sequence[Chunk | Vector]) -> None:
        """Hands frames on; returns when there is room for more."""
        ...

    def restart(self) -> None:
        """Forgets what a failed attempt left; called only while nothing was delivered."""
        ...


class _CustomerGone(Exception):
    """The customer's connection broke, or takes nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedJob:
    """A job with everything that was settled before it was sent anywhere."""

    job_id: JobId
    customer: Customer
    model: Model
    kind: JobKind
    request: bytes
    prompt_tokens: TokenCount
    max_tokens: TokenCount
    meter: Meter
    versions: VersionRecord
    created_at: str
    accepted_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """What a completed job's customer is told at the end."""

    finish_reason: str
    prompt_tokens: TokenCount
    output_tokens: TokenCount
    receipt_hash: ReceiptHash


class JobRun:
    """One job, once. `run` may be cancelled at any await; the receipt is written all the same."""

    def __init__(self, context: GatewayContext, job: AcceptedJob, sink: Sink) -> None:
        self._context = context
        self._job = job
        self._sink = sink
        self._attempts = 0
        self._texts: list[str] = []
        self._text_bytes = 0
        self._max_text_bytes = job.max_tokens * job.meter.longest_token_bytes + _OVERRUN_SLACK_BYTES
        self._held: HeldLease | None = None
        self._opened: asyncio.Future[object] | None = None

    async def run(self) -> JobOutcome:
        """The outcome of a completed job, whose receipt is durable.

        Raises:
            JobFailed, RuntimePending, LimitExceeded: it was not completed; its receipt says why.
            StorageUnavailable: the receipt could not be written, so nothing is charged.
            asyncio.CancelledError: the customer left.
        """
        self._open()
        try:
            done = await self._try_workers()
        except asyncio.CancelledError:
            self._context.background.start(self._settle_abandoned())
            raise
        except _CustomerGone:
            await self._settle_abandoned()
            raise _failed(FailureReason.CUSTOMER_LEFT) from None
        except BasisError as error:
            await self._settle(JobStatus.FAILED, failure_reason=_reason_of(error))
            raise
        finished = await self._settle(JobStatus.COMPLETED, done=done)
        return JobOutcome(
            finish_reason=done.finish_reason.value,
            prompt_tokens=finished.core.prompt_tokens,
            output_tokens=finished.core.output_tokens,
            receipt_hash=finished.receipt_hash,
        )

    # --- towards an answer -------------------------------------------------------------------

    def _open(self) -> None:
        job = self._job
        versions = job.versions
        self._opened = self._context.writer.write_grouped(
            JobWrite(
                opened=OpenJob(
                    job_id=job.job_id,
                    user_id=job.customer.user_id,
                    user_wallet=job.customer.user_wallet,
                    model_id=job.model.name,
                    prompt_tokens=job.prompt_tokens,
                    multiplier_bps=job.model.multiplier_bps,
                    versions={
                        "catalog": versions.catalog,
                        "pricing": versions.pricing,
                        "factors": versions.factors,
                        "latency_class": versions.latency_class,
                    },
                    created_at=job.created_at,
                )
            )
        )
        self._opened.add_done_callback(_hear_failure)

    async def _try_workers(self) -> Done:
        job = self._job
        order = JobOrder(
            job_id=job.job_id, kind=job.kind, model=job.model.name, request=job.request
        )
        failure: LeaseFailure | None = None
        tried: set[str] = set()
        while self._attempts < self._context.settings.jobs.max_attempts:
            try:
                end = await self._try_one(order, frozenset(tried))
            except RuntimePending:
                if failure is None:
                    raise
                break
            except TimeoutError:
                raise _failed(FailureReason.QUEUE_TIMEOUT) from None
            if isinstance(end, Done):
                return end
            failure = end
            self._log_failure(failure)
            if self._sink.has_delivered or not failure.is_retryable:
                break
            if self._held is not None:
                tried.add(self._held.session.worker_id)
            self._context.metrics.retries.inc()
        raise _failed(failure.reason if failure is not None else FailureReason.NO_WORKER)

    async def _try_one(self, order: JobOrder, tried: frozenset[str]) -> Done | LeaseFailure:
        dispatcher = self._context.dispatcher
        attempt = self._attempts + 1
        async with dispatcher.lease(order, attempt=attempt, excluded=tried) as held:
            self._attempts = attempt
            self._held = held
            self._texts.clear()
            self._text_bytes = 0
            self._sink.restart()
            return await self._relay(held)

    async def _relay(self, held: HeldLease) -> Done | LeaseFailure:
        lease = held.lease
        while True:
            frames = await lease.next_frames()
            if isinstance(lease.end, LeaseFailure):
                # What came just before a failure is not delivered: another worker may start anew.
                return lease.end
            if not frames:
                if lease.end is None:
                    continue
                return lease.end
            overrun = self._count_bytes(frames)
            if overrun is not None:
                lease.fail(overrun)
                return overrun
            if self._opened is not None:
                # The job must be on record before its customer sees anything of it.
                await asyncio.shield(self._opened)
                self._opened = None
            try:
                await self._sink.deliver(frames)
            except (TimeoutError, ConnectionError):
                raise _CustomerGone from None
            self._texts.extend(frame_text(frame) for frame in frames)
            held.acknowledge()

    def _count_bytes(self, frames: Sequence[Chunk | Vector]) -> LeaseFailure | None:
        self._text_bytes += sum(frame_bytes(frame) for frame in frames)
        if self._text_bytes <= self._max_text_bytes:
            return None
        return LeaseFailure(
            reason=FailureReason.PROTOCOL_VIOLATION,
            detail=f"more text than {self._job.max_tokens} tokens can be",
            is_retryable=True,
        )

    # --- towards a receipt -------------------------------------------------------------------

    async def _settle_abandoned(self) -> None:
        """The customer left: what was delivered is charged, otherwise nothing is."""
        if self._sink.has_delivered and self._texts:
            await self._settle(JobStatus.COMPLETED, finish_reason=FINISH_CANCELLED)
        else:
            reason = FailureReason.CUSTOMER_LEFT.value
            await self._settle(JobStatus.CANCELLED, failure_reason=reason)

    async def _settle(
        self,
        status: JobStatus,
        *,
        done: Done | None = None,
        finish_reason: str = "",
        failure_reason: str = "",
    ) -> FinishedJob:
        """The recorded end of the job. Goes on to its end even if the caller is cancelled."""
        if done is not None:
            finish_reason = done.finish_reason.value
        work = self._record(
            status, done=done, finish_reason=finish_reason, failure_reason=failure_reason
        )
        return await asyncio.shield(self._context.background.start(work))

    async def _record(
        self, status: JobStatus, *, done: Done | None, finish_reason: str, failure_reason: str
    ) -> FinishedJob:
        counted = await self._job.meter.count_text("".join(self._texts))
        output_tokens = TokenCount(min(counted, self._job.max_tokens))
        if status is not JobStatus.COMPLETED:
            output_tokens = TokenCount(0)
        facts = self._facts(
            status,
            output_tokens=output_tokens,
            done=done,
            finish_reason=finish_reason,
            failure_reason=failure_reason,
        )
        finished = compute_finished_job(facts)
        await asyncio.shield(self._context.writer.write_grouped(JobWrite(finished=finished)))
        self._announce(finished)
        return finished

    def _facts(
        self,
        status: JobStatus,
        *,
        output_tokens: TokenCount,
        done: Done | None,
        finish_reason: str,
        failure_reason: str,
    ) -> JobFacts:
        job, held = self._job, self._held
        return JobFacts(
            job_id=job.job_id,
            user_id=job.customer.user_id,
            user_wallet=job.customer.user_wallet,
            model_id=job.model.name,
            multiplier_bps=job.model.multiplier_bps,
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
            attempts=self._attempts,
            evidence=EvidenceRecord(
                claimed_prompt_tokens=_plausible(done.prompt_tokens) if done else 0,
                claimed_output_tokens=_plausible(done.output_tokens) if done else 0,
                runtime=held.session.runtime if held else "",
            ),
        )

    def _measure(self, output_tokens: TokenCount) -> Measurements:
        first_us = inter_us = online_minutes = 0
        if self._held is not None:
            lease = self._held.lease
            minute = int(time.time()) // 60
            online_minutes = self._context.presence.online_minutes(lease.worker_id, minute=minute)
            if lease.first_frame_us is not None and lease.last_frame_us is not None:
                first_us = lease.first_frame_us - lease.sent_us
                gaps = max(1, output_tokens - 1)
                inter_us = (lease.last_frame_us - lease.first_frame_us) // gaps
        return Measurements(
            online_minutes=online_minutes,
            first_token_us=Micros(first_us),
            inter_token_us=Micros(inter_us),
            prompt_tokens=self._job.prompt_tokens,
        )

    # --- telling everyone --------------------------------------------------------------------

    def _announce(self, finished: FinishedJob) -> None:
        core = finished.core
        context, model = self._context, self._job.model.name
        context.metrics.jobs.labels(model, finished.status.value).inc()
        context.metrics.job_seconds.labels(model).observe(core.latency_ms / 1_000)
        if finished.status is JobStatus.COMPLETED:
            context.metrics.tokens.labels(model, "prompt").inc(core.prompt_tokens)
            context.metrics.tokens.labels(model, "output").inc(core.output_tokens)
        first_us = self._held.lease.first_frame_us if self._held else None
        if first_us is not None:
            waited_us = first_us - self._job.accepted_us
            context.metrics.first_token.labels(model).observe(waited_us / 1e6)
        if self._held is not None:
            earned_raw = context.roster.add_earned(core.worker_id, core.worker_reward_raw)
            self._held.session.send(_receipt_frame(finished, earned_raw))
        _log.info(
            "job",
            job=core.job_id,
            model=core.model_id,
            user=core.user_id,
            worker=core.worker_id,
            status=finished.status.value,
            finish=finished.details.finish_reason,
            failure=finished.details.failure_reason,
            attempts=self._attempts,
            prompt_tokens=core.prompt_tokens,
            output_tokens=core.output_tokens,
            latency_ms=core.latency_ms,
            first_token_us=finished.details.measured.first_token_us,
            charged_raw=str(core.total_charged_raw),
            reward_raw=str(core.worker_reward_raw),
            receipt=finished.receipt_hash,
        )

    def _log_failure(self, failure: LeaseFailure) -> None:
        _log.warning(
            "lease_failed",
            job=self._job.job_id,
            attempt=self._attempts,
            worker=self._held.session.worker_id if self._held else "",
            reason=failure.reason.value,
            detail=failure.detail,
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


def _failed(reason: FailureReason) -> JobFailed:
    words = _PUBLIC_WORDS.get(reason, "the worker could not complete the job: please try again")
    return JobFailed(words, reason=reason.value)


def _reason_of(error: BasisError) -> str:
    if isinstance(error, JobFailed):
        return error.reason
    if isinstance(error, RuntimePending):
        return FailureReason.NO_WORKER.value
    if isinstance(error, LimitExceeded):
        return FailureReason.QUEUE_TIMEOUT.value
    return FailureReason.ORCHESTRATOR_STOPPED.value


def _plausible(claimed: int) -> int:
    """A worker's own count, within what a record can hold."""
    return claimed if 0 <= claimed < 1 << 31 else 0


def _hear_failure(future: asyncio.Future[object]) -> None:
    """Marks an exception as heard: whoever needs the record awaits the future again."""
    if not future.cancelled():
        future.exception()
