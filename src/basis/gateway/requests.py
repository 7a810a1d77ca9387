"""What customers may ask, in OpenAI's words; and the same request as a worker gets it.

Unknown fields are refused, as OpenAI does, so that a misspelt parameter is heard of. What has no
meaning here (`user`, `metadata`, `store`, ...) is accepted and not passed on. What only some
runtimes can do (tools, response_format, logit_bias) is passed on and refused by those that cannot.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from basis.rules.errors import InvalidInput, UnsupportedFeature
from basis.rules.units import TokenCount

_MAX_STOPS = 16
_LONGEST_STOP = 512
_MAX_INPUTS = 2_048

_Penalty = Annotated[float, Meta(ge=-2.0, le=2.0)]
_Length = Annotated[int, Meta(ge=1, le=1 << 24)]
JsonObject = dict[str, Any]
"""JSON that we pass on without looking into it: tools, schemas, tool calls."""


class StreamOptions(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`stream_options`; obfuscation is OpenAI's padding, which we never add."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ContentPart(msgspec.Struct, kw_only=True):
    """One part of a message's content; only text is understood."""

    type: str
    text: str | None = None


class Message(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One message; fields that we do not know are dropped."""

    role: Annotated[str, Meta(max_length=32)]
    content: str | list[ContentPart] | None = None
    name: str | None = None
    tool_calls: list[JsonObject] | None = None
    tool_call_id: str | None = None


class _Sampling(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What chat and completions share."""

    model: str
    max_tokens: _Length | None = None
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] | None = None
    top_p: Annotated[float, Meta(ge=0.0, le=1.0)] | None = None
    frequency_penalty: _Penalty | None = None
    presence_penalty: _Penalty | None = None
    logit_bias: dict[str, float] | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    user: str | None = None
    # Not OpenAI's, but what every local runtime has, and clients send as `extra_body`.
    top_k: Annotated[int, Meta(ge=0)] | None = None
    min_p: Annotated[float, Meta(ge=0.0, le=1.0)] | None = None


class ChatRequest(_Sampling, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[Message], Meta(min_length=1, max_length=4_096)]
    max_completion_tokens: _Length | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: list[JsonObject] | None = None
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    response_format: JsonObject | None = None
    reasoning_effort: str | None = None
    functions: list[JsonObject] | None = None
    function_call: str | JsonObject | None = None
    modalities: list[str] | None = None
    audio: JsonObject | None = None
    prediction: JsonObject | None = None
    web_search_options: JsonObject | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    verbosity: str | None = None


