"""The worker's end of one WebSocket: frames out, frames in, and knowing when it is dead."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp
import msgspec

from basis.wire.frames import (
    CONNECT_PATH,
    MAX_JOB_FRAME_BYTES,
    PROTOCOL_VERSION,
    SUBPROTOCOL,
    FromWorker,
    Hello,
    Refused,
    ToWorker,
    Welcome,
)
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.foreign_words import shorten
from basis.worker.http_retry import is_passing, read_retry_after
from basis.worker.shown_address import shown_address

WELCOME_TIMEOUT_S = 15.0
_CLOSE_TIMEOUT_S = 2.0
_SILENT_HEARTBEATS = 2.5
"""Heartbeats without any frame after which the other end counts as dead."""

_TO_WORKER = msgspec.json.Decoder(ToWorker)
_CLOSING = frozenset({aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED})


class LinkLost(Exception):
    """The connection is gone; the message says how.

    `retry_after_s` is how long the other end asks us to wait, 0 if it does not say.
    """

    def __init__(self, message: str, *, retry_after_s: float = 0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UnknownFrame(LinkLost):
    """What came is no frame that we know."""


class LinkRefused(Exception):
    """The orchestrator answered `hello` with `refused`."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{shorten(refused.code)}: {shorten(refused.message)}")
        self.refused = refused


class Link:
    """An open WebSocket. `send` may be called from many tasks, `receive` from one."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, frame: FromWorker) -> None:
        """Sends a frame; frames keep the order of the calls.

        Raises:
            LinkLost: it can no longer be sent.
        """
        try:
            await self._socket.send_frame(msgspec.json.encode(frame), aiohttp.WSMsgType.TEXT)
        except (aiohttp.ClientError, ConnectionError, RuntimeError) as error:
            raise LinkLost("the connection broke while sending") from error

    async def receive(self, *, timeout_s: float) -> ToWorker:
        """The next frame.

        Raises:
            LinkLost: the link is closed, was silent for `timeout_s`, or brought what is no frame.
        """
        try:
            message = await self._socket.receive(timeout=timeout_s)
        except TimeoutError as error:
            raise LinkLost(f"no frame for {timeout_s:.0f} s") from error
        if message.type in _CLOSING:
            code = self._socket.close_code
            raise LinkLost(f"closed with code {code} {shorten(message.extra or '')}".rstrip())
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise LinkLost(f"a message that is no text: {message.type.name.lower()}")
        try:
            return _TO_WORKER.decode(message.data)
        except msgspec.DecodeError as error:
            raise UnknownFrame("a frame of unknown shape") from error

    async def close(self) -> None:
        """Closes the link; a dead other end holds it up for two seconds at most."""
        with contextlib.suppress(TimeoutError, aiohttp.ClientError, ConnectionError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._socket.close()


async def open_link(
    session: aiohttp.ClientSession, orchestrator: str, hello: Hello, *, welcomed_before: bool
) -> tuple[Link, Welcome]:
    """Connects and introduces the worker.

    `welcomed_before` tells that the address is right: whatever HTTP status answers there now, such
    as the 404 of a proxy whose backend is down, will pass.

    Raises:
        LinkLost: no connection, or no welcome in time.
        LinkRefused: the orchestrator does not want it.
        WorkerStop: it speaks another protocol, or is no orchestrator.
    """
    try:
        socket = await session.ws_connect(
            orchestrator + CONNECT_PATH,
            protocols=(SUBPROTOCOL,),
            max_msg_size=MAX_JOB_FRAME_BYTES,
        )
    except aiohttp.ClientResponseError as error:
        if welcomed_before or is_passing(error.status):
            raise LinkLost(
                f"no connection: HTTP {error.status}",
                retry_after_s=read_retry_after((error.headers or {}).get("Retry-After", "")),
            ) from error
        raise WorkerStop(
            ExitCode.PROTOCOL,
            f"{shown_address(orchestrator)} offers no worker link (HTTP {error.status}); "
            "check --orchestrator, and that a proxy before it passes WebSockets on",
        ) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise LinkLost(f"no connection: {error or type(error).__name__}") from error
    link = Link(socket)
    try:
        if socket.protocol != SUBPROTOCOL:
            raise _wrong_protocol(f"it does not speak {SUBPROTOCOL}")
        return link, await _introduce(link, hello)
    except BaseException:
        await link.close()
        raise


async def _introduce(link: Link, hello: Hello) -> Welcome:
    await link.send(hello)
    try:
        answer = await link.receive(timeout_s=WELCOME_TIMEOUT_S)
    except UnknownFrame as error:
        raise _wrong_protocol("its first frame is of unknown shape") from error
    match answer:
        case Welcome():
            if answer.protocol != PROTOCOL_VERSION:
                raise _wrong_protocol(f"it welcomes with version {answer.protocol}")
            return answer
        case Refused():
            raise LinkRefused(answer)
        case _:
            raise LinkLost("the first frame was neither welcome nor refused")


def silence_limit_s(heartbeat_s: int) -> float:
    """Seconds without any frame after which the other end counts as dead."""
    return heartbeat_s * _SILENT_HEARTBEATS


def _wrong_protocol(how: str) -> WorkerStop:
    return WorkerStop(
        ExitCode.PROTOCOL,
        f"the orchestrator speaks another protocol: {how}; this worker speaks version "
        f"{PROTOCOL_VERSION}: update the older of the two",
    )
