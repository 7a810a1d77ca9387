"""A market for one test: workers with owners who may sign offers, at one orchestrator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from basis.app import RunningOrchestrator
from basis.dispatch.session import WorkerSession
from basis.storage.receipt_store import StoredReceipt
from tests.support.offers import Owner
from tests.support.orchestrators import Customer, orchestrator, settled_receipts
from tests.support.scripted_worker import Script, ScriptedWorker, say_hello

PREFER = "X-Basis-Prefer"
PRICE = "X-Basis-Price"
CHEAP = (10_000_000, 40_000_000)
"""Asks for basis-tiny, whose list prices are 15 and 60 credits per million tokens."""
DEAR = (25_000_000, 100_000_000)
OWNERS = {name: Owner(number) for number, name in enumerate(("cheap", "plain", "dear"), start=1)}


class Market:
    """Workers with and without offers at one orchestrator, and its customer."""

    def __init__(self, running: RunningOrchestrator, customer: Customer) -> None:
        self.running = running
        self.customer = customer
        self.workers: dict[str, ScriptedWorker] = {}

    def session(self, name: str) -> WorkerSession:
        """A worker's session."""
        return self.running.context.dispatcher.sessions[name]

    async def offer(self, name: str, prices: tuple[int, int], **changes: Any) -> str:
        """Delivers an offer of a worker's owner; its hash."""
        owner = OWNERS[name]
        body = owner.body(owner.offer(*prices, worker_id=name, **changes))
        async with self.customer.post("/api/workers/offers", **body) as response:
            answer = await response.json()
            assert response.status == 201, answer
            return answer["offer_hash"]

    async def ask(self, prefer: str | None = None, **fields: Any) -> str:
        """One chat that must be answered; the value of X-Basis-Price."""
        headers = {} if prefer is None else {PREFER: prefer}
        self.customer.http.headers.popall(PREFER, None)
        self.customer.http.headers.update(headers)
        async with self.customer.chat(**fields) as response:
            assert response.status == 200, await response.text()
            return response.headers[PRICE]

    async def receipts(self, count: int = 1) -> list[StoredReceipt]:
        """The receipts, oldest first."""
        return await settled_receipts(self.running, count)


@asynccontextmanager
async def open_market(
    folder: Path,
    *names: str,
    scripts: dict[str, Script] | None = None,
    slots: int = 4,
    **changes: object,
) -> AsyncIterator[Market]:
    """An orchestrator with these workers, without any offer."""
    async with AsyncExitStack() as stack:
        running, customer = await stack.enter_async_context(orchestrator(folder, **changes))
        market = Market(running, customer)
        for name in names:
            market.workers[name] = await stack.enter_async_context(
                ScriptedWorker(
                    running.url,
                    worker_id=name,
                    wallet=OWNERS[name].wallet,
                    script=(scripts or {}).get(name, say_hello),
                    slots=slots,
                )
            )
        yield market


def prices_of(receipt: StoredReceipt) -> tuple[int, int, str]:
    """(prompt price, output price, offer) by which a receipt charges."""
    charge = receipt.details.charge
    assert charge is not None
    return int(charge.prompt_price), int(charge.output_price), charge.offer_hash
