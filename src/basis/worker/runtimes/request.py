"""Reading a job's request, and refusing the fields of it that a runtime cannot honour.

The gateway has validated the request; what is checked here is only what this runtime can do.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TypeVar

import msgspec

from basis.wire.frames import Job, JobKind, WorkerFault
from basis.worker.models import ServedModel
from basis.worker.runtimes.base import RuntimeFailure

T = TypeVar("T")

Fields = dict[str, msgspec.Raw]
"""The request's fields by name, each still as its JSON."""

NULL = msgspec.Raw(b"null")
"""The default of a raw field: msgspec reads a field of `Raw | None` as one that is only null."""

_SAMPLING = frozenset({"max_tokens", "temperature", "top_p", "stop", "seed"})
_PENALTIES = frozenset({"frequency_penalty", "presence_penalty"})
_IGNORED = frozenset({"model", "stream", "stream_options", "user", "metadata", "store"})
"""Fields that ask nothing of a runtime: the adapter sets them, or they are the gateway's."""

PLAIN_FIELDS = {
    JobKind.CHAT: _SAMPLING | _PENALTIES | {"messages", "max_completion_tokens"},
    JobKind.COMPLETION: _SAMPLING | _PENALTIES | {"prompt"},
    JobKind.EMBEDDING: frozenset({"input", "encoding_format"}),
}
"""What every runtime of a kind is expected to honour."""

_NEUTRAL: dict[str, tuple[object, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "echo": (False,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "suffix": ("",),
    "logit_bias": ({},),
    "tools": ([],),
    "tool_choice": ("auto", "none"),
    "parallel_tool_calls": (True,),
    "response_format": ({"type": "text"},),
    "service_tier": ("auto", "default"),
}
"""Values that ask for nothing, so that a runtime without the feature may ignore them."""


def find_served(job: Job, served: Mapping[str, ServedModel]) -> ServedModel:
    """The served model that the job asks for.

    Raises:
        RuntimeFailure: it is not served, or not for jobs of this kind.
    """
    model = served.get(job.model)
    if model is None:
        raise RuntimeFailure(WorkerFault.MODEL_UNAVAILABLE, f"{job.model!r} is not served here")
    if job.kind not in model.kinds:
        raise unsupported(f"{job.kind.value} with {job.model}")
    return model


def read_fields(job: Job, supported: AbstractSet[str]) -> Fields:
    """The request's fields that say something, null and neutral ones left out.

    Raises:
        RuntimeFailure: a field that is not `supported`; it is named.
    """
    try:
        fields = msgspec.json.decode(job.request, type=Fields)
    except msgspec.DecodeError as error:
        raise RuntimeFailure(WorkerFault.BAD_REQUEST, "the request is no JSON object") from error
    kept: Fields = {}
    for name, raw in fields.items():
        if name in _IGNORED or _is_silent(name, raw, is_supported=name in supported):
            continue
        if name not in supported:
            raise unsupported(repr(name))
        kept[name] = raw
    return kept


def read_as(fields: Fields, expected: type[T]) -> T:
    """The fields as one struct; those that it does not name are passed over.

    Raises:
        RuntimeFailure: a field has another shape.
    """
    try:
        return msgspec.json.decode(msgspec.json.encode(fields), type=expected)
    except msgspec.ValidationError as error:
        raise RuntimeFailure(
            WorkerFault.BAD_REQUEST,
            "the request has a shape that this runtime lacks",
            quote=str(error),
        ) from error


def unsupported(what: str) -> RuntimeFailure:
    """The failure that says what the runtime cannot do."""
    return RuntimeFailure(
        WorkerFault.UNSUPPORTED, "this runtime cannot do what the request asks", quote=what
    )


def present(raw: msgspec.Raw) -> msgspec.Raw | None:
    """The JSON, None where it is null."""
    return None if bytes(raw) == b"null" else raw


def to_raw(value: object) -> msgspec.Raw:
    """`value` as JSON, to stand among fields that are JSON already."""
    return msgspec.Raw(msgspec.json.encode(value))


def _is_silent(name: str, raw: msgspec.Raw, *, is_supported: bool) -> bool:
    if present(raw) is None:
        return True
    if is_supported or name not in _NEUTRAL:
        return False
    value: object = msgspec.json.decode(raw)
    # `logprobs: 0` of a completion asks for something and `logprobs: false` does not.
    return any(type(value) is type(neutral) and value == neutral for neutral in _NEUTRAL[name])
