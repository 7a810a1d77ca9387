"""A customer that asks for quotes and takes them up."""

from __future__ import annotations

from typing import Any

from tests.support.house import House
from tests.support.orchestrators import Customer

QUOTE_PATH = "/api/inference/quote"
QUOTE_HEADER = "X-Basis-Quote"
MESSAGES = [{"role": "user", "content": "Hello!"}]


async def quote(house: House, **fields: Any) -> Any:
    """The answer to a quote of basis-tiny."""
    async with house.customer.post(QUOTE_PATH, **{"model": "basis-tiny", **fields}) as response:
        assert response.status == 200, await response.text()
        return await response.json()


def ask(house: House, token: str, *, customer: Customer | None = None, **fields: Any) -> Any:
    """Asks with a quote."""
    body = {"model": "basis-tiny", "messages": MESSAGES, "max_tokens": 20, **fields}
    who = customer or house.customer
    url = house.running.url + "/v1/chat/completions"
    return who.http.post(url, json=body, headers={QUOTE_HEADER: token})
