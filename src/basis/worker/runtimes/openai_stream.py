"""OpenAI's streamed answers, turned into pieces: server-sent events of chat and completion."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from basis.wire.frames import FinishReason, JobKind, WorkerFault
from basis.worker.runtimes.base import Finish, Piece, RuntimeFailure, TextPiece
from basis.worker.runtimes.faults import fault_of_event
from basis.worker.runtimes.logprobs import CompletionLogprobs, ids_of
from basis.worker.runtimes.request import NULL, present
from basis.worker.runtimes.tool_calls import ToolCallReader

_FINISHES = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
}


class _Delta(msgspec.Struct, frozen=True, kw_only=True):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: msgspec.Raw = NULL


class _Choice(msgspec.Struct, frozen=True, kw_only=True):
    index: int = 0
    delta: _Delta | None = None
    text: str | None = None
    logprobs: msgspec.Raw = NULL
    token_ids: list[int] | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct, frozen=True, kw_only=True):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: msgspec.Raw = NULL


_EVENT = msgspec.json.Decoder(_Event)


class _AnswerReader:
    """What has been read of one answer so far."""

    def __init__(self, kind: JobKind) -> None:
        self._logprobs = CompletionLogprobs() if kind is JobKind.COMPLETION else None
        self._finish_reason: FinishReason | None = None
        self._tool_calls = ToolCallReader()
        self._usage = _Usage()

    def read(self, event: _Event) -> list[TextPiece]:
        """The pieces of one event; its finish reason and counts are kept for the end."""
        self._usage = event.usage or self._usage
        return [self._read_choice(choice) for choice in event.choices if choice.index == 0]

    def finish(self) -> Finish:
        """The finish of an answer that has ended.

        Raises:
            RuntimeFailure: the runtime named no reason, so the answer was cut off.
        """
        if self._finish_reason is None:
            raise RuntimeFailure(
                WorkerFault.RUNTIME_TRUNCATED, "the stream ended without a finish reason"
            )
        return Finish(
            finish_reason=self._finish_reason,
            prompt_tokens=self._usage.prompt_tokens,
            output_tokens=self._usage.completion_tokens,
        )

    def _read_choice(self, choice: _Choice) -> TextPiece:
        if choice.finish_reason is not None:
            self._finish_reason = _parse_finish(choice.finish_reason)
        delta = choice.delta or _Delta(content=choice.text)
        text = delta.content or ""
        logprobs, ids = present(choice.logprobs), tuple(choice.token_ids or ())
        if logprobs is not None:
            ids = ids or ids_of(logprobs)
            if self._logprobs is not None:
                logprobs = self._logprobs.convert(logprobs, text)
        elif self._logprobs is not None:
            self._logprobs.skip(text)
        return TextPiece(
            text=text,
            reasoning=delta.reasoning_content or delta.reasoning or "",
            tool_calls=self._tool_calls.read(present(delta.tool_calls)),
            logprobs=logprobs,
            token_ids=ids,
        )


async def read_answer(
    lines: AsyncGenerator[bytes, None], kind: JobKind
) -> AsyncGenerator[Piece, None]:
    """Pieces and the finish of one answer; it closes `lines`.

    Every server that speaks this API sends one JSON object per `data:` line, so events of several
    lines are not joined; comments and other fields are passed over.

    Raises:
        RuntimeFailure: an error event, an event of another shape, or no finish reason.
    """
    reader = _AnswerReader(kind)
    async with aclosing(lines):
        async for line in lines:
            if line.startswith(b"error:"):
                raise fault_of_event(b'{"error":' + line[6:] + b"}")
            if not line.startswith(b"data:"):
                continue
            payload = line[5:].strip()
            if payload == b"[DONE]":
                break
            for piece in reader.read(_parse_event(payload)):
                yield piece
    yield reader.finish()


def _parse_event(payload: bytes) -> _Event:
    try:
        event = _EVENT.decode(payload)
    except msgspec.DecodeError as error:
        raise RuntimeFailure(
            WorkerFault.RUNTIME_ERROR, "an event of unknown shape", quote=str(error)
        ) from error
    if present(event.error) is not None:
        raise fault_of_event(payload)
    return event


def _parse_finish(text: str) -> FinishReason:
    finish = _FINISHES.get(text)
    if finish is None:
        raise RuntimeFailure(
            WorkerFault.RUNTIME_TRUNCATED,
            "the answer ended for a reason that we do not know",
            quote=text,
        )
    return finish
