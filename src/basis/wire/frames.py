"""Frames of the worker link: WebSocket text messages of JSON, tagged by `type`.

A connection opens with `hello`, answered by `welcome` or `refused`; after that the orchestrator
sends `job`, and for each lease the worker sends `chunk` and `vector` frames numbered from 0 without
a gap, then exactly one of `done` or `failed`. A frame of unknown type or shape ends the connection.
Unknown fields are refused from workers, so that a typing error is heard of at once, and ignored by
workers, so that an older worker survives a newer orchestrator.
"""

from __future__ import annotations

import enum

import msgspec

from basis.wire.numbers import DeviceCount, MemoryMib, Number
from basis.wire.tool_calls import ToolCallDeltas

SUBPROTOCOL = "basis.worker.v1"
CONNECT_PATH = "/api/workers/connect"
PROTOCOL_VERSION = 1

MAX_WORKER_FRAME_BYTES = 1 << 20
"""Largest message that a worker may send; one embedding of 4,096 floats needs some 90 KiB."""

MAX_JOB_FRAME_BYTES = 16 << 20
"""Largest message that an orchestrator may send; it carries the customer's whole request."""

MAX_CHUNK_TEXT_BYTES = 64 << 10
"""Longest text of one chunk in UTF-8."""

MAX_CHUNK_EXTRA_BYTES = 128 << 10
"""Most of one chunk beside its text: JSON of logprobs and texts of tool calls together."""

MAX_CHUNK_TOKEN_IDS = 4_096
"""Most token ids of one chunk."""

MAX_VECTOR_VALUES = 4_096
"""Most values of one embedding."""


class FinishReason(enum.StrEnum):
    """Why a model stopped writing, in OpenAI's words."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


class WorkerFault(enum.StrEnum):
    """Why a worker gives a job back. The first three say nothing against the worker."""

    BAD_REQUEST = "bad_request"
    CONTEXT_EXCEEDED = "context_exceeded"
    UNSUPPORTED = "unsupported"
    MODEL_UNAVAILABLE = "model_unavailable"
    OUT_OF_MEMORY = "out_of_memory"
    RUNTIME_ERROR = "runtime_error"
    RUNTIME_TRUNCATED = "runtime_truncated"
    RUNTIME_UNREACHABLE = "runtime_unreachable"
    CANCELLED = "cancelled"
    DRAINING = "draining"


class JobKind(enum.StrEnum):
    """Which of OpenAI's endpoints the request belongs to."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDING = "embedding"


