"""`ollama`: Ollama's native API, which alone can fix the context and refuse truncation.

Written from its source at v0.33.0-rc2, with the habits of older versions kept in mind.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import aiohttp
import msgspec

from basis.wire.frames import FinishReason, Job, JobKind, ModelOffer, WorkerFault
from basis.wire.registration import RuntimeName
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.models import ServedModel
from basis.worker.runtimes.base import Finish, Piece, RuntimeFacts, RuntimeFailure, VectorPiece
from basis.worker.runtimes.lines import iterate_lines
from basis.worker.runtimes.ollama_models import (
    OllamaTag,
    OllamaTags,
    load_tags,
    load_trained_context,
    load_version,
)
from basis.worker.runtimes.ollama_request import KEEP_ALIVE, Body, build_request
from basis.worker.runtimes.ollama_stream import read_answer
from basis.worker.runtimes.openai_http import open_answer, open_session
from basis.worker.runtimes.request import find_served, to_raw

DEFAULT_URL = "http://127.0.0.1:11434"


class _Embeddings(msgspec.Struct, frozen=True, kw_only=True):
    embeddings: list[list[float]]
    prompt_eval_count: int = 0


class OllamaRuntime:
    """An Ollama that someone else runs. Its models are known by the digest of their manifest."""

    name = RuntimeName.OLLAMA

    def __init__(self, served: Sequence[ServedModel], *, url: str = "") -> None:
        self._served = {model.model: model for model in served}
        self._url = url or DEFAULT_URL
        self._session: aiohttp.ClientSession | None = None
        self._num_ctx: dict[str, int] = {}

    async def start(self) -> None:
        """Fixes each model's context and loads it, so that no job waits for that.

        Raises:
            WorkerStop: nobody answers, a model is missing, remote, or cannot be loaded.
        """
        # No header of ours but the content type is ever sent: a foreign Origin would get a 403.
        self._session = open_session()
        tags = await self._load_tags()
        for model in self._served.values():
            _find_local(tags, model)
            local = _local_name(model)
            trained = await load_trained_context(self._session, self._url, local)
            wanted = max(
                other.context_tokens
                for other in self._served.values()
                if _local_name(other) == local
            )
            self._num_ctx[local] = min(wanted, trained) if trained else wanted
            if JobKind.CHAT in model.kinds or JobKind.COMPLETION in model.kinds:
                await self._preload(model)

    async def facts(self) -> RuntimeFacts:
        """The digests as they are now: a pull may have put another model under the same tag."""
        tags = await self._load_tags()
        offers = tuple(
            ModelOffer(
                model=model.model,
                digest=_find_local(tags, model).ollama_digest,
                context_tokens=self._num_ctx.get(_local_name(model), 0),
            )
            for model in self._served.values()
        )
        return RuntimeFacts(version=await load_version(self._opened(), self._url), offers=offers)

    async def run(self, job: Job) -> AsyncGenerator[Piece, None]:
        """Pieces as Ollama streams them."""
        local = _local_name(find_served(job, self._served))
        path, body = build_request(job, local=local, num_ctx=self._num_ctx.get(local, 0))
        pieces = (
            self._embed(body) if job.kind is JobKind.EMBEDDING else self._stream(job, path, body)
        )
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def stop(self) -> None:
        """Closes the connections; Ollama stays, and forgets the models after a while."""
        if self._session is not None:
            await self._session.close()

    async def _stream(self, job: Job, path: str, body: Body) -> AsyncGenerator[Piece, None]:
        async with (
            open_answer(self._opened(), "POST", self._url + path, body=_encode(body)) as answer,
            aclosing(
                read_answer(
                    iterate_lines(answer.content),
                    kind=job.kind,
                    call_prefix=f"call-{job.lease_id}",
                )
            ) as pieces,
        ):
            async for piece in pieces:
                yield piece

    async def _embed(self, body: Body) -> AsyncGenerator[Piece, None]:
        url = f"{self._url}/api/embed"
        async with open_answer(self._opened(), "POST", url, body=_encode(body)) as answer:
            content = await answer.read()
        try:
            decoded = msgspec.json.decode(content, type=_Embeddings)
        except msgspec.DecodeError as error:
            raise RuntimeFailure(
                WorkerFault.RUNTIME_ERROR, "embeddings of unknown shape", quote=str(error)
            ) from error
        for index, values in enumerate(decoded.embeddings):
            yield VectorPiece(index=index, values=values)
        yield Finish(finish_reason=FinishReason.STOP, prompt_tokens=decoded.prompt_eval_count)

    async def _preload(self, model: ServedModel) -> None:
        local = _local_name(model)
        body: Body = {
            "model": local,
            "messages": [],
            "stream": False,
            "keep_alive": KEEP_ALIVE,
            "options": {"num_ctx": self._num_ctx[local]},
        }
        url = f"{self._url}/api/chat"
        try:
            async with open_answer(self._opened(), "POST", url, body=_encode(body)) as answer:
                await answer.read()
        except RuntimeFailure as failure:
            raise WorkerStop(
                ExitCode.NO_MODEL,
                f"Ollama cannot load {local!r} for {model.model} ({failure}); try "
                f"`ollama run {local}`, or less --context-tokens",
            ) from failure

    async def _load_tags(self) -> OllamaTags:
        tags = await load_tags(self._opened(), self._url)
        if tags is None:
            raise WorkerStop(
                ExitCode.NO_RUNTIME,
                f"Ollama does not answer at {self._url}; start it (`ollama serve`), or give its "
                "address with --runtime-url",
            )
        return tags

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeFailure(WorkerFault.RUNTIME_UNREACHABLE, "the runtime is not started")
        return self._session


def _find_local(tags: OllamaTags, model: ServedModel) -> OllamaTag:
    local = _local_name(model)
    tag = tags.find(local)
    if tag is None:
        has = ", ".join(sorted(tag.name for tag in tags.models)) or "none"
        raise WorkerStop(
            ExitCode.NO_MODEL,
            f"Ollama has no model {local!r} for {model.model}; it has {has}: `ollama pull "
            f"{local}`, or --models {model.model}=TAG",
        )
    if tag.is_remote:
        raise WorkerStop(
            ExitCode.NO_MODEL,
            f"{local!r} is a cloud model, which would be computed elsewhere; serve {model.model} "
            "with a model that runs on this machine",
        )
    return tag


def _local_name(model: ServedModel) -> str:
    return model.local or model.model


def _encode(body: Body) -> dict[str, msgspec.Raw]:
    return {name: to_raw(value) for name, value in body.items()}
