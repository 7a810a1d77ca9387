"""HTTP connections before there is a request: how many, how long, and what is said to bad ones.

The library answers what it cannot parse in plain text with its own name, keeps silent connections
for an hour, and counts nothing. What it lets a subclass decide is decided here; requests that came
through are the routes' affair.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from dataclasses import dataclass
from typing import cast

import structlog
from aiohttp import web

from basis.config import ServerSettings
from basis.gateway.errors import (
    Handler,
    answer_http_error,
    answer_unreadable,
    error_body,
    error_response,
)
from basis.rules.errors import BasisError, Overloaded, TooSlow

_log = structlog.get_logger(__name__)

_HEARD_OUT = 256
"""Connections above the limit that are answered 503; more than these are closed without a word."""
_OTHER_FILES = 64
"""Files that are open beside connections: the database's, and the system's own."""
_RETRY_AFTER_S = 5


@dataclass(slots=True, kw_only=True)
class ConnectionCount:
    """How many connections are open now."""

    open: int = 0


class Connection(web.RequestHandler):
    """One customer's, reader's or worker's connection."""

    __slots__ = ("_count", "_first_request", "_settings", "is_surplus")

    def __init__(
        self,
        server: web.Server,
        *,
        settings: ServerSettings,
        count: ConnectionCount,
        logger: logging.Logger,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=settings.keep_alive_s,
            logger=logger,
            access_log=logger,
        )
        self._settings = settings
        self._count = count
        self._first_request: asyncio.TimerHandle | None = None
        self.is_surplus = False
        """Whether it is above the limit, so that all it gets is a refusal."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Counts the connection, and begins to wait for its first request."""
        super().connection_made(transport)
        self._count.open += 1
        surplus = self._count.open - self._settings.max_connections
        self.is_surplus = surplus > 0
        stream = cast("asyncio.Transport", transport)
        if surplus > _HEARD_OUT:
            stream.abort()
            return
        # So that an answer is only written once the system has taken all of it: what waits here
        # would keep a connection open for ever after its closing.
        stream.set_write_buffer_limits(high=0)
        self._first_request = asyncio.get_running_loop().call_later(
            self._settings.headers_timeout_s, self._give_up
        )

    def connection_lost(self, exc: BaseException | None) -> None:
        """Counts the connection out."""
        self._count.open -= 1
        self.on_request()
        super().connection_lost(exc)

    def on_request(self) -> None:
        """A whole head of a request has come. Later ones have until the end of `keep_alive_s`."""
        if self._first_request is not None:
            self._first_request.cancel()
            self._first_request = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what is no request at all; the connection ends with it."""
        self.on_request()
        if status >= 500 and not isinstance(exc, ConnectionError):
            _log.error("connection_crashed", error=type(exc).__name__, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun, so that no other can be given")
        return answer_unreadable(status, message or "")

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Writes the answer; what the library itself refuses gets the shape of all errors.

        Streams and links are bounded where they are written: all that is left of them is nothing.
        """
        self.on_request()
        if isinstance(resp, web.HTTPException) and resp.status >= 400:
            resp = answer_http_error(request, resp)
        transport = self.transport
        try:
            async with asyncio.timeout(self._settings.body_timeout_s):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            if transport is not None:
                transport.abort()
            return resp, True

    def _give_up(self) -> None:
        self._first_request = None
        if self.transport is not None:
            limit_s = self._settings.headers_timeout_s
            self.transport.write(_bare_answer(TooSlow(f"no request came within {limit_s} s")))
        self.force_close()


@web.middleware
async def guard_connection(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets requests of connections within the limit through."""
    connection = request.protocol
    if isinstance(connection, Connection):
        connection.on_request()
        if connection.is_surplus:
            refusal = error_response(
                Overloaded("too many connections are open", retry_after_s=_RETRY_AFTER_S)
            )
            refusal.force_close()
            return refusal
    return await handler(request)


async def listen(runner: web.AppRunner, settings: ServerSettings) -> asyncio.Server:
    """Accepts connections for a runner that has been set up.

    Raises:
        OSError: the address cannot be listened on.
    """
    server = cast("web.Server", runner.server)
    _allow_open_files(settings.max_connections + _HEARD_OUT + _OTHER_FILES)
    loop = asyncio.get_running_loop()
    count = ConnectionCount()
    logger = _silent_logger()
    return await loop.create_server(
        lambda: Connection(server, settings=settings, count=count, logger=logger, loop=loop),
        settings.host,
        settings.port,
        backlog=1_024,
    )


def _silent_logger() -> logging.Logger:
    """A logger that says nothing: the HTTP library's own lines quote headers, keys among them."""
    logger = logging.getLogger("basis.http")
    logger.disabled = True
    return logger


def _allow_open_files(wanted: int) -> None:
    """Lets this process open so many files, or as many as the system allows; many allow 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted or soft == resource.RLIM_INFINITY:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
    except (ValueError, OSError):
        allowed = soft
    if allowed < wanted:
        _log.warning("few_open_files", allowed=allowed, wanted=wanted)


def _bare_answer(error: BasisError) -> bytes:
    """A whole answer where there is no request to answer."""
    body = error_body(error)
    head = (
        "HTTP/1.1 408 Request Timeout\r\nServer: basis\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
