"""Customers and workers that go on whatever becomes of the orchestrator; what the customers saw.

They wait while `is_up` is not set: that stands for their retries, without a clock.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
import msgspec

from tests.support.scripted_worker import ScriptedWorker

BROKEN = (aiohttp.ClientError, ConnectionError, TimeoutError, asyncio.IncompleteReadError)
"""What a connection to a killed process can raise."""


@dataclass(slots=True, kw_only=True)
class Load:
    """What all customers did. `on_sent` is called with the number of each request."""

    url: str
    key: str
    on_sent: Callable[[int], None]
    is_up: asyncio.Event
    sent: int = 0
    parked: int = 0
    completed: list[str] = field(default_factory=list)
    """Jobs whose customer saw the end: `[DONE]`, or a whole plain answer."""
    begun: set[str] = field(default_factory=set)
    """Jobs of which a customer saw anything."""
    refused: int = 0
    is_over: bool = False


class ParkedCustomers:
    """Runs `count` customers, each one request after the other."""

    def __init__(self, load: Load, count: int) -> None:
        self._load = load
        self._count = count
        self._news = asyncio.Condition()

    async def all_parked(self) -> None:
        """Until every customer has noticed that the orchestrator is gone."""
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: self._load.parked == self._count)

    async def have_completed(self, count: int) -> None:
        """Until `count` requests have been answered whole."""
        async with asyncio.timeout(60), self._news:
            await self._news.wait_for(lambda: len(self._load.completed) >= count)

    async def run(self) -> None:
        """Until the load is over."""
        await asyncio.gather(*(self._serve(number) for number in range(self._count)))

    async def _serve(self, number: int) -> None:
        load = self._load
        headers = {"Authorization": f"Bearer {load.key}"}
        turn = number
        async with aiohttp.ClientSession(headers=headers) as http:
            while not load.is_over:
                await self._wait_until_up()
                turn += 1
                with contextlib.suppress(*BROKEN):
                    await self._ask(http, stream=turn % 2 == 0)
                async with self._news:
                    self._news.notify_all()

    async def _wait_until_up(self) -> None:
        load = self._load
        if load.is_up.is_set():
            return
        async with self._news:
            load.parked += 1
            self._news.notify_all()
        await load.is_up.wait()
        load.parked -= 1

    async def _ask(self, http: aiohttp.ClientSession, *, stream: bool) -> None:
        load = self._load
        load.sent += 1
        load.on_sent(load.sent)
        body = {
            "model": "basis-tiny",
            "messages": [{"role": "user", "content": "Hello!"}],
            "stream": stream,
        }
        async with http.post(f"{load.url}/v1/chat/completions", json=body) as response:
            if response.status != 200:
                load.refused += 1
                await response.read()
            elif stream:
                await self._read_stream(response)
            else:
                answer = msgspec.json.decode(await response.read())
                load.begun.add(_job_of(answer["id"]))
                load.completed.append(_job_of(answer["id"]))

    async def _read_stream(self, response: aiohttp.ClientResponse) -> None:
        job = ""
        async for line in response.content:
            text = line.decode().strip()
            if text == "data: [DONE]":
                self._load.completed.append(job)
            elif text:
                event = msgspec.json.decode(text.removeprefix("data: "))
                if "id" in event:
                    job = _job_of(event["id"])
                    self._load.begun.add(job)


async def keep_connected(
    worker: ScriptedWorker, *, is_up: asyncio.Event, is_over: asyncio.Event
) -> None:
    """Registers once; then connects with the token whenever the link is gone."""
    token: str | None = None
    while not is_over.is_set():
        await is_up.wait()
        link = ScriptedWorker(
            worker.url,
            worker_id=worker.worker_id,
            wallet=worker.wallet,
            script=worker.script,
            slots=worker.slots,
            token=token,
        )
        with contextlib.suppress(*BROKEN):
            async with link:
                token = link.token
                closed = asyncio.ensure_future(link.closed.wait())
                over = asyncio.ensure_future(is_over.wait())
                await asyncio.wait([closed, over], return_when=asyncio.FIRST_COMPLETED)
                for waiting in (closed, over):
                    waiting.cancel()


def _job_of(answer_id: str) -> str:
    return "job_" + answer_id.removeprefix("chatcmpl-")
