"""A query parameter that means nothing is refused by name: it may have been meant to restrict."""

from __future__ import annotations

import pytest

from tests.support.answers import expect_error
from tests.support.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROUTES = [
    ("GET", "/api/account"),
    ("GET", "/api/account/usage"),
    ("GET", "/api/account/statement"),
    ("GET", "/api/pricing"),
    ("GET", "/api/inference/receipts"),
    ("GET", "/api/inference/receipts/none"),
    ("GET", "/api/inference/receipts/none/explain"),
    ("GET", "/api/settlement/batches"),
    ("GET", "/api/settlement/batches/none"),
    ("GET", "/api/points/0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    ("GET", "/api/phases"),
    ("GET", "/api/phases/none"),
    ("GET", "/api/workers"),
    ("GET", "/api/workers/scripted-1"),
    ("GET", "/api/workers/scripted-1/earnings"),
    ("GET", "/api/workers/market"),
    ("GET", "/api/workers/offers/none"),
    ("POST", "/api/inference/quote"),
    ("POST", "/api/workers/offers"),
    ("POST", "/api/workers/offers/withdraw"),
    ("DELETE", "/api/workers/scripted-1/offers"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=lambda value: value)
async def test_query__unknown_parameter__is_refused_by_name(
    house: House, method: str, path: str
) -> None:
    url = house.customer.url + path + "?x=1"
    async with house.customer.http.request(method, url) as response:
        message = await expect_error(response, 400, "invalid_input", param="x")

    assert "query parameter: 'x'" in message
    assert "known are" in message or "there are none here" in message


async def test_query__without_parameters__the_account_is_told(house: House) -> None:
    async with house.customer.get("/api/account?") as response:
        assert response.status == 200
