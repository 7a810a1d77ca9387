"""A job between its acceptance and its end: what was agreed, where it goes, how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from basis.accounting.agreement import Agreement
from basis.dispatch.dispatcher import HeldLease
from basis.gateway.answer_text import AnswerText
from basis.gateway.keys import Customer
from basis.gateway.price_choice import PriceLock
from basis.gateway.rate_limits import RateReservation
from basis.metering.meter import Meter
from basis.rules.catalog import Model
from basis.rules.job import JobId
from basis.rules.receipt import ReceiptHash
from basis.rules.units import TokenCount
from basis.storage.receipt_details import VersionRecord
from basis.wire.frames import Chunk, JobKind, Vector


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
    agreement: Agreement
    lock: PriceLock
    """Whom it may go to at the prices of the agreement."""
    rate: RateReservation
    created_at: str
    hold_expires_at: str
    accepted_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """What a completed job's customer is told at the end."""

    finish_reason: str
    prompt_tokens: TokenCount
    output_tokens: TokenCount
    receipt_hash: ReceiptHash


@dataclass(slots=True)
class JobProgress:
    """What the relay has seen so far; the receipt is written from it."""

    attempts: int = 0
    held: HeldLease | None = None
    """The newest lease, kept after its end for its times and its worker."""
    answer: AnswerText = field(default_factory=AnswerText)
    """What was delivered."""
    delivered_frames: int = 0
    text_bytes: int = 0
    logprobs_bytes: int = 0

    def on_delivered(self, frames: Sequence[Chunk | Vector]) -> None:
        """The customer has been handed these frames."""
        self.delivered_frames += len(frames)
        for frame in frames:
            if isinstance(frame, Chunk):
                self.answer.add(frame)

    def begin_attempt(self, held: HeldLease) -> None:
        """A lease was granted: what an earlier one left counts for nothing."""
        self.attempts += 1
        self.held = held
        self.answer.clear()
        self.delivered_frames = 0
        self.text_bytes = 0
        self.logprobs_bytes = 0


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

    def find_flaw(self) -> str:
        """Why an answer that the worker calls complete is not; "" if it is."""
        ...
