"""A worker that does exactly what a test says: the link is real, only the model is scripted.

It speaks the protocol frame by frame, so that a test can also break it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from basis.rules.catalog import TINY_GGUF_DIGEST
from basis.wire import frames

WALLET = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
TINY_DIGEST = TINY_GGUF_DIGEST
_decode = msgspec.json.Decoder(frames.ToWorker).decode

Script = Callable[["ScriptedWorker", frames.Job], Awaitable[None]]


async def say_hello(worker: ScriptedWorker, job: frames.Job) -> None:
    """The default script: two chunks and a stop."""
    await worker.answer(job, ["Hello", " there."])


class ScriptedWorker:
    """Registered and connected inside `async with`; runs `script` for each job."""

    def __init__(
        self,
        url: str,
        *,
        worker_id: str = "scripted-1",
        wallet: str = WALLET,
        models: tuple[str, ...] = ("basis-tiny", "basis-tiny-embed"),
        runtime: str = "llamacpp",
        slots: int = 4,
        digest: str = TINY_DIGEST,
        script: Script = say_hello,
        token: str | None = None,
        changes: Mapping[str, object] | None = None,
    ) -> None:
        """`changes` are fields of the hello that differ from what fits the registration."""
        self.url = url
        self.worker_id = worker_id
        self.wallet = wallet
        self.models = models
        self.runtime = runtime
        self.slots = slots
        self.digest = digest
        self.script = script
        self.token = token
        self.changes = dict(changes or {})
        self.welcome: frames.Welcome | None = None
        self.received: list[Any] = []
        self.jobs: list[frames.Job] = []
        self.cancelled: list[str] = []
        self.acked: dict[str, int] = {}
        self.closed = asyncio.Event()
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession()
        if self.token is None:
            self.token = await self.register()
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.leave()
        await self.http.close()

    async def register(self) -> str:
        """Registers over HTTP; the token."""
        body = {
            "worker_id": self.worker_id,
            "worker_wallet": self.wallet,
            "runtime": self.runtime,
            "models": list(self.models),
        }
        async with self.http.post(f"{self.url}/api/workers/register", json=body) as response:
            answer = await response.json()
            assert response.status == 201, answer
            return str(answer["worker_token"])

    async def connect(self) -> None:
        """Opens the link and waits for the welcome."""
        self.socket = await self.http.ws_connect(
            f"{self.url}/api/workers/connect", protocols=(frames.SUBPROTOCOL,), compress=0
        )
        await self.send(self.hello())
        first = _decode((await self.socket.receive()).data)
        self.received.append(first)
        if isinstance(first, frames.Welcome):
            self.welcome = first
            self._reader = asyncio.create_task(self._read())

    def hello(self) -> frames.Hello:
        """The hello that fits the registration, with the test's changes."""
        fitting = frames.Hello(
            protocol=frames.PROTOCOL_VERSION,
            worker_id=self.worker_id,
            token=self.token or "",
            software="scripted/1",
            runtime=self.runtime,
            models=[
                frames.ModelOffer(model=model, digest=self.digest, context_tokens=1024)
                for model in self.models
            ],
            slots=self.slots,
            hardware=frames.Hardware(kind="cpu", name="scripted"),
        )
        return msgspec.structs.replace(fitting, **self.changes)

    async def send(self, frame: frames.FromWorker) -> None:
        """Sends a frame."""
        await self.socket.send_str(msgspec.json.encode(frame).decode())

    async def send_raw(self, text: str) -> None:
        """Sends whatever the test wants."""
        await self.socket.send_str(text)

    async def chunk(self, job: frames.Job, seq: int, text: str, **fields: Any) -> None:
        """Sends one chunk."""
        await self.send(frames.Chunk(lease_id=job.lease_id, seq=seq, text=text, **fields))

    async def done(self, job: frames.Job, count: int, **fields: Any) -> None:
        """Sends the end after `count` frames."""
        await self.send(frames.Done(lease_id=job.lease_id, frames=count, **fields))

    async def fail(self, job: frames.Job, reason: frames.WorkerFault, detail: str = "") -> None:
        """Gives the lease back."""
        await self.send(frames.Failed(lease_id=job.lease_id, reason=reason, detail=detail))

    async def answer(self, job: frames.Job, texts: list[str], **fields: Any) -> None:
        """A whole answer."""
        for seq, text in enumerate(texts):
            await self.chunk(job, seq, text)
        await self.done(job, len(texts), **fields)

    async def stream(self, job: frames.Job, texts: Iterable[str], **fields: Any) -> int:
        """Sends chunks without end, as many unacknowledged as the window lets; how many."""
        assert self.welcome is not None
        seq = 0
        for seq, text in enumerate(texts, start=1):
            await self.chunk(job, seq - 1, text, **fields)
            limit = seq - self.welcome.window_frames
            await self.wait_for(lambda worker, limit=limit: worker.last_ack(job) >= limit)
        return seq

    def last_ack(self, job: frames.Job) -> int:
        """The highest `seq` of the job that is acknowledged; -1 if none is."""
        return self.acked.get(job.lease_id, -1)

    @property
    def refusal(self) -> frames.Refused:
        """The frame that refused the link."""
        assert isinstance(self.received[0], frames.Refused), self.received
        return self.received[0]

    async def wait_for(self, is_there: Callable[[ScriptedWorker], bool]) -> None:
        """Until frames have come that make `is_there` true."""
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: is_there(self))

    def of_kind(self, kind: type[Any]) -> list[Any]:
        """The received frames of a kind."""
        return [frame for frame in self.received if isinstance(frame, kind)]

    async def leave(self) -> None:
        """Closes the link without a word, as a machine that vanishes."""
        for task in list(self._tasks):
            task.cancel()
        await self.socket.close()
        if self.welcome is not None:
            await asyncio.wait([self._reader])

    async def _read(self) -> None:
        async for message in self.socket:
            frame = _decode(message.data)
            async with self._news:
                self.received.append(frame)
                if isinstance(frame, frames.Job):
                    self.jobs.append(frame)
                    self._start(frame)
                elif isinstance(frame, frames.Cancel):
                    self.cancelled.append(frame.lease_id)
                elif isinstance(frame, frames.Ack):
                    self.acked[frame.lease_id] = frame.seq
                self._news.notify_all()
        self.closed.set()
        async with self._news:
            self._news.notify_all()

    def _start(self, job: frames.Job) -> None:
        task = asyncio.create_task(self._run(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, job: frames.Job) -> None:
        try:
            await self.script(self, job)
        except (ConnectionError, aiohttp.ClientError):
            # The orchestrator hung up on us; what it did is what the test looks at.
            return
