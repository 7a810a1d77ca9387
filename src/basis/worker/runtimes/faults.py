"""From what a runtime says went wrong to the reason that the worker reports. Pure."""

from __future__ import annotations

import re

import msgspec

from basis.wire.frames import WorkerFault
from basis.worker.runtimes.base import RuntimeFailure

_MAX_QUOTED_CHARACTERS = 200

_CONTEXT = re.compile(
    r"exceed[a-z_ ]*context|context (length|size|window)|maximum context|too large to process"
    r"|longer than the (maximum|context)",
    re.IGNORECASE,
)
_MEMORY = re.compile(
    r"out of memory|outofmemory|requires more (system )?memory|cudamalloc|failed to allocate",
    re.IGNORECASE,
)
_UNSUPPORTED = re.compile(
    r"(not|n't) support|unsupported|not implemented|does not have .* capability", re.IGNORECASE
)


class _ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's error object, llama-server's, or Ollama's plain text."""

    message: str = ""
    type: str | None = None
    code: str | int | None = None
    param: str | None = None


class _ErrorEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    error: _ErrorBody | str | None = None
    message: str = ""
    detail: object = None


def fault_of_status(status: int, body: bytes) -> RuntimeFailure:
    """The failure behind an HTTP answer that is no success."""
    error = _parse_error(body)
    reason = _reason(status, error)
    return RuntimeFailure(
        reason, f"the runtime answers HTTP {status}", quote=_describe(error, is_ours=status < 500)
    )


def fault_of_event(payload: bytes) -> RuntimeFailure:
    """The failure behind an error object in the middle of a stream that began with HTTP 200."""
    error = _parse_error(payload)
    status = error.code if isinstance(error.code, int) and error.code >= 400 else 500
    return RuntimeFailure(
        _reason(status, error),
        "the runtime reports an error in the stream",
        quote=_describe(error, is_ours=status < 500),
    )


def _parse_error(body: bytes) -> _ErrorBody:
    try:
        envelope = msgspec.json.decode(body, type=_ErrorEnvelope)
    except msgspec.DecodeError:
        return _ErrorBody(message=body[:_MAX_QUOTED_CHARACTERS].decode("utf-8", "replace"))
    if isinstance(envelope.error, str):
        return _ErrorBody(message=envelope.error)
    return envelope.error or _ErrorBody(message=envelope.message)


def _reason(status: int, error: _ErrorBody) -> WorkerFault:
    text = f"{error.message} {error.type or ''} {error.code or ''}"
    if _CONTEXT.search(text) or "exceed_context" in text or "context_length" in text:
        return WorkerFault.CONTEXT_EXCEEDED
    if _MEMORY.search(text):
        return WorkerFault.OUT_OF_MEMORY
    if _UNSUPPORTED.search(text) or status == 501:
        return WorkerFault.UNSUPPORTED
    if status == 404:
        return WorkerFault.MODEL_UNAVAILABLE
    if status in {400, 413, 422}:
        return WorkerFault.BAD_REQUEST
    return WorkerFault.RUNTIME_ERROR


def _describe(error: _ErrorBody, *, is_ours: bool) -> str:
    """The error in words; of a refused request only its labels, since texts quote what was sent."""
    labels = [
        f"{name} {value}"
        for name, value in (("type", error.type), ("code", error.code), ("param", error.param))
        if value not in {None, ""}
    ]
    if is_ours:
        return ", ".join(labels) or "the runtime refused the request; its own log says why"
    return error.message[:_MAX_QUOTED_CHARACTERS] or ", ".join(labels) or "no reason given"
