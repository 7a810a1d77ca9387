"""The beginning of a link: reads the hello, and decides who may connect and which models count."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

import msgspec
from aiohttp import WSMsgType, web

from basis.config import WorkerSettings
from basis.dispatch.admission import check_model_offer
from basis.dispatch.dispatcher import Dispatcher
from basis.dispatch.roster import Roster
from basis.dispatch.session import WorkerSession
from basis.rules.catalog import Catalog
from basis.rules.errors import BasisError
from basis.rules.units import BASIS
from basis.storage.worker_store import WorkerRecord
from basis.wire import frames

_decode = msgspec.json.Decoder(frames.FromWorker).decode

_LONGEST_HARDWARE_TEXT = 200
"""It is published as it is, in /api/workers."""


class RefusedLink(Exception):
    """The hello was not good enough; carries the frame that says why."""

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.frame = frames.Refused(code=code, message=message, retryable=retryable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorkeeper:
    """Admits workers, or says by a code and in words why not."""

    roster: Roster
    dispatcher: Dispatcher
    catalog: Catalog
    settings: WorkerSettings

    async def admit(self, socket: web.WebSocketResponse) -> tuple[WorkerSession, frames.Welcome]:
        """A session for the worker that says hello, and the frame that welcomes it.

        Raises:
            RefusedLink: its frame says why.
        """
        hello = await self._read_hello(socket)
        if hello.protocol != frames.PROTOCOL_VERSION:
            raise RefusedLink("version", f"we speak version {frames.PROTOCOL_VERSION}")
        sessions = self.dispatcher.sessions
        if self.dispatcher.is_closing:
            raise RefusedLink("draining", "the orchestrator is shutting down", retryable=True)
        if len(sessions) >= self.settings.max_links and hello.worker_id not in sessions:
            raise RefusedLink("full", "too many workers are connected", retryable=True)
        try:
            record = self.roster.authenticate(hello.worker_id, hello.token)
        except BasisError as error:
            code = "unknown_worker" if error.code == "not_found" else "bad_token"
            raise RefusedLink(code, error.message) from error
        if hello.runtime != record.runtime:
            raise RefusedLink(
                "runtime", f"worker {record.id} is registered with runtime {record.runtime}"
            )
        claimed = (hello.hardware.kind, hello.hardware.name, hello.hardware.driver)
        if max(len(text) for text in claimed) > _LONGEST_HARDWARE_TEXT:
            raise RefusedLink(
                "bad_frame", f"hardware texts have at most {_LONGEST_HARDWARE_TEXT} characters"
            )
        if not 1 <= hello.slots <= self.settings.max_slots:
            raise RefusedLink("slots", f"slots must be 1 to {self.settings.max_slots}")
        verdicts = self._judge_models(hello, record)
        if not any(verdict.routable for verdict in verdicts):
            reasons = "; ".join(f"{v.model}: {v.reason}" for v in verdicts) or "none was offered"
            raise RefusedLink("no_models", f"no offered model can get jobs ({reasons})")
        return self._open(hello, record, verdicts)

    async def _read_hello(self, socket: web.WebSocketResponse) -> frames.Hello:
        try:
            async with asyncio.timeout(self.settings.hello_timeout_s):
                message = await socket.receive()
        except TimeoutError:
            raise RefusedLink("bad_frame", "no hello came") from None
        if message.type is not WSMsgType.TEXT:
            raise RefusedLink("bad_frame", "the first message must be a hello frame in text")
        try:
            frame = _decode(message.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RefusedLink("bad_frame", f"the hello cannot be read: {error}") from error
        if not isinstance(frame, frames.Hello):
            raise RefusedLink("bad_frame", "the first frame must be a hello")
        return frame

    def _judge_models(self, hello: frames.Hello, record: WorkerRecord) -> list[frames.ModelVerdict]:
        verdicts: list[frames.ModelVerdict] = []
        for offer in hello.models[: self.settings.max_models]:
            reason = check_model_offer(offer, record=record, catalog=self.catalog)
            verdicts.append(
                frames.ModelVerdict(model=offer.model, routable=not reason, reason=reason)
            )
        return verdicts

    def _open(
        self, hello: frames.Hello, record: WorkerRecord, verdicts: list[frames.ModelVerdict]
    ) -> tuple[WorkerSession, frames.Welcome]:
        session = WorkerSession(
            session_id=secrets.token_hex(8),
            worker_id=record.id,
            wallet=record.wallet,
            runtime=record.runtime,
            models=frozenset(verdict.model for verdict in verdicts if verdict.routable),
            slots=hello.slots,
            hardware=hello.hardware,
            window=self.settings.window_frames,
        )
        welcome = frames.Welcome(
            protocol=frames.PROTOCOL_VERSION,
            session_id=session.session_id,
            heartbeat_s=self.settings.heartbeat_s,
            window_frames=self.settings.window_frames,
            models=verdicts,
            earned_raw=str(self.roster.earned_raw(record.id)),
            token_symbol=BASIS.symbol,
            token_decimals=BASIS.decimals,
        )
        return session, welcome
