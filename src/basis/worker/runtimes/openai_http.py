"""Speaking OpenAI's API to a server: what `openai` and `llamacpp` share."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import TypeVar

import aiohttp
import msgspec

from basis.wire.frames import FinishReason, JobKind, WorkerFault
from basis.worker.runtimes.base import Finish, Piece, RuntimeFailure, VectorPiece
from basis.worker.runtimes.faults import fault_of_status
from basis.worker.runtimes.lines import iterate_lines
from basis.worker.runtimes.openai_stream import read_answer
from basis.worker.runtimes.request import Fields, read_as, to_raw, unsupported
from basis.worker.shown_address import shown_address

T = TypeVar("T")

_PATHS = {
    JobKind.CHAT: "/chat/completions",
    JobKind.COMPLETION: "/completions",
    JobKind.EMBEDDING: "/embeddings",
}
_CONNECT_TIMEOUT_S = 10.0
_MAX_ERROR_BYTES = 64 << 10
"""How much of an error's body is read."""


class _ServerModel(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    max_model_len: int | None = None
    """vLLM's and SGLang's context of the model in tokens."""


class _ModelList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[_ServerModel]


class _EmbeddingRequest(msgspec.Struct, frozen=True, kw_only=True):
    dimensions: int | None = None


class _Embedding(msgspec.Struct, frozen=True, kw_only=True):
    embedding: list[float]
    index: int


class _EmbeddingUsage(msgspec.Struct, frozen=True, kw_only=True):
    prompt_tokens: int = 0


class _EmbeddingList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[_Embedding]
    usage: _EmbeddingUsage = _EmbeddingUsage()


class OpenAIServer:
    """One server at `base_url`, which ends in /v1. The session is the caller's to close."""

    def __init__(self, session: aiohttp.ClientSession, *, base_url: str, api_key: str = "") -> None:
        self._session = session
        self._base_url = base_url
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    async def load_models(self) -> dict[str, int]:
        """The server's models with their context in tokens, 0 where it is not told.

        Raises:
            RuntimeFailure: no answer, or one of another shape.
        """
        async with open_answer(
            self._session, "GET", f"{self._base_url}/models", headers=self._headers
        ) as answer:
            body = await answer.read()
        return {model.id: model.max_model_len or 0 for model in _decode(body, _ModelList).data}

    async def answer(
        self, kind: JobKind, *, local: str, fields: Fields
    ) -> AsyncGenerator[Piece, None]:
        """Pieces of the answer to a request of these fields; texts are always streamed."""
        body = fields | {"model": to_raw(local)}
        pieces = self._embed(body) if kind is JobKind.EMBEDDING else self._stream(kind, body)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def _stream(self, kind: JobKind, fields: Fields) -> AsyncGenerator[Piece, None]:
        streamed = {"stream": to_raw(True), "stream_options": to_raw({"include_usage": True})}
        async with (
            self._post(kind, fields | streamed) as answer,
            aclosing(read_answer(iterate_lines(answer.content), kind)) as pieces,
        ):
            async for piece in pieces:
                yield piece

    async def _embed(self, fields: Fields) -> AsyncGenerator[Piece, None]:
        dimensions = read_as(fields, _EmbeddingRequest).dimensions
        body = fields | {"encoding_format": to_raw("float")}
        async with self._post(JobKind.EMBEDDING, body) as answer:
            decoded = _decode(await answer.read(), _EmbeddingList)
        for item in sorted(decoded.data, key=lambda item: item.index):
            if dimensions not in {None, len(item.embedding)}:
                raise unsupported("'dimensions': it answers vectors of another length")
            yield VectorPiece(index=item.index, values=item.embedding)
        yield Finish(finish_reason=FinishReason.STOP, prompt_tokens=decoded.usage.prompt_tokens)

    def _post(
        self, kind: JobKind, body: Fields
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        url = self._base_url + _PATHS[kind]
        return open_answer(self._session, "POST", url, body=body, headers=self._headers)


def open_session() -> aiohttp.ClientSession:
    """A session for talking to a runtime; each request gets a connection of its own.

    A kept one may be closed by the server at the moment of the next request, which is a POST and
    so cannot be sent twice: llama-server closes after every stream. A job pays for a connection
    easily. Nor does a server then hold threads for connections without a job.
    """
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))


@asynccontextmanager
async def open_answer(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    body: Fields | None = None,
    headers: dict[str, str] | None = None,
) -> AsyncGenerator[aiohttp.ClientResponse, None]:
    """The successful answer to a request; leaving the block early closes its connection.

    Raises:
        RuntimeFailure: nobody listens, an error status, or an answer that breaks off.
    """
    data = None if body is None else msgspec.json.encode(body)
    sent = {"Content-Type": "application/json", **(headers or {})}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_S)
    try:
        answer = await session.request(method, url, data=data, headers=sent, timeout=timeout)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise RuntimeFailure(
            WorkerFault.RUNTIME_UNREACHABLE,
            f"no answer from {shown_address(url)}: {type(error).__name__}",
        ) from error
    try:
        if answer.status >= 300:
            raise fault_of_status(answer.status, await answer.content.read(_MAX_ERROR_BYTES))
        yield answer
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise RuntimeFailure(
            WorkerFault.RUNTIME_TRUNCATED, f"the answer broke off: {type(error).__name__}"
        ) from error
    finally:
        # An answer read to its end has given its connection back already; any other one is
        # closed, which is how a runtime learns that nobody wants the rest.
        answer.close()


def _decode(body: bytes, expected: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=expected)
    except msgspec.DecodeError as error:
        raise RuntimeFailure(
            WorkerFault.RUNTIME_ERROR, "an answer of unknown shape", quote=str(error)
        ) from error
