"""The worker's decisions, as pure functions of what is known. Nothing here waits or sends."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from basis.rules.units import Asset, format_amount
from basis.wire.frames import Job, Refused, WorkerFault
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.foreign_words import shorten
from basis.worker.state import Phase, WorkerState


class AfterRefusal(enum.Enum):
    """What follows a refused link, if anything can."""

    RETRY = "retry"
    REGISTER = "register"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRefusal:
    """Why a job is given back before it starts."""

    reason: WorkerFault
    detail: str


_FATAL_REFUSALS = {
    "bad_token": (
        ExitCode.TOKEN_REFUSED,
        "restore this worker's token file, or take another --worker-id",
    ),
    "duplicate": (
        ExitCode.TOKEN_REFUSED,
        "another process is connected as this worker; give each its own --worker-id",
    ),
    "no_models": (ExitCode.NO_MODEL, "offer a model of the catalog with --models"),
    "runtime": (ExitCode.USAGE, "register this worker again, or take another --worker-id"),
    "slots": (ExitCode.USAGE, "choose other --slots"),
    "version": (ExitCode.PROTOCOL, "update the worker or the orchestrator"),
    "bad_frame": (ExitCode.PROTOCOL, "update the worker or the orchestrator"),
}


def compute_backoff_s(attempt: int, *, first_s: float, most_s: float, fraction: float) -> float:
    """Seconds to wait before try number `attempt`, counted from 0 since the last welcome.

    Full jitter: `fraction` in [0, 1) of a bound that doubles from `first_s` up to `most_s`, so
    that workers that lost one orchestrator together do not come back together.
    """
    bound = most_s if attempt > 32 else min(most_s, first_s * 2**attempt)
    return bound * fraction


def decide_after_refusal(refused: Refused, *, registered_anew: bool) -> AfterRefusal:
    """What to do about a refused link. An orchestrator that forgot the worker is told once.

    Raises:
        WorkerStop: only the owner can help.
    """
    if refused.retryable or refused.code == "draining":
        return AfterRefusal.RETRY
    if refused.code == "unknown_worker" and not registered_anew:
        return AfterRefusal.REGISTER
    code, advice = _FATAL_REFUSALS.get(
        refused.code, (ExitCode.TOKEN_REFUSED, "ask the orchestrator's operator")
    )
    raise WorkerStop(
        code, f"the orchestrator refuses the link: {shorten(refused.message)} ({advice})"
    )


def decide_on_job(
    job: Job, *, state: WorkerState, offered: frozenset[str], draining: bool
) -> JobRefusal | None:
    """Why the job cannot be taken; None if it can.

    The orchestrator may give a slot away before this side has freed it, so a job beyond the slots
    waits for one; but no more than one for each.
    """
    if draining:
        return JobRefusal(reason=WorkerFault.DRAINING, detail="the worker is stopping")
    if job.model not in offered:
        return JobRefusal(
            reason=WorkerFault.MODEL_UNAVAILABLE, detail=f"{job.model!r} was not offered"
        )
    if state.busy_slots >= 2 * state.slots:
        return JobRefusal(
            reason=WorkerFault.RUNTIME_ERROR,
            detail=f"{state.slots} slots, and {state.busy_slots} jobs",
        )
    return None


def explain_idle(state: WorkerState) -> str:
    """Why no job runs, in words; "" while one does."""
    if state.busy_slots:
        return ""
    match state.phase:
        case Phase.STARTING | Phase.CONNECTING | Phase.WAITING | Phase.STOPPED:
            return state.detail or state.phase.value
        case Phase.DRAINING:
            return "draining: no new jobs are taken"
        case Phase.READY:
            return _explain_ready(state)


def describe_earnings(state: WorkerState) -> str:
    """What was earned so far, in whole tokens; "" before the first welcome."""
    if not state.token_symbol:
        return ""
    asset = Asset(symbol=state.token_symbol, decimals=state.token_decimals)
    return format_amount(state.earned_raw, asset)


def _explain_ready(state: WorkerState) -> str:
    refused = [verdict for verdict in state.verdicts if not verdict.routable]
    if refused and len(refused) == len(state.verdicts):
        return "no model gets jobs: " + "; ".join(f"{v.model}: {v.reason}" for v in refused)
    return state.standing_why or "connected; no job has come yet"
