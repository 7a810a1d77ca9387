"""A small real orchestrator for the worker's tests: it keeps the protocol and does as it is told.

It checks what the protocol promises of workers: subprotocol, tokens, numbering, the window.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from aiohttp import WSMsgType, web

from basis.wire import frames
from basis.wire.registration import (
    CATALOG_PATH,
    REGISTER_PATH,
    CatalogEntry,
    CatalogResponse,
    RegisterRequest,
    RegisterResponse,
)

TEXT_KINDS = ["chat", "completion"]
CATALOG = CatalogResponse(
    version="test",
    models=[
        CatalogEntry(
            model="basis-tiny",
            kinds=TEXT_KINDS,
            context_tokens=1_024,
            multiplier_bps=1_000,
            latency_class="tiny",
        ),
        CatalogEntry(
            model="basis-tiny-embed",
            kinds=["embedding"],
            context_tokens=1_024,
            multiplier_bps=1_000,
            latency_class="tiny",
        ),
        CatalogEntry(
            model="basis-echo",
            kinds=TEXT_KINDS,
            context_tokens=100_000,
            multiplier_bps=0,
            latency_class="tiny",
            runtimes=["echo"],
        ),
    ],
)
_FROM_WORKER = msgspec.json.Decoder(frames.FromWorker)


class Connection:
    """One worker's link, seen from the orchestrator."""

    def __init__(
        self, socket: web.WebSocketResponse, hello: frames.Hello, *, answers_status: bool
    ) -> None:
        self._socket = socket
        self._answers_status = answers_status
        self.hello = hello
        self.statuses: asyncio.Queue[frames.Status] = asyncio.Queue()
        self.frames: asyncio.Queue[frames.FromWorker] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.close_code: int | None = None

    async def send(self, frame: frames.ToWorker) -> None:
        await self._socket.send_str(msgspec.json.encode(frame).decode())

    async def send_text(self, text: str) -> None:
        await self._socket.send_str(text)

    async def next(self, *, timeout_s: float = 20) -> frames.FromWorker:
        """The next frame that is no status."""
        async with asyncio.timeout(timeout_s):
            return await self.frames.get()

    async def next_status(self) -> frames.Status:
        async with asyncio.timeout(20):
            return await self.statuses.get()

    async def until_end(self, lease_id: str, *, ack: bool = True) -> list[frames.FromWorker]:
        """The frames of one lease up to done or failed, each chunk acked if asked."""
        gathered: list[frames.FromWorker] = []
        while True:
            frame = await self.next()
            assert frame.lease_id == lease_id
            gathered.append(frame)
            if isinstance(frame, frames.Done | frames.Failed):
                return gathered
            if ack:
                # A draining worker may be gone by now: its done does not wait for the last ack.
                with contextlib.suppress(ConnectionResetError):
                    await self.send(frames.Ack(lease_id=lease_id, seq=frame.seq))

    async def drop(self) -> None:
        """Ends the connection as a crash would."""
        transport = self._socket._req.transport
        transport.abort()
        await self.closed.wait()

    async def close(self) -> None:
        await self._socket.close()

    async def read(self) -> None:
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                break
            frame = _FROM_WORKER.decode(message.data)
            if isinstance(frame, frames.Status):
                self.statuses.put_nowait(frame)
                if self._answers_status:
                    await self.send(frames.Standing(state="ready", why="no customer is asking"))
            else:
                self.frames.put_nowait(frame)
        self.close_code = self._socket.close_code
        self.closed.set()


class OrchestratorDouble:
    """What tests arrange (`refusals`, `heartbeat_s`, ...) and what they look at."""

    def __init__(self) -> None:
        self.url = ""
        self.catalog = CATALOG
        self.session_id = "session-1"
        self.heartbeat_s = 15
        self.window_frames = 256
        self.answers_status = True
        self.refusals: list[frames.Refused] = []
        self.register_error: tuple[int, str, str] | None = None
        self.registrations: list[RegisterRequest] = []
        self.bearers: list[str | None] = []
        self.tokens: dict[str, str] = {}
        self.connections: asyncio.Queue[Connection] = asyncio.Queue()
        self.unavailable_calls = 0

    async def connected(self) -> Connection:
        async with asyncio.timeout(30):
            return await self.connections.get()

    def make_app(self) -> web.Application:
        app = web.Application()
        app.router.add_get(CATALOG_PATH, self._on_catalog)
        app.router.add_post(REGISTER_PATH, self._on_register)
        app.router.add_get(frames.CONNECT_PATH, self._on_connect)
        return app

    async def _on_catalog(self, _: web.Request) -> web.Response:
        if self.unavailable_calls > 0:
            self.unavailable_calls -= 1
            return web.Response(status=503)
        return _json(self.catalog)

    async def _on_register(self, request: web.Request) -> web.Response:
        self.bearers.append(request.headers.get("Authorization"))
        body = msgspec.json.decode(await request.read(), type=RegisterRequest)
        self.registrations.append(body)
        if self.register_error is not None:
            status, code, message = self.register_error
            return _json({"error": {"message": message, "code": code}}, status=status)
        created = body.worker_id not in self.tokens
        if created:
            self.tokens[body.worker_id] = "bwt-" + secrets.token_hex(8)
        response = RegisterResponse(
            worker_id=body.worker_id,
            worker_wallet=body.worker_wallet,
            runtime=body.runtime,
            models=body.models,
            created=created,
            worker_token=self.tokens[body.worker_id] if created else None,
        )
        return _json(response)

    async def _on_connect(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=(frames.SUBPROTOCOL,))
        await socket.prepare(request)
        hello = _FROM_WORKER.decode((await socket.receive()).data)
        assert isinstance(hello, frames.Hello)
        refused = self._refuse(hello)
        if refused is not None:
            await socket.send_str(msgspec.json.encode(refused).decode())
            await socket.close()
            return socket
        connection = Connection(socket, hello, answers_status=self.answers_status)
        await connection.send(self._welcome(hello))
        self.connections.put_nowait(connection)
        await connection.read()
        return socket

    def _refuse(self, hello: frames.Hello) -> frames.Refused | None:
        if self.refusals:
            return self.refusals.pop(0)
        if self.tokens.get(hello.worker_id) != hello.token:
            return frames.Refused(code="bad_token", message="the token is not this worker's")
        return None

    def _welcome(self, hello: frames.Hello) -> frames.Welcome:
        return frames.Welcome(
            protocol=frames.PROTOCOL_VERSION,
            session_id=self.session_id,
            heartbeat_s=self.heartbeat_s,
            window_frames=self.window_frames,
            models=[frames.ModelVerdict(model=o.model, routable=True) for o in hello.models],
            earned_raw="1500000000000000000",
            token_symbol="BASIS",
            token_decimals=18,
        )


@asynccontextmanager
async def open_orchestrator() -> AsyncIterator[OrchestratorDouble]:
    """A running double on a free port."""
    double = OrchestratorDouble()
    runner = web.AppRunner(double.make_app(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    double.url = f"http://{host}:{port}"
    try:
        yield double
    finally:
        await runner.cleanup()


def chat_job(
    text: str, *, lease_id: str = "lease-1", model: str = "basis-echo", **fields: object
) -> frames.Job:
    """A chat of one message."""
    request = {"model": model, "messages": [{"role": "user", "content": text}], **fields}
    return frames.Job(
        lease_id=lease_id,
        job_id=f"job-of-{lease_id}",
        kind=frames.JobKind.CHAT,
        model=model,
        request=msgspec.Raw(msgspec.json.encode(request)),
        timeout_s=60,
    )


def _json(body: object, *, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )
