"""The worker link: one WebSocket, spoken as docs/reference/worker-protocol.md says.

It moves frames between socket and session; who may connect is decided in `greeting`. A worker that
breaks the protocol hears why in a `notice`; what cannot be made sense of ends the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping

import msgspec
import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from basis.config import WorkerSettings
from basis.dispatch.dispatcher import Dispatcher
from basis.dispatch.frame_checks import check_size, check_tool_calls, complete_tool_calls
from basis.dispatch.greeting import Doorkeeper, RefusedLink
from basis.dispatch.lease import LeaseFailure, LinkViolation, now_us
from basis.dispatch.lobby import Lobby
from basis.dispatch.presence import PresenceBook
from basis.dispatch.roster import Roster
from basis.dispatch.session import WorkerSession
from basis.rules.catalog import Catalog
from basis.rules.job import FailureReason
from basis.wire import frames

_log = structlog.get_logger(__name__)
_decode = msgspec.json.Decoder(frames.FromWorker).decode
_LONGEST_DETAIL = 500
_CLOSE_TIMEOUT_S = 2.0
"""How long the last frames may take to be read, before the connection is cut off."""

_FAULTS: Mapping[frames.WorkerFault, tuple[FailureReason, bool]] = {
    frames.WorkerFault.BAD_REQUEST: (FailureReason.BAD_REQUEST, False),
    frames.WorkerFault.CONTEXT_EXCEEDED: (FailureReason.CONTEXT_EXCEEDED, False),
    frames.WorkerFault.UNSUPPORTED: (FailureReason.UNSUPPORTED, True),
    frames.WorkerFault.RUNTIME_TRUNCATED: (FailureReason.WORKER_TRUNCATED, True),
}
"""What a worker's fault is on the receipt, and whether another worker might do better."""


