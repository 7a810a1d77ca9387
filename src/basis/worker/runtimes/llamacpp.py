"""`llamacpp`: llama.cpp out of a wheel, reached through its own HTTP server on the loopback.

The wheel `xllamacpp` is optional. Each file is loaded once, however many names of the network it
serves, and loaded again should its process die.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from basis.wire.frames import Job, JobKind, ModelOffer, WorkerFault
from basis.wire.registration import RuntimeName
from basis.worker.digests import load_digest
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.models import ServedModel
from basis.worker.runtimes.base import Piece, RuntimeFacts, RuntimeFailure
from basis.worker.runtimes.gguf_header import NotGguf, load_header
from basis.worker.runtimes.llamacpp_process import ServerPlan
from basis.worker.runtimes.llamacpp_server import (
    EmbeddedServer,
    choose_threads,
    load_version,
    open_server,
)
from basis.worker.runtimes.openai_http import OpenAIServer, open_session
from basis.worker.runtimes.request import PLAIN_FIELDS, Fields, find_served, read_fields, to_raw
from basis.worker.shipped import find_shipped_model

_TEXT_EXTRAS = frozenset({"logprobs", "logit_bias", "top_k", "min_p"})
_SUPPORTED = {
    JobKind.CHAT: PLAIN_FIELDS[JobKind.CHAT]
    | _TEXT_EXTRAS
    | {"top_logprobs", "tools", "tool_choice", "parallel_tool_calls", "response_format"},
    JobKind.COMPLETION: PLAIN_FIELDS[JobKind.COMPLETION] | _TEXT_EXTRAS,
    JobKind.EMBEDDING: PLAIN_FIELDS[JobKind.EMBEDDING],
}

_OPENAI_SAMPLING: Fields = {
    "temperature": to_raw(1.0),
    "top_p": to_raw(1.0),
    "top_k": to_raw(0),
    "min_p": to_raw(0.0),
}
"""What OpenAI's API means where a request says nothing; llama.cpp's own defaults cut the tails,
so that the same request would be sampled from another distribution than elsewhere."""


@dataclass(slots=True, kw_only=True)
class _Loaded:
    plan: ServerPlan
    digest: str
    server: EmbeddedServer
    reviving: asyncio.Lock


class LlamaCppRuntime:
    """One server per model file, each with `slots` sequences."""

    name = RuntimeName.LLAMACPP

    def __init__(self, served: Sequence[ServedModel], *, slots: int, state_folder: Path) -> None:
        self._served = {model.model: model for model in served}
        self._slots = slots
        self._state_folder = state_folder
        self._version = ""
        self._session: aiohttp.ClientSession | None = None
        self._loaded: dict[str, _Loaded] = {}

    async def start(self) -> None:
        """Loads every file; the event loop goes on meanwhile.

        Raises:
            WorkerStop: xllamacpp is missing, or a file is missing, no GGUF, or cannot be loaded.
        """
        self._version = load_version()
        self._session = open_session()
        for path, models in _group_by_file(self._served.values()).items():
            loaded = await self._load(path, models)
            self._loaded.update({model.model: loaded for model in models})

    async def facts(self) -> RuntimeFacts:
        """The files' digests, and the context of one slot."""
        offers = tuple(
            ModelOffer(model=name, digest=loaded.digest, context_tokens=loaded.plan.context_tokens)
            for name, loaded in self._loaded.items()
        )
        return RuntimeFacts(version=self._version, offers=offers)

    async def run(self, job: Job) -> AsyncGenerator[Piece, None]:
        """Pieces as llama-server streams them."""
        find_served(job, self._served)
        fields = read_fields(job, _SUPPORTED[job.kind])
        if job.kind is not JobKind.EMBEDDING:
            fields = _OPENAI_SAMPLING | fields
        server = await self._open(self._loaded[job.model])
        async with aclosing(server.answer(job.kind, local=job.model, fields=fields)) as pieces:
            async for piece in pieces:
                yield piece

    async def stop(self) -> None:
        """Frees the models."""
        if self._session is not None:
            await self._session.close()
        loaded, self._loaded = self._loaded, {}
        for server in {id(one.server): one.server for one in loaded.values()}.values():
            await server.close()

    async def _load(self, path: Path, models: Sequence[ServedModel]) -> _Loaded:
        plan = await asyncio.to_thread(_plan_server, path, models, self._slots)
        digest = await asyncio.to_thread(load_digest, path, state_folder=self._state_folder)
        return _Loaded(
            plan=plan, digest=digest, server=await open_server(plan), reviving=asyncio.Lock()
        )

    async def _open(self, loaded: _Loaded) -> OpenAIServer:
        """The model's server; one whose process died, by a fault of native code, is replaced."""
        if self._session is None:
            raise RuntimeFailure(WorkerFault.RUNTIME_UNREACHABLE, "the runtime is not started")
        async with loaded.reviving:
            if not loaded.server.is_alive:
                await loaded.server.close()
                try:
                    loaded.server = await open_server(loaded.plan)
                except WorkerStop as stop:
                    raise RuntimeFailure(WorkerFault.MODEL_UNAVAILABLE, stop.message) from stop
        base_url = f"{loaded.server.url}/v1"
        return OpenAIServer(self._session, base_url=base_url, api_key=loaded.plan.api_key)


def find_model_file(model: ServedModel) -> Path:
    """The GGUF behind a served model: the owner's path, or the file that ships with Basis.

    Raises:
        WorkerStop: there is neither.
    """
    path = Path(model.local).expanduser() if model.local else find_shipped_model(model.model)
    if path is None:
        raise WorkerStop(
            ExitCode.NO_MODEL,
            f"{model.model} does not ship with Basis; give its file: "
            f"--models {model.model}=/path/to/model.gguf",
        )
    if not path.is_file():
        raise WorkerStop(ExitCode.NO_MODEL, f"{model.model}: there is no file {path}")
    return path


def _group_by_file(served: Iterable[ServedModel]) -> dict[Path, list[ServedModel]]:
    files: dict[Path, list[ServedModel]] = {}
    for model in served:
        files.setdefault(find_model_file(model).resolve(), []).append(model)
    return files


def _plan_server(path: Path, models: Sequence[ServedModel], slots: int) -> ServerPlan:
    try:
        trained = load_header(path).context_tokens
    except (NotGguf, OSError) as error:
        raise WorkerStop(ExitCode.NO_MODEL, f"{models[0].model}: {error}") from error
    wanted = max(model.context_tokens for model in models)
    return ServerPlan(
        path=str(path),
        slots=slots,
        context_tokens=min(wanted, trained) if trained else wanted,
        embeds=any(JobKind.EMBEDDING in model.kinds for model in models),
        api_key=secrets.token_urlsafe(24),
        threads=choose_threads(path.stat().st_size),
    )
