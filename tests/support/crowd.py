"""Many requests at once, held back by the worker until each of them was let in or refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from basis.rules.pricing import compute_charge
from basis.storage.clock import now_iso
from basis.wire import frames
from tests.support.house import House, open_house
from tests.support.orchestrators import Customer, until
from tests.support.scripted_worker import ScriptedWorker

AT_ONCE = 64
MAX_TOKENS = 40
"""Of each request."""


@dataclass(slots=True)
class Gate:
    """A script that answers nothing before it is opened."""

    is_open: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, worker: ScriptedWorker, job: frames.Job) -> None:
        await self.is_open.wait()
        await worker.answer(job, ["Hello", " there."])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one request got."""

    status: int
    retry_after: str | None
    error: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdedHouse:
    """A network with room for everybody, whose worker waits at a gate."""

    house: House
    gate: Gate

    async def prompt_tokens(self) -> int:
        """Of every request."""
        return (await self.house.usage())["prompt_tokens"]

    async def price(self, output_tokens: int) -> int:
        """Micro-credits of a request that came to so many tokens."""
        context = self.house.context
        model = context.catalog.get("basis-tiny")
        terms = context.prices.terms(model, at=now_iso())
        prompt_tokens = await self.prompt_tokens()
        return compute_charge(
            terms, prompt_tokens=prompt_tokens, output_tokens=output_tokens
        ).microcredits

    async def hold(self) -> int:
        """Micro-credits that every request sets aside."""
        return await self.price(MAX_TOKENS)

    async def cost(self) -> int:
        """Micro-credits that every answer costs."""
        return await self.price((await self.house.usage())["completion_tokens"])

    async def rush(self, customers: Sequence[Customer], *, passing: int) -> list[Answer]:
        """The answers to `AT_ONCE` requests, by turns of all customers, every other a stream.

        The gate opens once all but `passing` are refused, and closes behind them.
        """
        tasks = [
            asyncio.create_task(ask(customers[number % len(customers)], is_stream=number % 2 == 1))
            for number in range(AT_ONCE)
        ]
        await until(lambda: sum(task.done() for task in tasks) >= AT_ONCE - passing)
        refused = [task.result() for task in tasks if task.done()]
        self.gate.is_open.set()
        answers = await asyncio.gather(*tasks)
        self.gate.is_open.clear()
        assert all(answer.status != 200 for answer in refused)
        return answers


async def ask(customer: Customer, *, is_stream: bool = False) -> Answer:
    """One request, read to its end."""
    async with customer.chat(stream=is_stream, max_tokens=MAX_TOKENS) as response:
        body = await response.read()
        if response.status == 200:
            assert not is_stream or body.endswith(b"data: [DONE]\n\n")
            return Answer(status=200, retry_after=None, error={})
        return Answer(
            status=response.status,
            retry_after=response.headers.get("Retry-After"),
            error=msgspec.json.decode(body)["error"],
        )


@asynccontextmanager
async def open_crowded_house(folder: Path) -> AsyncIterator[CrowdedHouse]:
    """A network that refuses nobody but by credits and limits."""
    gate = Gate()
    async with open_house(
        folder, script=gate, slots=AT_ONCE, max_jobs_per_key=2 * AT_ONCE
    ) as house:
        yield CrowdedHouse(house=house, gate=gate)
