"""Leads one accepted job to its one end: lease, relay, count, receipt.

Whatever happens (a worker dies, the customer leaves, the store refuses), the job ends in exactly
one state, its slot is released, and its receipt is durable before the customer sees the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from basis.accounting.agreement import locked_terms
from basis.dispatch.dispatcher import HeldLease, JobOrder
from basis.dispatch.lease import LeaseFailure
from basis.gateway.answer_text import frame_bytes
from basis.gateway.context import GatewayContext
from basis.gateway.job import AcceptedJob, JobOutcome, JobProgress, Sink
from basis.gateway.job_end import JobEnd
from basis.gateway.logprobs import MOST_BYTES_PER_TOKEN, logprobs_bytes
from basis.rules.errors import BasisError, JobFailed, LimitExceeded, RuntimePending
from basis.rules.job import FINISH_CANCELLED, FailureReason, JobStatus
from basis.storage.job_store import FinishedJob, JobWrite, OpenJob
from basis.wire.frames import MAX_CHUNK_EXTRA_BYTES, Chunk, Done, Vector

_log = structlog.get_logger(__name__)

_OVERRUN_SLACK_BYTES = 4_096
"""More than the vectors of one request, which count 1 each."""

_PUBLIC_WORDS = {
    FailureReason.BAD_REQUEST: "the model's runtime refused the request as malformed",
    FailureReason.CONTEXT_EXCEEDED: "prompt and answer do not fit into the model's context",
    FailureReason.UNSUPPORTED: "no connected worker's runtime can do what the request asks",
    FailureReason.QUEUE_TIMEOUT: "no worker came free in time: try again later",
    FailureReason.NO_WORKER: "the last worker of this model left while the job waited",
}
"""What a customer is told; everything else is a worker's failure and told as such."""


class _CustomerGone(Exception):
    """The customer's connection broke, or takes nothing any more."""