class LinkServer:
    """Serves `GET /api/workers/connect`."""

    def __init__(
        self,
        *,
        roster: Roster,
        presence: PresenceBook,
        dispatcher: Dispatcher,
        catalog: Catalog,
        settings: WorkerSettings,
    ) -> None:
        self._roster = roster
        self._presence = presence
        self._dispatcher = dispatcher
        self._settings = settings
        self._doorkeeper = Doorkeeper(
            roster=roster, dispatcher=dispatcher, catalog=catalog, settings=settings
        )
        self._lobby = Lobby(
            max_links=settings.max_silent_links,
            max_links_per_address=settings.max_silent_links_per_address,
        )

    async def handle(self, request: web.Request, *, address: str) -> web.WebSocketResponse:
        """Runs one connection from its hello to its end.

        Raises:
            Overloaded: too many others, in all or from this address, have not said hello yet.
        """
        socket = web.WebSocketResponse(
            protocols=(frames.SUBPROTOCOL,),
            compress=False,
            max_msg_size=frames.MAX_WORKER_FRAME_BYTES,
            decode_text=False,
            timeout=_CLOSE_TIMEOUT_S,
        )
        with self._lobby.place(address):
            await socket.prepare(request)
            try:
                session, welcome = await self._doorkeeper.admit(socket)
            except RefusedLink as refusal:
                await _refuse(request, socket, refusal.frame)
                _log.info("worker_refused", code=refusal.frame.code)
                return socket
            except Exception:
                # The link has begun, so no HTTP answer can follow, and nobody else would end it.
                _cut_off(request)
                raise
        session.send(welcome)
        self._dispatcher.add_session(session)
        self._roster.on_linked(session.worker_id)
        self._mark_online(session)
        _log.info("worker_online", worker=session.worker_id, slots=session.slots)
        await self._serve(request, socket, session)
        return socket

    async def watch_sessions(self) -> None:
        """Ends sessions that were not heard for too long. Runs for ever."""
        while True:
            await asyncio.sleep(1.0)
            limit_us = self._settings.offline_after_s * 1_000_000
            for session in list(self._dispatcher.sessions.values()):
                if now_us() - session.heard_us > limit_us:
                    self._dispatcher.remove_session(session, detail="no frame for too long")

    async def _serve(
        self, request: web.Request, socket: web.WebSocketResponse, session: WorkerSession
    ) -> None:
        sender = asyncio.create_task(_write_outgoing(request, socket, session))
        detail = "the link closed"
        try:
            detail = await self._read_frames(socket, session)
        finally:
            # Before anything is awaited: whatever interrupts us, the session is gone.
            self._dispatcher.remove_session(session, detail=detail)
            _log.info("worker_offline", worker=session.worker_id, reason=detail)
            await sender

    async def _read_frames(self, socket: web.WebSocketResponse, session: WorkerSession) -> str:
        while not session.is_closed:
            message = await socket.receive()
            if message.type is not WSMsgType.TEXT:
                if message.type is WSMsgType.BINARY:
                    _notify(session, "bad_frame", "frames are text, not binary")
                    return "sent a binary frame"
                return "the link closed"
            session.heard_us = now_us()
            try:
                self._on_frame(session, _decode(message.data))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                _notify(session, "bad_frame", f"a frame cannot be read: {error}")
                return "sent a frame that cannot be read"
            except LinkViolation as violation:
                _notify(session, "protocol_violation", str(violation))
                return f"broke the protocol: {violation}"
        return "the session was ended"

    def _on_frame(self, session: WorkerSession, frame: frames.FromWorker) -> None:
        match frame:
            case frames.Chunk() | frames.Vector() | frames.Done() | frames.Failed():
                self._on_lease_frame(session, frame)
            case frames.Status():
                self._on_status(session, frame)
            case frames.WorkerPing():
                session.send(frames.Pong(nonce=frame.nonce))
            case frames.WorkerPong():
                pass
            case frames.Hello():
                raise LinkViolation("a second hello came")

    def _on_lease_frame(
        self,
        session: WorkerSession,
        frame: frames.Chunk | frames.Vector | frames.Done | frames.Failed,
    ) -> None:
        lease = session.leases.get(frame.lease_id)
        if lease is None:
            if session.is_late(frame.lease_id):
                return
            raise LinkViolation("a frame came for a lease that is not yours, or is over")
        if lease.end is not None and not lease.is_ended_by_worker:
            return  # we have given it up, and the cancel is on its way
        try:
            match frame:
                case frames.Failed():
                    lease.on_failed(_failure_of(frame))
                case frames.Done():
                    lease.on_done(frame)
                case frames.Chunk() | frames.Vector():
                    check_size(frame)
                    if isinstance(frame, frames.Chunk) and frame.tool_calls:
                        begun = check_tool_calls(frame.tool_calls, begun=lease.calls_begun)
                        lease.calls_begun = begun
                        whole = complete_tool_calls(frame.tool_calls)
                        frame = msgspec.structs.replace(frame, tool_calls=whole)
                    lease.on_frame(frame)
        except LinkViolation as violation:
            lease.fail(
                LeaseFailure(
                    reason=FailureReason.PROTOCOL_VIOLATION,
                    detail=str(violation),
                    is_retryable=True,
                )
            )
            raise

    def _on_status(self, session: WorkerSession, status: frames.Status) -> None:
        if status.draining and not session.is_draining:
            self._dispatcher.drain_session(session)
        self._mark_online(session)
        queued = sum(self._dispatcher.scheduler.queue_length(model) for model in session.models)
        session.send(
            frames.Standing(
                state="draining" if session.is_draining else "online",
                why=_why_idle(session),
                queued_jobs=queued,
            )
        )

    def _mark_online(self, session: WorkerSession) -> None:
        self._presence.mark(session.worker_id, minute=int(time.time()) // 60)


def _failure_of(failed: frames.Failed) -> LeaseFailure:
    reason, is_retryable = _FAULTS.get(failed.reason, (FailureReason.WORKER_FAILED, True))
    # The worker's own words are dropped: a prompt may stand in them, and we log the detail.
    detail = f"the worker says {failed.reason.value}"
    return LeaseFailure(reason=reason, detail=detail, is_retryable=is_retryable)


def _why_idle(session: WorkerSession) -> str:
    if session.is_draining:
        return "you are draining: no new jobs until you connect again"
    if session.in_flight:
        return f"{session.in_flight} of {session.slots} slots are busy"
    idle_s = (now_us() - session.idle_since_us) // 1_000_000
    models = ", ".join(sorted(session.models))
    return f"nobody has asked for {models} in the last {idle_s} s that others were not freer for"


def _notify(session: WorkerSession, code: str, text: str) -> None:
    session.send(frames.Notice(level="error", code=code, text=text[:_LONGEST_DETAIL]))


async def _refuse(
    request: web.Request, socket: web.WebSocketResponse, refused: frames.Refused
) -> None:
    """Says why, closes the socket, and cuts off a peer that does not read it."""
    try:
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await socket.send_str(msgspec.json.encode(refused).decode())
                await socket.close(code=WSCloseCode.POLICY_VIOLATION)
    finally:
        _cut_off(request)


async def _write_outgoing(
    request: web.Request, socket: web.WebSocketResponse, session: WorkerSession
) -> None:
    """Writes queued frames until the session is closed, then closes the socket.

    A peer that leaves the last frames unread is cut off: it would keep socket, tasks and frames.
    """
    writing = asyncio.create_task(_write_frames(socket, session))
    try:
        await session.wait_closed()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await writing
    finally:
        writing.cancel()
        session.drop_outgoing()
        _cut_off(request)


async def _write_frames(socket: web.WebSocketResponse, session: WorkerSession) -> None:
    try:
        while (data := await session.next_outgoing()) is not None:
            await socket.send_frame(data, WSMsgType.TEXT)
    except ConnectionError:
        session.close(reason=FailureReason.WORKER_LOST, detail="the link broke")
    await socket.close()


def _cut_off(request: web.Request) -> None:
    """Ends the connection at once; `close` alone would wait until everything is read."""
    if request.transport is not None:
        request.transport.abort()