class _FromWorker(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="type",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    pass


class _ToWorker(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    pass


class Hardware(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the worker says it runs on; evidence, never proof."""

    kind: str
    """`gpu` or `cpu`."""
    name: str
    count: DeviceCount = 1
    memory_mib: MemoryMib = 0
    driver: str = ""


class ModelOffer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model that the worker is ready to serve."""

    model: str
    """The network's name of it, from the catalog."""
    digest: str = ""
    """`sha256:...` of the artefact, or `ollama:...` of Ollama's manifest; "" if unknown."""
    context_tokens: Number = 0
    """Tokens of prompt and answer together that one slot holds; 0 if unknown."""


# --- worker to orchestrator ------------------------------------------------------------------


class Hello(_FromWorker, tag="hello", frozen=True, kw_only=True):
    """The first frame: who connects, with what."""

    protocol: Number
    worker_id: str
    token: str
    software: str
    runtime: str
    runtime_version: str = ""
    models: list[ModelOffer]
    slots: Number
    hardware: Hardware


class Status(_FromWorker, tag="status", frozen=True, kw_only=True):
    """The link's heartbeat, sent every `heartbeat_s`; answered by `standing`."""

    busy_slots: Number
    draining: bool = False


class Chunk(_FromWorker, tag="chunk", frozen=True, kw_only=True):
    """The next piece of an answer. `seq` counts chunk and vector frames of the lease from 0."""

    lease_id: str
    seq: Number
    text: str = ""
    reasoning: str = ""
    tool_calls: ToolCallDeltas = []
    logprobs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    """OpenAI's `choice.logprobs` object for this piece, passed on as it is."""
    token_ids: list[Number] = []
    """The runtime's ids for this piece, where it tells them; evidence only."""


class Vector(_FromWorker, tag="vector", frozen=True, kw_only=True):
    """The embedding of input number `index`."""

    lease_id: str
    seq: Number
    index: Number
    values: list[float]


class Done(_FromWorker, tag="done", frozen=True, kw_only=True):
    """The answer is complete. `frames` is how many chunk and vector frames were sent."""

    lease_id: str
    frames: Number
    finish_reason: FinishReason = FinishReason.STOP
    prompt_tokens: int = 0
    output_tokens: int = 0
    """Both counts are the runtime's own: evidence, they pay nothing. Absurd ones are dropped."""


class Failed(_FromWorker, tag="failed", frozen=True, kw_only=True):
    """The worker gives the lease back."""

    lease_id: str
    reason: WorkerFault
    detail: str = ""
    """The worker's own words. They are dropped: neither logged nor shown to anybody."""


class WorkerPing(_FromWorker, tag="ping", frozen=True, kw_only=True):
    """Asks for a `pong` with the same `nonce`."""

    nonce: Number


class WorkerPong(_FromWorker, tag="pong", frozen=True, kw_only=True):
    """Answers a `ping`."""

    nonce: Number


# --- orchestrator to worker ------------------------------------------------------------------


class ModelVerdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether an offered model will get jobs, and if not, why."""

    model: str
    routable: bool
    reason: str = ""


class Welcome(_ToWorker, tag="welcome", frozen=True, kw_only=True):
    """The link stands. Limits hold for this connection."""

    protocol: int
    session_id: str
    heartbeat_s: int
    window_frames: int
    """At most so many chunk and vector frames of one lease may await their `ack`."""
    models: list[ModelVerdict]
    earned_raw: str
    """What this worker's receipts have earned so far, in base units of `token_symbol`."""
    token_symbol: str
    token_decimals: int


class Refused(_ToWorker, tag="refused", frozen=True, kw_only=True):
    """The link is refused; the connection closes after this frame."""

    code: str
    message: str
    retryable: bool = False


class Job(_ToWorker, tag="job", frozen=True, kw_only=True):
    """One lease of one job. `request` is the customer's validated request in OpenAI's shape."""

    lease_id: str
    job_id: str
    kind: JobKind
    model: str
    request: msgspec.Raw
    timeout_s: int


class Ack(_ToWorker, tag="ack", frozen=True, kw_only=True):
    """All frames of the lease with a `seq` up to this one were consumed."""

    lease_id: str
    seq: int


class Cancel(_ToWorker, tag="cancel", frozen=True, kw_only=True):
    """Stop this lease and free its slot; frames still on their way are ignored."""

    lease_id: str
    reason: str


class Drain(_ToWorker, tag="drain", frozen=True, kw_only=True):
    """Finish what runs; no new job comes on this connection."""

    reason: str


class Notice(_ToWorker, tag="notice", frozen=True, kw_only=True):
    """A message for the worker's owner. `level` is info, warning or error."""

    level: str
    code: str
    text: str


class Standing(_ToWorker, tag="standing", frozen=True, kw_only=True):
    """Answers `status`: the worker's state here and why it has no job, in words."""

    state: str
    why: str
    queued_jobs: int = 0


class Receipt(_ToWorker, tag="receipt", frozen=True, kw_only=True):
    """What came of a lease: the receipt's hash and what it pays, with every factor."""

    job_id: str
    status: str
    receipt_hash: str
    prompt_tokens: int
    output_tokens: int
    quality_bps: int
    uptime_bps: int
    latency_bps: int
    reward_raw: str
    earned_raw: str


class Ping(_ToWorker, tag="ping", frozen=True, kw_only=True):
    """Asks for a `pong` with the same `nonce`."""

    nonce: int


class Pong(_ToWorker, tag="pong", frozen=True, kw_only=True):
    """Answers a `ping`."""

    nonce: int


FromWorker = Hello | Status | Chunk | Vector | Done | Failed | WorkerPing | WorkerPong
ToWorker = (
    Welcome | Refused | Job | Ack | Cancel | Drain | Notice | Standing | Receipt | Ping | Pong
)
