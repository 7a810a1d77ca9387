"""Registers a worker over plain HTTP, as the seed's call does."""

from __future__ import annotations

from typing import Any

import aiohttp

from tests.support.orchestrators import Customer
from tests.support.scripted_worker import WALLET

REGISTER = "/api/workers/register"
BODY: dict[str, Any] = {
    "worker_id": "gpu-7a1c",
    "worker_wallet": WALLET,
    "runtime": "ollama",
    "models": ["basis-default", "basis-small"],
}


def register(
    customer: Customer, *, token: str | None = None, **changes: Any
) -> aiohttp.client._RequestContextManager:
    """Registers with `BODY` changed; with a token as Bearer or with none at all."""
    body = {**BODY, **changes}
    headers = {"Authorization": f"Bearer {token}" if token else ""}
    return customer.http.post(customer.url + REGISTER, json=body, headers=headers)
