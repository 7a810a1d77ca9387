"""The inference behind the Ollama double: one llama.cpp server per loaded model, as Ollama has.

A model is loaded on its first use, again whenever another `num_ctx` is asked for, and dropped when
asked. It answers `num_parallel` requests at a time; more wait, and too many are sent away.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import msgspec

from basis.worker.digests import compute_digest
from basis.worker.runtimes.gguf_header import load_header
from basis.worker.runtimes.lines import iterate_lines
from basis.worker.runtimes.llamacpp_process import ServerPlan
from basis.worker.runtimes.llamacpp_server import EmbeddedServer, choose_threads, open_server
from basis.worker.runtimes.openai_http import open_session

DEFAULT_NUM_CTX = 4_096
MAX_QUEUE = 512


class EngineError(Exception):
    """What the real server answers with an error status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Probability(msgspec.Struct, frozen=True, kw_only=True):
    """llama-server's word on one token; `top_logprobs` are its alternatives."""

    token: str
    logprob: float
    bytes: list[int] = []
    top_logprobs: list[Probability] = []


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and milliseconds of one completion."""

    cache_n: int = 0
    prompt_n: int = 0
    prompt_ms: float = 0
    predicted_n: int = 0
    predicted_ms: float = 0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One event of llama-server's own completion stream."""

    content: str = ""
    stop: bool = False
    stop_type: str = ""
    completion_probabilities: list[Probability] = []
    timings: Timings = Timings()


@dataclass(slots=True, kw_only=True)
class LoadedModel:
    """A model in memory with the context it was loaded with."""

    name: str
    num_ctx: int
    server: EmbeddedServer
    api_key: str = field(repr=False)
    slots: asyncio.Semaphore
    waiting: int = 0
    load_ns: int = 0


class Engine:
    """Loads models and passes requests on to their servers."""

    def __init__(self, models: Mapping[str, Path], *, num_parallel: int = 1) -> None:
        self.models = {with_tag(name): Path(path) for name, path in models.items()}
        self.digests = {
            name: hashlib.sha256(compute_digest(path).encode()).hexdigest()
            for name, path in self.models.items()
        }
        """Of a manifest that names nothing but the weights."""
        self.trained_contexts = {
            name: load_header(path).context_tokens for name, path in self.models.items()
        }
        self.loaded: dict[str, LoadedModel] = {}
        self.loads = 0
        self._num_parallel = num_parallel
        self._loading = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Makes it ready to load models."""
        self._session = open_session()

    async def stop(self) -> None:
        """Drops every model."""
        for name in list(self.loaded):
            await self.unload(name)
        if self._session is not None:
            await self._session.close()

    async def load(self, name: str, num_ctx: int | None) -> LoadedModel:
        """The model in memory; asking for another context than it has loads it anew."""
        async with self._loading:
            trained = self.trained_contexts[name]
            wanted = min(num_ctx or DEFAULT_NUM_CTX, trained or DEFAULT_NUM_CTX)
            model = self.loaded.get(name)
            if model is not None and (num_ctx is None or model.num_ctx == wanted):
                return model
            await self.unload(name)
            return await self._load(name, wanted)

    async def unload(self, name: str) -> None:
        """Drops the model; its requests break off."""
        model = self.loaded.pop(name, None)
        if model is not None:
            await model.server.close()

    @asynccontextmanager
    async def slot(self, model: LoadedModel) -> AsyncGenerator[None, None]:
        """A turn at the model.

        Raises:
            EngineError: too many are waiting already.
        """
        if model.waiting >= MAX_QUEUE:
            raise EngineError(
                503, "server busy, please try again. maximum pending requests exceeded"
            )
        model.waiting += 1
        try:
            async with model.slots:
                yield
        finally:
            model.waiting -= 1

    async def ask(self, model: LoadedModel, path: str, body: object) -> bytes:
        """The whole answer of the model's server."""
        async with self._open(model, path, body) as answer:
            return await answer.read()

    async def complete(self, model: LoadedModel, body: object) -> AsyncGenerator[Step, None]:
        """The steps of one completion."""
        decoder = msgspec.json.Decoder(Step)
        async with (
            self._open(model, "/completion", body) as answer,
            aclosing(iterate_lines(answer.content)) as lines,
        ):
            async for line in lines:
                if line.startswith(b"data: "):
                    yield decoder.decode(line[6:])

    async def _load(self, name: str, num_ctx: int) -> LoadedModel:
        began = asyncio.get_running_loop().time()
        plan = ServerPlan(
            path=str(self.models[name]),
            slots=self._num_parallel,
            context_tokens=num_ctx,
            embeds=True,
            api_key=secrets.token_urlsafe(16),
            threads=choose_threads(self.models[name].stat().st_size),
        )
        server = await open_server(plan)
        self.loads += 1
        took_s = asyncio.get_running_loop().time() - began
        model = LoadedModel(
            name=name,
            num_ctx=num_ctx,
            server=server,
            api_key=plan.api_key,
            slots=asyncio.Semaphore(self._num_parallel),
            load_ns=int(took_s * 1e9),
        )
        self.loaded[name] = model
        return model

    @asynccontextmanager
    async def _open(
        self, model: LoadedModel, path: str, body: object
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        if self._session is None:
            raise EngineError(500, "the engine is not started")
        async with self._session.post(
            model.server.url + path,
            data=msgspec.json.encode(body),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {model.api_key}",
            },
            timeout=aiohttp.ClientTimeout(total=None),
        ) as answer:
            if answer.status >= 400:
                raise EngineError(answer.status, (await answer.read())[:500].decode())
            yield answer
            if not answer.content.at_eof():
                answer.close()


def with_tag(name: str) -> str:
    """The model's name with its tag, `:latest` if it has none."""
    return name if ":" in name else f"{name}:latest"
