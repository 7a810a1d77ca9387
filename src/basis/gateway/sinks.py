"""Where an answer goes: collected for a plain reply, or written out as server-sent events.

Event bytes are put together from parts encoded once per job; only what changes is encoded per
chunk, because this runs for every token of every stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import cast

import msgspec
from aiohttp import web

from basis.gateway.answer_text import AnswerText
from basis.gateway.errors import error_body
from basis.gateway.job import JobOutcome
from basis.gateway.logprobs import Logprobs
from basis.rules.errors import BasisError
from basis.wire.frames import Chunk, JobKind, Vector

_encode = msgspec.json.Encoder().encode
_DONE = b"data: [DONE]\n\n"
_SSE_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}


class Collector:
    """Keeps the whole answer; nothing is delivered before the end."""

    def __init__(self, *, with_logprobs: bool = False) -> None:
        """Log probabilities are dropped unless they were asked for."""
        self.has_delivered = False
        self.answer = AnswerText()
        self.vectors: dict[int, list[float]] = {}
        self.logprobs = Logprobs()
        self._with_logprobs = with_logprobs

    def restart(self) -> None:
        """Forgets everything."""
        self.answer.clear()
        self.vectors.clear()
        self.logprobs.clear()

    async def deliver(self, frames: Sequence[Chunk | Vector]) -> None:
        """Adds frames to the answer."""
        for frame in frames:
            if isinstance(frame, Vector):
                self.add_vector(frame)
                continue
            self.answer.add(frame)
            if self._with_logprobs:
                self.logprobs.add(frame)

    def add_vector(self, frame: Vector) -> None:
        """Keeps an embedding; a text has none."""
        self.vectors[frame.index] = frame.values

    def find_flaw(self) -> str:
        """Any text is a whole answer."""
        return ""


class EventStream:
    """Writes an answer out as it comes. The response begins with the first frame, so that what
    goes wrong before that is still a plain error with its own status."""

    def __init__(
        self,
        request: web.Request,
        *,
        kind: JobKind,
        answer_id: str,
        created: int,
        model: str,
        include_usage: bool,
        with_logprobs: bool,
        customer_stall_s: float,
        headers: Mapping[str, str],
    ) -> None:
        self.has_delivered = False
        self.response: web.StreamResponse | None = None
        self._request = request
        self._is_chat = kind is JobKind.CHAT
        self._include_usage = include_usage
        self._with_logprobs = with_logprobs
        self._customer_stall_s = customer_stall_s
        self._headers = {**_SSE_HEADERS, **headers}
        what = "chat.completion.chunk" if self._is_chat else "text_completion"
        head = {"id": answer_id, "object": what, "created": created, "model": model}
        self._head = b"data: " + _encode(head)[:-1] + b',"system_fingerprint":null,"choices":['
        usage = b',"usage":null' if include_usage else b""
        self._tail = b"]" + usage + b"}\n\n"

    def restart(self) -> None:
        """Nothing to forget: what was delivered stays delivered."""

    def find_flaw(self) -> str:
        """Any text is a whole answer."""
        return ""

    async def deliver(self, frames: Sequence[Chunk | Vector]) -> None:
        """Writes frames out; waits while the customer's side is full.

        Raises:
            TimeoutError: the customer has read nothing for too long.
        """
        events = [self._event(frame) for frame in frames if isinstance(frame, Chunk)]
        if self.response is None:
            events.insert(0, await self._begin())
        self.has_delivered = True
        await self._write(b"".join(events))

    async def finish(self, outcome: JobOutcome) -> web.StreamResponse:
        """Writes the finish reason, the usage if asked for, and [DONE]."""
        head = b"" if self.response is not None else await self._begin()
        reason = _encode(outcome.finish_reason)
        empty = b'"delta":{}' if self._is_chat else b'"text":""'
        last = b'{"index":0,' + empty + b',"logprobs":null,"finish_reason":' + reason + b"}"
        parts = [head, self._head, last, self._tail]
        if self._include_usage:
            parts += [self._head, b'],"usage":', _encode(usage_of(outcome)), b"}\n\n"]
        parts.append(_DONE)
        await self._write(b"".join(parts))
        return await self._end()

    async def fail(self, error: BasisError) -> web.StreamResponse:
        """Writes the error in-band and ends without [DONE], so that nobody takes it for whole."""
        await self._write(b"data: " + error_body(error) + b"\n\n")
        return await self._end()

    async def _begin(self) -> bytes:
        self.response = web.StreamResponse(headers=self._headers)
        await self.response.prepare(self._request)
        if not self._is_chat:
            return b""
        first = b'{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,'
        return self._head + first + b'"finish_reason":null}' + self._tail

    async def _write(self, data: bytes) -> None:
        response = cast("web.StreamResponse", self.response)
        async with asyncio.timeout(self._customer_stall_s):
            await response.write(data)

    async def _end(self) -> web.StreamResponse:
        response = cast("web.StreamResponse", self.response)
        async with asyncio.timeout(self._customer_stall_s):
            await response.write_eof()
        return response

    def _event(self, chunk: Chunk) -> bytes:
        logprobs = (
            b"null"
            if isinstance(chunk.logprobs, msgspec.UnsetType) or not self._with_logprobs
            else _on_one_line(bytes(chunk.logprobs))
        )
        if not self._is_chat:
            content = b'"text":' + _encode(chunk.text)
        else:
            content = b'"delta":' + _chat_delta(chunk)
        return b"".join(
            (
                self._head,
                b'{"index":0,',
                content,
                b',"logprobs":',
                logprobs,
                b',"finish_reason":null}',
                self._tail,
            )
        )


def usage_of(outcome: JobOutcome) -> dict[str, int]:
    """OpenAI's usage object, by the gateway's own count."""
    return {
        "prompt_tokens": outcome.prompt_tokens,
        "completion_tokens": outcome.output_tokens,
        "total_tokens": outcome.prompt_tokens + outcome.output_tokens,
    }


def _chat_delta(chunk: Chunk) -> bytes:
    if not (chunk.reasoning or chunk.tool_calls):
        return b'{"content":' + _encode(chunk.text) + b"}"
    delta: dict[str, object] = {}
    if chunk.text:
        delta["content"] = chunk.text
    if chunk.reasoning:
        delta["reasoning_content"] = chunk.reasoning
    if chunk.tool_calls:
        delta["tool_calls"] = chunk.tool_calls
    return _encode(delta)


def _on_one_line(data: bytes) -> bytes:
    """JSON without the line breaks between its tokens, which would end an event too early."""
    return data.translate(None, b"\r\n")
