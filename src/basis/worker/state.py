"""What the worker knows of itself at one moment, and how each event changes it. Pure."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace

from basis.wire.frames import ModelVerdict, Receipt, Standing, Welcome
from basis.worker.foreign_words import shorten

_RAW_DIGITS = re.compile(r"[0-9]{1,78}")
"""An amount has 256 bits."""

_MOST_DECIMALS = 255
"""ERC-20's `decimals` is one byte."""


class Phase(enum.StrEnum):
    """What the worker is doing."""

    STARTING = "starting"
    CONNECTING = "connecting"
    WAITING = "waiting"
    READY = "ready"
    DRAINING = "draining"
    STOPPED = "stopped"


class LeaseOutcome(enum.StrEnum):
    """How a lease ended on this side."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LINK_LOST = "link_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseEnd:
    """What came of a lease. Tokens are the runtime's own count, 0 where it does not tell."""

    lease_id: str
    job_id: str
    model: str
    outcome: LeaseOutcome
    elapsed_s: float
    frames: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerState:
    """Everything that the view shows. `detail` explains the phase; rewards are in base units."""

    worker_id: str
    orchestrator: str
    slots: int
    phase: Phase = Phase.STARTING
    detail: str = ""
    runtime: str = ""
    hardware: str = ""
    verdicts: tuple[ModelVerdict, ...] = ()
    standing_state: str = ""
    standing_why: str = ""
    queued_jobs: int = 0
    busy_slots: int = 0
    jobs_done: int = 0
    jobs_failed: int = 0
    output_tokens: int = 0
    tokens_per_s: float = 0.0
    """Of the last job that was done, from its arrival to its end."""
    earned_raw: int = 0
    token_symbol: str = ""
    token_decimals: int = 0


def advance_phase(state: WorkerState, phase: Phase, detail: str = "") -> WorkerState:
    """The worker does something else now; what the orchestrator last said no longer counts."""
    return replace(
        state, phase=phase, detail=detail, standing_state="", standing_why="", queued_jobs=0
    )


def advance_welcome(state: WorkerState, welcome: Welcome) -> WorkerState:
    """The link stands. The orchestrator's words are made fit to be shown."""
    return replace(
        advance_phase(state, Phase.READY),
        verdicts=tuple(_clean_verdict(verdict) for verdict in welcome.models),
        busy_slots=0,
        earned_raw=_parse_raw(welcome.earned_raw, otherwise=state.earned_raw),
        token_symbol=shorten(welcome.token_symbol),
        token_decimals=min(max(0, welcome.token_decimals), _MOST_DECIMALS),
    )


def advance_standing(state: WorkerState, standing: Standing) -> WorkerState:
    """The orchestrator said how it sees the worker."""
    return replace(
        state,
        standing_state=shorten(standing.state),
        standing_why=shorten(standing.why),
        queued_jobs=standing.queued_jobs,
    )


def advance_lease_start(state: WorkerState) -> WorkerState:
    """One more slot is busy."""
    return replace(state, busy_slots=state.busy_slots + 1)


def advance_lease_end(state: WorkerState, end: LeaseEnd) -> WorkerState:
    """A slot is free again; cancelled leases count as neither done nor failed."""
    done = end.outcome is LeaseOutcome.DONE
    rate = end.output_tokens / end.elapsed_s if done and end.elapsed_s > 0 else state.tokens_per_s
    return replace(
        state,
        busy_slots=max(0, state.busy_slots - 1),
        jobs_done=state.jobs_done + done,
        jobs_failed=state.jobs_failed + (end.outcome is LeaseOutcome.FAILED),
        output_tokens=state.output_tokens + end.output_tokens,
        tokens_per_s=rate,
    )


def advance_receipt(state: WorkerState, receipt: Receipt) -> WorkerState:
    """A job was paid, or not; the sum is the orchestrator's."""
    return replace(state, earned_raw=_parse_raw(receipt.earned_raw, otherwise=state.earned_raw))


def _parse_raw(text: str, *, otherwise: int) -> int:
    """Base units for display; a number that is none changes nothing, since it is only shown."""
    return int(text) if _RAW_DIGITS.fullmatch(text) else otherwise


def _clean_verdict(verdict: ModelVerdict) -> ModelVerdict:
    return ModelVerdict(
        model=shorten(verdict.model),
        routable=verdict.routable,
        reason=shorten(verdict.reason),
    )
