"""`openai` and `vllm`: any server that speaks OpenAI's API, as vLLM, SGLang, llama-server do."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import aiohttp

from basis.wire.frames import Job, JobKind, ModelOffer, WorkerFault
from basis.wire.registration import RuntimeName
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.models import ServedModel
from basis.worker.runtimes.base import Piece, RuntimeFacts, RuntimeFailure
from basis.worker.runtimes.openai_http import OpenAIServer, open_session
from basis.worker.runtimes.request import PLAIN_FIELDS, Fields, find_served, read_fields, to_raw

DEFAULT_URL = "http://127.0.0.1:8000/v1"
"""Where vLLM listens."""

_TEXT_EXTRAS = frozenset(
    {"logprobs", "logit_bias", "top_k", "min_p", "repetition_penalty", "reasoning_effort"}
)
_SUPPORTED = {
    JobKind.CHAT: PLAIN_FIELDS[JobKind.CHAT]
    | _TEXT_EXTRAS
    | {"top_logprobs", "tools", "tool_choice", "parallel_tool_calls", "response_format"},
    JobKind.COMPLETION: PLAIN_FIELDS[JobKind.COMPLETION] | _TEXT_EXTRAS | {"suffix"},
    JobKind.EMBEDDING: PLAIN_FIELDS[JobKind.EMBEDDING] | {"dimensions"},
}
"""The rest of OpenAI's fields have no place in an answer of one choice, or change what it is."""

_OPENAI_SAMPLING: Fields = {"temperature": to_raw(1.0), "top_p": to_raw(1.0)}
"""OpenAI's defaults, said aloud: servers put a model's recommended ones in their place."""


class OpenAIRuntime:
    """A server that someone else runs; it tells no digest of what it serves."""

    def __init__(
        self,
        served: Sequence[ServedModel],
        *,
        url: str = "",
        api_key: str = "",
        name: RuntimeName = RuntimeName.OPENAI,
    ) -> None:
        self.name = name
        self._served = {model.model: model for model in served}
        self._url = _with_version(url or DEFAULT_URL)
        self._api_key = api_key
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Looks whether the server has every model.

        Raises:
            WorkerStop: nobody answers, or it lacks a model.
        """
        self._session = open_session()
        await self.facts()

    async def facts(self) -> RuntimeFacts:
        """The server's own list of models, read anew."""
        try:
            available = await self._server().load_models()
        except RuntimeFailure as failure:
            raise WorkerStop(
                ExitCode.NO_RUNTIME,
                f"{self._url} does not list its models ({failure}); start the server, or "
                "give its address with --runtime-url",
            ) from failure
        offers = tuple(_offer(model, available) for model in self._served.values())
        return RuntimeFacts(version="", offers=offers)

    async def run(self, job: Job) -> AsyncGenerator[Piece, None]:
        """Pieces as the server streams them."""
        local = _local_name(find_served(job, self._served))
        fields = read_fields(job, _SUPPORTED[job.kind])
        if job.kind is not JobKind.EMBEDDING:
            fields = _OPENAI_SAMPLING | fields
        async with aclosing(self._server().answer(job.kind, local=local, fields=fields)) as pieces:
            async for piece in pieces:
                yield piece

    async def stop(self) -> None:
        """Closes the connections; the server stays."""
        if self._session is not None:
            await self._session.close()

    def _server(self) -> OpenAIServer:
        if self._session is None:
            raise RuntimeFailure(WorkerFault.RUNTIME_UNREACHABLE, "the runtime is not started")
        return OpenAIServer(self._session, base_url=self._url, api_key=self._api_key)


def _offer(model: ServedModel, available: dict[str, int]) -> ModelOffer:
    local = _local_name(model)
    if local not in available:
        raise WorkerStop(
            ExitCode.NO_MODEL,
            f"the server has no model {local!r} for {model.model}; it has "
            f"{', '.join(sorted(available)) or 'none'}: --models {model.model}=NAME",
        )
    told = available[local]
    context = min(told, model.context_tokens) if told else model.context_tokens
    return ModelOffer(model=model.model, context_tokens=context)


def _local_name(model: ServedModel) -> str:
    return model.local or model.model


def _with_version(url: str) -> str:
    return url if url.rstrip("/").endswith("/v1") else url.rstrip("/") + "/v1"
