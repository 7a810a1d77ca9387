"""A worker that answers at once over a real link, and knows how much CPU it used itself.

It runs in the orchestrator's process, in a thread with an event loop of its own, so that its CPU
can be read apart (per thread) and subtracted.
"""

from __future__ import annotations

import asyncio
import threading

import aiohttp
import msgspec

from basis.metering.meter import file_sha256
from basis.wire import frames
from bench.threads import WorkerThread

_decode = msgspec.json.Decoder(frames.ToWorker).decode
_SLOTS = 256
_WORDS = (" The", " little", " dog", " walks", " in", " the", " garden", ".")


class InstantWorker(WorkerThread):
    """Answers each job with `tokens` chunks of one word, until the orchestrator closes the link."""

    def __init__(self, url: str, *, tokens: int) -> None:
        super().__init__(self._serve)
        self._url = url
        self._texts = [_WORDS[index % len(_WORDS)] for index in range(tokens)]
        self._connected = threading.Event()

    async def connected(self) -> None:
        """Until the orchestrator has welcomed it."""
        await asyncio.to_thread(self._connected.wait)

    async def _serve(self) -> None:
        from tests.support.artefacts import TINY_GGUF

        async with aiohttp.ClientSession() as http:
            token = await self._register(http)
            socket = await http.ws_connect(
                f"{self._url}{frames.CONNECT_PATH}", protocols=(frames.SUBPROTOCOL,), compress=0
            )
            hello = frames.Hello(
                protocol=frames.PROTOCOL_VERSION,
                worker_id="instant",
                token=token,
                software="bench",
                runtime="llamacpp",
                models=[
                    frames.ModelOffer(model="basis-tiny", digest=f"sha256:{file_sha256(TINY_GGUF)}")
                ],
                slots=_SLOTS,
                hardware=frames.Hardware(kind="cpu", name="bench"),
            )
            await socket.send_str(msgspec.json.encode(hello).decode())
            first = _decode((await socket.receive()).data)
            if not isinstance(first, frames.Welcome):
                raise ConnectionError(f"the orchestrator refused the worker: {first}")
            self._connected.set()
            await self._answer_jobs(socket)

    async def _register(self, http: aiohttp.ClientSession) -> str:
        body = {
            "worker_id": "instant",
            "worker_wallet": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "runtime": "llamacpp",
            "models": ["basis-tiny"],
        }
        async with http.post(f"{self._url}/api/workers/register", json=body) as answer:
            return str((await answer.json())["worker_token"])

    async def _answer_jobs(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            frame = _decode(message.data)
            if isinstance(frame, frames.Job):
                for seq, text in enumerate(self._texts):
                    chunk = frames.Chunk(lease_id=frame.lease_id, seq=seq, text=text)
                    await socket.send_str(msgspec.json.encode(chunk).decode())
                done = frames.Done(lease_id=frame.lease_id, frames=len(self._texts))
                await socket.send_str(msgspec.json.encode(done).decode())
