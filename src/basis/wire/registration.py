"""Bodies of the plain HTTP calls about workers. The seed's two calls are these, verbatim."""

from __future__ import annotations

import enum

import msgspec

REGISTER_PATH = "/api/workers/register"
HEARTBEAT_PATH = "/api/workers/heartbeat"
WORKERS_PATH = "/api/workers"
CATALOG_PATH = "/api/catalog"


class RuntimeName(enum.StrEnum):
    """The runtimes that a worker may name. Source: mission N4."""

    OLLAMA = "ollama"
    WEBGPU = "webgpu"
    VLLM = "vllm"
    LLAMACPP = "llamacpp"
    OPENAI = "openai"
    DIFFUSERS = "diffusers"
    COMFYUI = "comfyui"
    ECHO = "echo"


class RegisterRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /api/workers/register`. A change of an existing worker needs its token as Bearer."""

    worker_id: str
    worker_wallet: str
    runtime: RuntimeName
    models: list[str]


class RegisterResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`worker_token` is there only when the worker is new: it is shown once and stored hashed."""

    worker_id: str
    worker_wallet: str
    runtime: RuntimeName
    models: list[str]
    created: bool
    worker_token: str | None = None
    message: str = ""


class HeartbeatRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /api/workers/heartbeat`: a hint that the worker lives; it makes nothing routable."""

    worker_id: str


class HeartbeatResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What the orchestrator makes of the worker now, and why."""

    worker_id: str
    state: str
    reason: str
    server_time: str
    """ISO 8601 in UTC, by which a worker checks its own clock."""


class CatalogEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`GET /api/catalog`: what a worker must have to serve a model."""

    model: str
    kinds: list[str]
    context_tokens: int
    multiplier_bps: int
    latency_class: str
    digests: list[str] = []
    """Accepted artefacts as `sha256:...` or `ollama:...`; empty: any."""
    runtimes: list[str] = []
    """Runtimes that may serve it; empty: any but `echo`."""
    min_memory_mib: int = 0
    ready: bool = True
    """False while the operator has not mapped the name to an artefact."""


class CatalogResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The catalog with the version of its table."""

    version: str
    models: list[CatalogEntry]
