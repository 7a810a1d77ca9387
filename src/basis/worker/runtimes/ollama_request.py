"""From OpenAI's request to Ollama's native one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from basis.wire.frames import Job, JobKind, WorkerFault
from basis.worker.runtimes.base import RuntimeFailure
from basis.worker.runtimes.request import (
    NULL,
    PLAIN_FIELDS,
    present,
    read_as,
    read_fields,
    unsupported,
)

KEEP_ALIVE = "30m"
"""How long Ollama keeps a model in memory after a job; its own 5 minutes are over too soon."""

_MAX_TOP_LOGPROBS = 20

_SUPPORTED = {
    JobKind.CHAT: PLAIN_FIELDS[JobKind.CHAT]
    | {"logprobs", "top_logprobs", "tools", "response_format", "reasoning_effort", "top_k"}
    | {"tool_choice", "min_p"},
    JobKind.COMPLETION: PLAIN_FIELDS[JobKind.COMPLETION] | {"logprobs", "suffix", "top_k", "min_p"},
    JobKind.EMBEDDING: PLAIN_FIELDS[JobKind.EMBEDDING] | {"dimensions"},
}

Body = dict[str, object]


class _ImageUrl(msgspec.Struct, frozen=True):
    url: str


class _Part(msgspec.Struct, frozen=True):
    type: str
    text: str = ""
    image_url: _ImageUrl | None = None


class _CalledFunction(msgspec.Struct, frozen=True):
    name: str
    arguments: str = "{}"


class _ToolCall(msgspec.Struct, frozen=True):
    function: _CalledFunction
    id: str = ""


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    role: str
    content: str | list[_Part] | None = None
    tool_calls: list[_ToolCall] = []
    tool_call_id: str | None = None


class _JsonSchema(msgspec.Struct, frozen=True):
    schema: msgspec.Raw


class _ResponseFormat(msgspec.Struct, frozen=True):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _JsonSchema | None = None


class _Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into Ollama's `options`; a seed at the top of a request is ignored there."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    stop: str | list[str] = []
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    max_tokens: int | None = None
    max_completion_tokens: int | None = None

    def options(self, num_ctx: int) -> Body:
        """OpenAI's meaning of what was not said, in place of Ollama's, which cuts the tails."""
        limit = self.max_completion_tokens or self.max_tokens or num_ctx
        chosen: Body = {
            "num_ctx": num_ctx,
            "num_predict": limit,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "min_p": self.min_p,
            "repeat_penalty": 1.0,
            "frequency_penalty": self.frequency_penalty,
            "presence_penalty": self.presence_penalty,
            "stop": [self.stop] if isinstance(self.stop, str) else self.stop,
        }
        return chosen if self.seed is None else chosen | {"seed": self.seed}


class _Chat(msgspec.Struct, frozen=True, kw_only=True):
    messages: list[_Message]
    logprobs: bool = False
    top_logprobs: int = 0
    tools: msgspec.Raw = NULL
    tool_choice: str | dict[str, object] = "auto"
    response_format: _ResponseFormat | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | None = None


class _Completion(msgspec.Struct, frozen=True, kw_only=True):
    prompt: str | list[object]
    suffix: str = ""
    logprobs: int | None = None


class _Embedding(msgspec.Struct, frozen=True, kw_only=True):
    input: str | list[str]
    dimensions: int | None = None


def build_request(job: Job, *, local: str, num_ctx: int) -> tuple[str, Body]:
    """Ollama's path and body for a job.

    Truncating and shifting are refused, so that a prompt which is too long is an error instead of
    an answer to half of it; `num_ctx` is always the model's one, since another reloads it.

    Raises:
        RuntimeFailure: something that Ollama cannot do; it is named.
    """
    fields = read_fields(job, _SUPPORTED[job.kind])
    if job.kind is JobKind.EMBEDDING:
        embedding = read_as(fields, _Embedding)
        body: Body = {
            "model": local,
            "input": embedding.input,
            "truncate": False,
            "keep_alive": KEEP_ALIVE,
            "options": {"num_ctx": num_ctx},
        }
        dimensions = embedding.dimensions
        return "/api/embed", body if dimensions is None else body | {"dimensions": dimensions}
    common: Body = {
        "model": local,
        "stream": True,
        "truncate": False,
        "shift": False,
        "keep_alive": KEEP_ALIVE,
        "options": read_as(fields, _Sampling).options(num_ctx),
    }
    if job.kind is JobKind.CHAT:
        return "/api/chat", common | _build_chat(read_as(fields, _Chat))
    return "/api/generate", common | _build_completion(read_as(fields, _Completion))


def _build_chat(chat: _Chat) -> Body:
    body: Body = {"messages": [_build_message(message) for message in chat.messages]}
    if not chat.messages:
        raise unsupported("a chat without messages: it takes one for an order to load the model")
    if chat.tool_choice not in ("auto", "none"):
        raise unsupported("'tool_choice' other than auto and none")
    if present(chat.tools) is not None and chat.tool_choice != "none":
        body["tools"] = chat.tools
    if chat.response_format is not None:
        body |= _build_format(chat.response_format)
    if chat.reasoning_effort is not None:
        body["think"] = _THINKING[chat.reasoning_effort]
    return body | _build_logprobs(chat.top_logprobs if chat.logprobs else None)


_THINKING: dict[str, bool | str] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
}


def _build_completion(completion: _Completion) -> Body:
    if not isinstance(completion.prompt, str):
        raise unsupported("'prompt' as token ids or as a list")
    if not completion.prompt:
        raise unsupported("an empty 'prompt': it takes one for an order to load the model")
    body: Body = {"prompt": completion.prompt, "raw": True}
    if completion.suffix:
        body |= {"suffix": completion.suffix, "raw": False}
    return body | _build_logprobs(completion.logprobs)


def _build_logprobs(top: int | None) -> Body:
    if top is None:
        return {}
    if top > _MAX_TOP_LOGPROBS:
        raise unsupported(f"'logprobs' with more than {_MAX_TOP_LOGPROBS} alternatives")
    return {"logprobs": True, "top_logprobs": top}


def _build_format(wanted: _ResponseFormat) -> Body:
    if wanted.type == "text":
        return {}
    if wanted.type == "json_object":
        return {"format": "json"}
    if wanted.json_schema is None:
        raise RuntimeFailure(WorkerFault.BAD_REQUEST, "'response_format' has no json_schema")
    return {"format": wanted.json_schema.schema}


def _build_message(message: _Message) -> Body:
    body: Body = {"role": "system" if message.role == "developer" else message.role}
    if isinstance(message.content, list):
        body["content"] = "".join(part.text for part in message.content)
        images = _read_images(message.content)
        if images:
            body["images"] = images
    else:
        body["content"] = message.content or ""
    if message.tool_calls:
        body["tool_calls"] = [_build_tool_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    return body


def _read_images(parts: Sequence[_Part]) -> list[str]:
    images: list[str] = []
    for part in parts:
        if part.type == "text":
            continue
        url = part.image_url.url if part.type == "image_url" and part.image_url else ""
        if not url.startswith("data:image/") or ";base64," not in url:
            raise unsupported(f"message parts of type {part.type!r} that carry no data: image")
        images.append(url.split(";base64,", 1)[1])
    return images


def _build_tool_call(call: _ToolCall) -> Body:
    try:
        arguments = msgspec.json.decode(call.function.arguments or "{}", type=dict[str, object])
    except msgspec.DecodeError as error:
        raise RuntimeFailure(
            WorkerFault.BAD_REQUEST, "a tool call whose arguments are no JSON object"
        ) from error
    function: Body = {"name": call.function.name, "arguments": arguments}
    return {"id": call.id, "function": function} if call.id else {"function": function}