class CompletionRequest(_Sampling, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`POST /v1/completions`."""

    prompt: str | list[str | int | list[int]]
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    suffix: str | None = None
    echo: bool | None = None
    best_of: int | None = None


class EmbeddingRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/embeddings`."""

    model: str
    input: str | list[str | int | list[int]]
    encoding_format: str | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    user: str | None = None


decode_chat = msgspec.json.Decoder(ChatRequest)
decode_completion = msgspec.json.Decoder(CompletionRequest)
decode_embedding = msgspec.json.Decoder(EmbeddingRequest)


def check_chat(request: ChatRequest) -> None:
    """Refuses what no runtime here can do, by name.

    Raises:
        UnsupportedFeature: a feature that this network does not have.
        InvalidInput: values that contradict each other.
    """
    _check_sampling(request)
    _refuse(
        request,
        ("functions", "audio", "prediction", "web_search_options"),
        "use `tools` instead of `functions`; audio, prediction and web search are not offered",
    )
    if request.function_call not in (None, "none"):
        raise UnsupportedFeature("function_call: use `tool_choice`", param="function_call")
    if request.modalities not in (None, ["text"]):
        raise UnsupportedFeature("only the modality 'text' is offered", param="modalities")
    if request.top_logprobs and not request.logprobs:
        raise InvalidInput("top_logprobs needs logprobs to be true", param="top_logprobs")
    for index, message in enumerate(request.messages):
        _flatten_content(message, index)


def check_completion(request: CompletionRequest) -> None:
    """Refuses what no runtime here can do, by name; afterwards `prompt` is a text or token ids.

    Raises:
        UnsupportedFeature: several prompts, echo, suffix or best_of.
        InvalidInput: an empty prompt, or ids that are no ids.
    """
    _check_sampling(request)
    _refuse(request, ("suffix",), "infilling is not offered")
    if request.echo:
        raise UnsupportedFeature("echo is not offered: the prompt is yours already", param="echo")
    if request.best_of not in {None, 1}:
        raise UnsupportedFeature("best_of must be 1", param="best_of")
    request.prompt = _single_prompt(request.prompt)


def embedding_inputs(request: EmbeddingRequest) -> list[str]:
    """The texts to embed.

    Raises:
        InvalidInput: none, too many, or an empty one.
        UnsupportedFeature: token ids, or a number of dimensions.
    """
    inputs = [request.input] if isinstance(request.input, str) else request.input
    texts = [text for text in inputs if isinstance(text, str)]
    if len(texts) != len(inputs):
        raise UnsupportedFeature("send texts, not token ids", param="input")
    if not 1 <= len(texts) <= _MAX_INPUTS or not all(texts):
        raise InvalidInput(f"input: expected 1 to {_MAX_INPUTS} texts, none empty", param="input")
    if request.dimensions is not None:
        raise UnsupportedFeature("the dimensions of a model are fixed here", param="dimensions")
    if request.encoding_format not in {None, "float", "base64"}:
        raise InvalidInput("encoding_format: expected float or base64", param="encoding_format")
    return texts


def wanted_length(request: ChatRequest | CompletionRequest) -> tuple[int | None, str]:
    """How many tokens the customer allows, and under which of its names."""
    if isinstance(request, ChatRequest) and request.max_completion_tokens is not None:
        return request.max_completion_tokens, "max_completion_tokens"
    return request.max_tokens, "max_tokens"


def as_worker_request(request: ChatRequest | CompletionRequest, *, max_tokens: TokenCount) -> bytes:
    """The request as a worker gets it: only what changes the answer, the length always named."""
    forwarded = msgspec.structs.replace(
        request, max_tokens=max_tokens, stream=None, stream_options=None, user=None, n=None
    )
    if isinstance(forwarded, ChatRequest):
        forwarded.max_completion_tokens = None
        forwarded.metadata = forwarded.store = forwarded.service_tier = None
        forwarded.safety_identifier = forwarded.prompt_cache_key = forwarded.verbosity = None
        forwarded.modalities = forwarded.function_call = None
    else:
        forwarded.echo = forwarded.best_of = None
    return msgspec.json.encode(forwarded)


def _check_sampling(request: ChatRequest | CompletionRequest) -> None:
    if request.n not in {None, 1}:
        raise UnsupportedFeature("n must be 1: send the request several times", param="n")
    stops = [request.stop] if isinstance(request.stop, str) else request.stop or []
    if len(stops) > _MAX_STOPS or any(not 1 <= len(stop) <= _LONGEST_STOP for stop in stops):
        raise InvalidInput(
            f"stop: expected at most {_MAX_STOPS} texts of 1 to {_LONGEST_STOP} characters",
            param="stop",
        )
    if request.seed is not None and not -(1 << 63) <= request.seed < 1 << 63:
        raise InvalidInput("seed: expected a 64-bit integer", param="seed")
    if request.stream_options is not None and not request.stream:
        raise InvalidInput("stream_options needs stream to be true", param="stream_options")


def _refuse(request: ChatRequest | CompletionRequest, names: tuple[str, ...], message: str) -> None:
    for name in names:
        if getattr(request, name) is not None:
            raise UnsupportedFeature(message, param=name)


def _flatten_content(message: Message, index: int) -> None:
    if not isinstance(message.content, list):
        return
    texts: list[str] = []
    for number, part in enumerate(message.content):
        if part.type not in {"text", "input_text"} or part.text is None:
            raise UnsupportedFeature(
                f"content of type {part.type[:40]!r} is not offered, only text",
                param=f"messages[{index}].content[{number}].type",
            )
        texts.append(part.text)
    message.content = "".join(texts)


def _single_prompt(prompt: str | list[str | int | list[int]]) -> str | list[str | int | list[int]]:
    if isinstance(prompt, str):
        return prompt
    if len(prompt) == 1 and isinstance(prompt[0], str):
        return prompt[0]
    if len(prompt) == 1 and isinstance(prompt[0], list):
        prompt = [*prompt[0]]
    if not prompt:
        raise InvalidInput("prompt is empty", param="prompt")
    if not all(isinstance(item, int) for item in prompt):
        raise UnsupportedFeature("send one prompt per request", param="prompt")
    return prompt
