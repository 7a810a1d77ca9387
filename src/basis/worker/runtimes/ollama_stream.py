"""Ollama's streamed answers, one JSON object per line, turned into pieces."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from basis.wire.frames import FinishReason, JobKind, WorkerFault
from basis.wire.tool_calls import ToolCallDelta
from basis.worker.runtimes.base import Finish, Piece, RuntimeFailure, TextPiece
from basis.worker.runtimes.faults import fault_of_event
from basis.worker.runtimes.logprobs import CompletionLogprobs, TokenLogprob, chat_logprobs
from basis.worker.runtimes.tool_calls import begin_call

_FINISHES = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}


class _CalledFunction(msgspec.Struct, frozen=True):
    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class _ToolCall(msgspec.Struct, frozen=True):
    function: _CalledFunction
    id: str = ""


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    content: str = ""
    thinking: str = ""
    tool_calls: list[_ToolCall] | None = None


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """Every count is left out when it is 0, and by some versions always."""

    message: _Message | None = None
    response: str = ""
    thinking: str = ""
    logprobs: list[TokenLogprob] | None = None
    error: str | None = None
    done: bool = False
    done_reason: str = ""
    prompt_eval_count: int = 0
    eval_count: int = 0


_LINE = msgspec.json.Decoder(_Line)


async def read_answer(
    lines: AsyncGenerator[bytes, None], *, kind: JobKind, call_prefix: str
) -> AsyncGenerator[Piece, None]:
    """Pieces and the finish of one answer; it closes `lines`.

    `call_prefix` makes ids for tool calls, of which older versions have none.

    Raises:
        RuntimeFailure: an error line under HTTP 200, tool calls that the link would not take, or an
            end without `done`, which is what a model that repeats itself gets.
    """
    reader = _AnswerReader(kind, call_prefix)
    async with aclosing(lines):
        async for raw in lines:
            if not raw.strip():
                continue
            line = _parse_line(raw)
            yield reader.read(line)
            if line.done:
                yield reader.finish(line)
                return
    raise RuntimeFailure(WorkerFault.RUNTIME_TRUNCATED, "Ollama's stream ended without done")


class _AnswerReader:
    """What has been read of one answer so far."""

    def __init__(self, kind: JobKind, call_prefix: str) -> None:
        self._completion = CompletionLogprobs() if kind is JobKind.COMPLETION else None
        self._call_prefix = call_prefix
        self._calls = 0

    def read(self, line: _Line) -> TextPiece:
        """The piece of one line; it may be empty."""
        message = line.message or _Message(content=line.response, thinking=line.thinking)
        return TextPiece(
            text=message.content,
            reasoning=message.thinking,
            tool_calls=self._read_calls(message.tool_calls or []),
            logprobs=self._read_logprobs(line.logprobs or [], message.content),
        )

    def finish(self, line: _Line) -> Finish:
        """The finish that the last line tells."""
        if line.done_reason in {"load", "unload"}:
            raise RuntimeFailure(
                WorkerFault.RUNTIME_ERROR, f"Ollama took the job for an order to {line.done_reason}"
            )
        reason = _FINISHES.get(line.done_reason)
        if reason is None:
            raise RuntimeFailure(
                WorkerFault.RUNTIME_TRUNCATED,
                "Ollama was done for a reason that we do not know",
                quote=line.done_reason,
            )
        if self._calls and reason is FinishReason.STOP:
            reason = FinishReason.TOOL_CALLS
        return Finish(
            finish_reason=reason,
            prompt_tokens=line.prompt_eval_count,
            output_tokens=line.eval_count,
        )

    def _read_calls(self, calls: list[_ToolCall]) -> tuple[ToolCallDelta, ...]:
        first = self._calls
        self._calls += len(calls)
        return tuple(
            begin_call(
                number,
                call_id=call.id or f"{self._call_prefix}-{number}",
                name=call.function.name,
                arguments=bytes(call.function.arguments).decode(),
            )
            for number, call in enumerate(calls, first)
        )

    def _read_logprobs(self, tokens: list[TokenLogprob], text: str) -> msgspec.Raw | None:
        if self._completion is not None:
            return self._completion.build(tokens, text)
        return chat_logprobs(tokens)


def _parse_line(raw: bytes) -> _Line:
    try:
        line = _LINE.decode(raw)
    except msgspec.DecodeError as error:
        raise RuntimeFailure(
            WorkerFault.RUNTIME_ERROR, "a line of unknown shape", quote=str(error)
        ) from error
    if line.error is not None:
        raise fault_of_event(raw)
    return line
