"""The floor: aiohttp, msgspec and one WebSocket, forwarding a job and its chunks, nothing else.

No authentication, counting, receipts or store. What the real gateway costs above this is what it
does for the money.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import aiohttp
import msgspec
from aiohttp import web

_WORDS = (" The", " little", " dog", " walks", " in", " the", " garden", ".")


class _Frame(msgspec.Struct):
    id: int
    text: str | None = None
    body: msgspec.Raw = msgspec.Raw(b"null")


_decode = msgspec.json.Decoder(_Frame).decode


class _BareGateway:
    def __init__(self) -> None:
        self._ids = itertools.count()
        self._queues: dict[int, asyncio.Queue[str | None]] = {}
        self.worker: web.WebSocketResponse | None = None
        self.connected = asyncio.Event()

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self.worker = socket
        self.connected.set()
        async for message in socket:
            frame = _decode(message.data)
            queue = self._queues.get(frame.id)
            if queue is not None:
                queue.put_nowait(frame.text)
        return socket

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = msgspec.json.decode(body)
        job_id = next(self._ids)
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._queues[job_id] = queue
        frame = msgspec.json.encode(_Frame(id=job_id, body=msgspec.Raw(body)))
        if self.worker is None:
            raise web.HTTPServiceUnavailable
        await self.worker.send_str(frame.decode())
        try:
            return await (self._stream if asked["stream"] else self._plain)(request, queue)
        finally:
            del self._queues[job_id]

    async def _plain(
        self, _request: web.Request, queue: asyncio.Queue[str | None]
    ) -> web.StreamResponse:
        texts: list[str] = []
        while (text := await queue.get()) is not None:
            texts.append(text)
        answer = {"choices": [{"message": {"role": "assistant", "content": "".join(texts)}}]}
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    async def _stream(
        self, request: web.Request, queue: asyncio.Queue[str | None]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while (text := await queue.get()) is not None:
            event = {"choices": [{"index": 0, "delta": {"content": text}}]}
            await response.write(b"data: " + msgspec.json.encode(event) + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response


async def run_bare_gateway(
    tokens: int,
    stop: asyncio.Event,
    ready: asyncio.Future[tuple[str, str, Callable[[], float]]],
) -> None:
    """Serves until `stop`; its worker answers at once, in a thread of its own."""
    from bench.threads import WorkerThread

    gateway = _BareGateway()
    application = web.Application()
    application.router.add_get("/connect", gateway.connect)
    application.router.add_post("/v1/chat/completions", gateway.chat)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    texts = [_WORDS[index % len(_WORDS)] for index in range(tokens)]
    async with WorkerThread(lambda: _answer_jobs(url, texts)) as worker:
        await gateway.connected.wait()
        ready.set_result((url, "none", worker.cpu_s))
        await stop.wait()
        if gateway.worker is not None:
            await gateway.worker.close()
    await runner.cleanup()


async def _answer_jobs(url: str, texts: list[str]) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}/connect") as socket:
        async for message in socket:
            job_id = _decode(message.data).id
            for text in texts:
                await socket.send_str(msgspec.json.encode(_Frame(id=job_id, text=text)).decode())
            await socket.send_str(msgspec.json.encode(_Frame(id=job_id)).decode())
