"""The states of a job and of the reward and batch that follow from it, and who may advance them.

    job      accepted -> completed | failed | cancelled
    reward   pending -> batching -> settled;  batching -> pending when its batch fails
    batch    pending -> submitted -> confirmed;  pending or submitted -> failed -> pending (retry)

A job that its customer leaves after something was delivered is completed with finish reason
`cancelled`: it costs what was delivered. One left before that is cancelled: it costs nothing.
Source: mission N6, N9; docs/decisions/0007-cancelled-jobs.md.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import NewType, TypeVar

from basis.rules.errors import IllegalTransition

JobId = NewType("JobId", str)
UserId = NewType("UserId", str)
WorkerId = NewType("WorkerId", str)


class JobStatus(enum.StrEnum):
    """`accepted` is the only state that a job can leave."""

    ACCEPTED = "accepted"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RewardStatus(enum.StrEnum):
    """`none` for a receipt that earned nothing and so is never batched."""

    NONE = "none"
    PENDING = "pending"
    BATCHING = "batching"
    SETTLED = "settled"


class BatchStatus(enum.StrEnum):
    """In dry-run a batch stays pending: assembled and hashed, nothing is signed or sent."""

    PENDING = "pending"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    FAILED = "failed"


class FailureReason(enum.StrEnum):
    """Why a job did not complete, on its receipt and in its log line."""

    BAD_REQUEST = "bad_request"
    CONTEXT_EXCEEDED = "context_exceeded"
    UNSUPPORTED = "unsupported"
    NO_WORKER = "no_worker"
    QUEUE_FULL = "queue_full"
    QUEUE_TIMEOUT = "queue_timeout"
    FIRST_TOKEN_TIMEOUT = "first_token_timeout"  # noqa: S105 - a reason, no secret
    STALLED = "stalled"
    TIMEOUT = "timeout"
    WORKER_LOST = "worker_lost"
    WORKER_FAILED = "worker_failed"
    WORKER_TRUNCATED = "worker_truncated"
    PROTOCOL_VIOLATION = "protocol_violation"
    ORCHESTRATOR_STOPPED = "orchestrator_stopped"
    HOLD_EXPIRED = "hold_expired"
    CUSTOMER_LEFT = "customer_left"
    INTERNAL_ERROR = "internal_error"


FINISH_CANCELLED = "cancelled"
"""Finish reason of a completed job whose customer left after something was delivered."""

JOB_STEPS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.ACCEPTED: frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.COMPLETED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
}

REWARD_STEPS: Mapping[RewardStatus, frozenset[RewardStatus]] = {
    RewardStatus.NONE: frozenset(),
    RewardStatus.PENDING: frozenset({RewardStatus.BATCHING}),
    RewardStatus.BATCHING: frozenset({RewardStatus.SETTLED, RewardStatus.PENDING}),
    RewardStatus.SETTLED: frozenset(),
}

BATCH_STEPS: Mapping[BatchStatus, frozenset[BatchStatus]] = {
    BatchStatus.PENDING: frozenset({BatchStatus.SUBMITTED, BatchStatus.FAILED}),
    BatchStatus.SUBMITTED: frozenset({BatchStatus.CONFIRMED, BatchStatus.FAILED}),
    BatchStatus.FAILED: frozenset({BatchStatus.PENDING}),
    BatchStatus.CONFIRMED: frozenset(),
}

_Status = TypeVar("_Status", bound=enum.StrEnum)


def advance(steps: Mapping[_Status, frozenset[_Status]], *, old: _Status, new: _Status) -> _Status:
    """`new`, if the state machine `steps` leads there from `old`.

    Raises:
        IllegalTransition: it does not.
    """
    if new not in steps[old]:
        raise IllegalTransition(f"{type(old).__name__} cannot go from {old.value} to {new.value}")
    return new
