"""A whole small network for one test: an orchestrator, a customer, and a scripted worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from basis.app import RunningOrchestrator
from basis.dispatch.session import WorkerSession
from basis.gateway.context import GatewayContext
from basis.metering.meter import Meter
from basis.storage.receipt_store import StoredReceipt
from tests.support.orchestrators import Customer, orchestrator, settled_receipts
from tests.support.scripted_worker import Script, ScriptedWorker, say_hello

Usage = dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the test talks to, and the parts behind it."""

    running: RunningOrchestrator
    customer: Customer
    worker: ScriptedWorker

    @property
    def context(self) -> GatewayContext:
        """The orchestrator's parts."""
        return self.running.context

    @property
    def session(self) -> WorkerSession:
        """The worker's session, seen from the orchestrator."""
        return self.context.dispatcher.sessions[self.worker.worker_id]

    @property
    def meter(self) -> Meter:
        """The meter of basis-tiny."""
        return self.context.meters.meter_of("basis-tiny")

    async def usage(self, question: str = "Hello!", answer: str = "Hello there.") -> Usage:
        """The usage of a chat of one question and one answer, by the model's meter."""
        messages = [{"role": "user", "content": question}]
        prompt_tokens = await self.meter.count_chat(messages, tools=None)
        output_tokens = await self.meter.count_text(answer)
        return {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": output_tokens,
            "total_tokens": prompt_tokens + output_tokens,
        }

    async def receipt(self) -> StoredReceipt:
        """The one receipt of the one job."""
        (receipt,) = await settled_receipts(self.running)
        return receipt


@asynccontextmanager
async def open_house(
    folder: Path, *, script: Script = say_hello, slots: int = 4, **changes: object
) -> AsyncIterator[House]:
    """A house with one worker that runs `script`; `changes` are settings, by name."""
    async with (
        orchestrator(folder, **changes) as (running, customer),
        ScriptedWorker(running.url, script=script, slots=slots) as worker,
    ):
        yield House(running=running, customer=customer, worker=worker)
