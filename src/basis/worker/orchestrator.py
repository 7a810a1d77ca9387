"""The orchestrator's plain HTTP calls that a worker makes: catalog, register, heartbeat."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlencode

import aiohttp
import msgspec

from basis.wire.earnings import EARNINGS_PATH, EarningsResponse
from basis.wire.registration import (
    CATALOG_PATH,
    HEARTBEAT_PATH,
    REGISTER_PATH,
    CatalogResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    RegisterRequest,
    RegisterResponse,
)
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.foreign_words import shorten
from basis.worker.http_retry import is_passing, read_retry_after
from basis.worker.shown_address import shown_address

T = TypeVar("T")

_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=10)


class Unreachable(Exception):
    """No answer, or one that says to come back later. Trying again is right.

    `retry_after_s` is how long the orchestrator asks us to wait, 0 if it does not say.
    """

    def __init__(self, message: str, *, retry_after_s: float = 0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refusal(Exception):
    """The call will not be done, and no retry changes that. `code` is "" if that is all we know."""

    def __init__(self, *, status: int, code: str, param: str, message: str) -> None:
        super().__init__(f"HTTP {status}: {message}")
        self.status = status
        self.code = code
        self.param = param
        self.message = message


class _ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    message: str = ""
    code: str | None = None
    param: str | None = None


class _ErrorEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    error: _ErrorBody = _ErrorBody()


class Orchestrator:
    """The orchestrator at `url`. The session is the caller's to close.

    Every call raises `Unreachable`, or `Refusal` with the orchestrator's own words.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url

    async def load_catalog(self) -> CatalogResponse:
        """The models of the network."""
        _, body = await self._call("GET", CATALOG_PATH)
        return self._decode(body, CatalogResponse)

    async def load_time_s(self) -> float | None:
        """The orchestrator's clock to the second as Unix time; None if it does not tell."""
        headers, _ = await self._call("GET", CATALOG_PATH)
        date = headers.get("Date")
        return parsedate_to_datetime(date).timestamp() if date else None

    async def heartbeat(self, worker_id: str) -> HeartbeatResponse:
        """What the orchestrator makes of the worker."""
        _, body = await self._call("POST", HEARTBEAT_PATH, HeartbeatRequest(worker_id=worker_id))
        return self._decode(body, HeartbeatResponse)

    async def load_earnings(self, worker_id: str, query: Mapping[str, str]) -> EarningsResponse:
        """What the worker earned; `query` may hold from, to and by."""
        path = EARNINGS_PATH.format(worker_id=worker_id)
        _, body = await self._call("GET", f"{path}?{urlencode(query)}")
        return self._decode(body, EarningsResponse)

    async def register(self, request: RegisterRequest, *, token: str | None) -> RegisterResponse:
        """Registers a new worker, or changes one; an unchanged one needs no token.

        Raises:
            WorkerStop: the orchestrator will not have it so; the exit code says which part.
        """
        try:
            _, body = await self._call("POST", REGISTER_PATH, request, token=token)
        except Refusal as refusal:
            raise _stop_of(refusal, request) from refusal
        return self._decode(body, RegisterResponse)

    async def _call(
        self, method: str, path: str, body: object = None, *, token: str | None = None
    ) -> tuple[Mapping[str, str], bytes]:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else msgspec.json.encode(body)
        try:
            async with self._session.request(
                method, self.url + path, data=data, headers=headers, timeout=_TIMEOUT
            ) as answer:
                content = await answer.read()
        except aiohttp.ClientResponseError as error:
            raise self._no_orchestrator(f"it does not speak HTTP: {error.message}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(
                f"no answer from {shown_address(self.url)}: {_in_words(error)}"
            ) from error
        if is_passing(answer.status):
            raise Unreachable(
                f"{shown_address(self.url)} answers HTTP {answer.status}",
                retry_after_s=read_retry_after(answer.headers.get("Retry-After", "")),
            )
        if answer.status >= 300:
            raise _refusal_of(answer.status, content)
        return answer.headers, content

    def _decode(self, body: bytes, expected: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=expected)
        except msgspec.DecodeError as error:
            raise self._no_orchestrator(str(error)) from error

    def _no_orchestrator(self, why: str) -> WorkerStop:
        return WorkerStop(
            ExitCode.PROTOCOL,
            f"{shown_address(self.url)} does not answer like an orchestrator ({shorten(why)}); "
            "check --orchestrator",
        )


def _refusal_of(status: int, content: bytes) -> Refusal:
    try:
        error = msgspec.json.decode(content, type=_ErrorEnvelope).error
    except msgspec.DecodeError:
        error = _ErrorBody()
    return Refusal(
        status=status,
        code=error.code or "",
        param=error.param or "",
        message=shorten(error.message) or "no reason given",
    )


def _stop_of(refusal: Refusal, request: RegisterRequest) -> WorkerStop:
    """The end that a refused registration means for this worker."""
    if not refusal.code:
        return WorkerStop(
            ExitCode.PROTOCOL,
            f"what answers is no orchestrator (HTTP {refusal.status}); check --orchestrator",
        )
    if refusal.status in {401, 403, 409}:
        return WorkerStop(
            ExitCode.TOKEN_REFUSED,
            f"the orchestrator refuses to register {request.worker_id!r}: {refusal.message} "
            "(restore the token file of this worker, or take another --worker-id)",
        )
    if refusal.code == "invalid_wallet" or refusal.param == "worker_wallet":
        return WorkerStop(ExitCode.BAD_WALLET, refusal.message)
    if refusal.code == "model_not_found" or refusal.param == "models":
        return WorkerStop(ExitCode.NO_MODEL, refusal.message)
    return WorkerStop(ExitCode.USAGE, f"registration refused: {refusal.message}")


def _in_words(error: BaseException) -> str:
    return str(error) or type(error).__name__
