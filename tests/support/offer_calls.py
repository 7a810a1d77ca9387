"""A market of one worker over HTTP, and how its owner delivers what it signed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from basis.rules.offer import Signed
from tests.support.offers import TINY_LIST, Owner
from tests.support.orchestrators import Customer, orchestrator
from tests.support.scripted_worker import ScriptedWorker

OFFERS = "/api/workers/offers"
WITHDRAW = "/api/workers/offers/withdraw"
OWNER, STRANGER = Owner(1), Owner(2)
LIST_PROMPT, LIST_OUTPUT = TINY_LIST


@asynccontextmanager
async def market(folder: Path, **changes: object) -> AsyncIterator[tuple[Any, Customer]]:
    """An orchestrator at which OWNER's worker `gpu-7a1c` is connected, and a customer."""
    async with (
        orchestrator(folder, **changes) as (running, customer),
        ScriptedWorker(running.url, worker_id="gpu-7a1c", wallet=OWNER.wallet),
    ):
        yield running, customer


async def deliver(customer: Customer, signed: Signed, *, owner: Owner = OWNER) -> dict[str, Any]:
    """Delivers what the owner signed; the answer, which must be a good one."""
    path = OFFERS if "offer" in owner.body(signed) else WITHDRAW
    async with customer.post(path, **owner.body(signed)) as response:
        answer = await response.json()
        assert response.status in {200, 201}, answer
        return answer


async def state_of(customer: Customer, offer_hash: str) -> str:
    """What has become of an offer."""
    async with customer.get(f"{OFFERS}/{offer_hash}") as response:
        return (await response.json())["state"]
