"""What a runtime is to the worker: the Protocol, its pieces and its failures."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Protocol

import msgspec

from basis.wire.frames import FinishReason, Job, ModelOffer, WorkerFault
from basis.wire.registration import RuntimeName
from basis.wire.tool_calls import ToolCallDelta


class RuntimeFailure(Exception):
    """One job cannot be answered.

    `detail` is in our own words and goes to the log and the orchestrator. `quote` is what the
    runtime said, or what the request asked for: a customer's text may stand in it, so only the
    conformance suite and the start, which send texts of our own, may show it.
    """

    def __init__(self, reason: WorkerFault, detail: str, *, quote: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" + (f": {quote}" if quote else ""))
        self.reason = reason
        self.detail = detail


class TextPiece(msgspec.Struct, frozen=True, kw_only=True):
    """The next piece of a text, with the fields of `wire.frames.Chunk`."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    logprobs: msgspec.Raw | None = None
    token_ids: tuple[int, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it that is worth a frame."""
        return self.logprobs is None and not (
            self.text or self.reasoning or self.tool_calls or self.token_ids
        )


class VectorPiece(msgspec.Struct, frozen=True, kw_only=True):
    """The embedding of input number `index`."""

    index: int
    values: list[float]


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """The answer is whole. The counts are the runtime's own, 0 where it does not tell."""

    finish_reason: FinishReason
    prompt_tokens: int = 0
    output_tokens: int = 0


Piece = TextPiece | VectorPiece | Finish


class RuntimeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the runtime says of itself: its version and the models that are ready, as offered."""

    version: str
    offers: tuple[ModelOffer, ...]


class Runtime(Protocol):
    """Something that can answer jobs.

    It is started once and stopped once; between the two any number of `run` go on side by side,
    as many as the worker has slots.
    """

    @property
    def name(self) -> RuntimeName:
        """Its name on the wire."""
        ...

    async def start(self) -> None:
        """Makes every model ready.

        Raises:
            WorkerStop: the runtime is missing, or it has not got a model.
        """
        ...

    async def facts(self) -> RuntimeFacts:
        """What it offers now; asked anew before each connection.

        Raises:
            WorkerStop: the runtime is gone, or a model is.
        """
        ...

    def run(self, job: Job) -> AsyncGenerator[Piece, None]:
        """Pieces of the answer, then one `Finish`. Closing the generator ends the work at once.

        Raises:
            RuntimeFailure: at any point of it.
        """
        ...

    async def stop(self) -> None:
        """Frees everything; jobs that still run fail."""
        ...


async def whole_answer(pieces: AsyncGenerator[Piece, None]) -> AsyncIterator[Piece]:
    """The same pieces without empty ones, held to the promise of one `Finish` at the end.

    Raises:
        RuntimeFailure: it ended without one (nobody makes up a stop), or went on after it.
    """
    finish: Finish | None = None
    async with aclosing(pieces):
        async for piece in pieces:
            if finish is not None:
                raise RuntimeFailure(WorkerFault.RUNTIME_ERROR, "more came after the finish")
            if isinstance(piece, Finish):
                finish = piece
            elif isinstance(piece, VectorPiece) or not piece.is_empty:
                yield piece
    if finish is None:
        raise RuntimeFailure(WorkerFault.RUNTIME_TRUNCATED, "the answer ended without a finish")
    yield finish