class JobRun:
    """One job, once. `run` may be cancelled at any await; the receipt is written all the same."""

    def __init__(
        self,
        context: GatewayContext,
        job: AcceptedJob,
        sink: Sink,
        on_held: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_held` is called once the job's hold is durable."""
        self._on_held = on_held
        self._context = context
        self._job = job
        self._sink = sink
        self._progress = JobProgress()
        self._end = JobEnd(context, job, self._progress)
        self._max_text_bytes = job.max_tokens * job.meter.longest_token_bytes + _OVERRUN_SLACK_BYTES
        self._max_logprobs_bytes = job.max_tokens * MOST_BYTES_PER_TOKEN + MAX_CHUNK_EXTRA_BYTES

    async def run(self) -> JobOutcome:
        """The outcome of a completed job, whose receipt is durable.

        Raises:
            InsufficientCredits: nothing was begun; there is no job and no receipt.
            JobFailed, RuntimePending, LimitExceeded: it was not completed; its receipt says why.
            StorageUnavailable: the receipt could not be written, so nothing is charged.
            asyncio.CancelledError: the customer left.
        """
        await self._open()
        self._on_held()
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
        except Exception:
            # A bug of ours: the job must not stay open, and the error goes on to the outermost net.
            await self._settle(JobStatus.FAILED, failure_reason=FailureReason.INTERNAL_ERROR.value)
            raise
        finished = await self._settle(JobStatus.COMPLETED, done=done)
        return JobOutcome(
            finish_reason=done.finish_reason.value,
            prompt_tokens=finished.core.prompt_tokens,
            output_tokens=finished.core.output_tokens,
            receipt_hash=finished.receipt_hash,
        )

    # --- towards an answer -------------------------------------------------------------------

    async def _open(self) -> None:
        """Opens the job with its hold, durable once this returns: no work is begun before."""
        job, agreement = self._job, self._job.agreement
        opening = self._context.writer.write_grouped(
            JobWrite(
                opened=OpenJob(
                    job_id=job.job_id,
                    user_id=job.customer.user_id,
                    user_wallet=job.customer.user_wallet,
                    model_id=job.model.name,
                    prompt_tokens=job.prompt_tokens,
                    multiplier_bps=agreement.terms.multiplier_bps,
                    versions={
                        "catalog": job.versions.catalog,
                        "pricing": job.versions.pricing,
                        "factors": job.versions.factors,
                        "latency_class": job.versions.latency_class,
                    },
                    created_at=job.created_at,
                    key_id=agreement.key_id,
                    held_microcredits=agreement.held_microcredits,
                    expires_at=job.hold_expires_at,
                    terms=locked_terms(agreement),
                )
            )
        )
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            self._context.background.start(self._settle_unopened(opening))
            raise
        except BasisError:
            job.rate.settle(0)
            raise

    async def _settle_unopened(self, opening: asyncio.Future[object]) -> None:
        """The customer left while the hold was being written: if it was granted, release it."""
        try:
            await opening
        except BasisError:
            self._job.rate.settle(0)
            return
        await self._settle_abandoned()

    async def _try_workers(self) -> Done:
        job = self._job
        order = JobOrder(
            job_id=job.job_id,
            kind=job.kind,
            model=job.model.name,
            request=job.request,
            choice=job.lock.choice,
        )
        failure: LeaseFailure | None = None
        tried: set[str] = set()
        while self._progress.attempts < self._context.settings.jobs.max_attempts:
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
            if self._progress.held is not None:
                tried.add(self._progress.held.session.worker_id)
        raise _failed(failure.reason if failure is not None else FailureReason.NO_WORKER)

    async def _try_one(self, order: JobOrder, tried: frozenset[str]) -> Done | LeaseFailure:
        dispatcher = self._context.dispatcher
        attempt = self._progress.attempts + 1
        async with dispatcher.lease(order, attempt=attempt, excluded=tried) as held:
            self._progress.begin_attempt(held)
            if attempt > 1:
                self._context.metrics.retries.inc()
            self._sink.restart()
            end = await self._relay(held)
            flaw = self._sink.find_flaw() if isinstance(end, Done) else ""
            if flaw:
                reason = FailureReason.WORKER_FAILED
                return LeaseFailure(reason=reason, detail=flaw, is_retryable=True)
            return end

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
            try:
                await self._sink.deliver(frames)
            except (TimeoutError, ConnectionError):
                raise _CustomerGone from None
            self._progress.on_delivered(frames)
            held.acknowledge()

    def _count_bytes(self, frames: Sequence[Chunk | Vector]) -> LeaseFailure | None:
        progress = self._progress
        progress.text_bytes += sum(frame_bytes(frame) for frame in frames)
        progress.logprobs_bytes += sum(logprobs_bytes(frame) for frame in frames)
        is_text_within = progress.text_bytes <= self._max_text_bytes
        if is_text_within and progress.logprobs_bytes <= self._max_logprobs_bytes:
            return None
        return LeaseFailure(
            reason=FailureReason.PROTOCOL_VIOLATION,
            detail=f"more than {self._job.max_tokens} tokens can be",
            is_retryable=True,
        )

    # --- towards a receipt -------------------------------------------------------------------

    async def _settle_abandoned(self) -> None:
        """The customer left: what was delivered is charged, otherwise nothing is."""
        if self._sink.has_delivered and self._progress.delivered_frames:
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
        work = self._end.record(
            status, done=done, finish_reason=finish_reason, failure_reason=failure_reason
        )
        return await asyncio.shield(self._context.background.start(work))

    def _log_failure(self, failure: LeaseFailure) -> None:
        _log.warning(
            "lease_failed",
            job=self._job.job_id,
            attempt=self._progress.attempts,
            worker=self._progress.held.session.worker_id if self._progress.held else "",
            reason=failure.reason.value,
            detail=failure.detail,
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
        return FailureReason.QUEUE_FULL.value
    return FailureReason.INTERNAL_ERROR.value
