"""The lists of models, for customers and for workers."""

from __future__ import annotations

import pytest

from basis.rules.catalog import PUBLISHED
from tests.support.answers import expect_error
from tests.support.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_models__list__has_every_model_of_the_catalog(house: House) -> None:
    async with house.customer.get("/v1/models") as response:
        answer = await response.json()

    assert answer["object"] == "list"
    assert [model["id"] for model in answer["data"]] == [m.name for m in PUBLISHED.models]
    assert {model["object"] for model in answer["data"]} == {"model"}


async def test_models__list__says_which_are_served_now(house: House) -> None:
    async with house.customer.get("/v1/models") as response:
        models = (await response.json())["data"]

    assert {m["id"] for m in models if m["available"]} == {"basis-tiny", "basis-tiny-embed"}


async def test_models__one__is_shown_alone(house: House) -> None:
    async with house.customer.get("/v1/models/basis-tiny") as response:
        model = await response.json()

    assert model.pop("created") > 0
    assert model == {
        "id": "basis-tiny",
        "object": "model",
        "owned_by": "basis",
        "context_length": 1_024,
        "kinds": ["chat", "completion"],
        "multiplier_bps": 1_000,
        "available": True,
    }


@pytest.mark.parametrize("name", ["gpt-4o", "%FF", "%ED%A0%80", "a%00b", "%F0%9F%98%80"])
async def test_models__unknown__is_not_found(house: House, name: str) -> None:
    async with house.customer.get(f"/v1/models/{name}") as response:
        await expect_error(response, 404, "model_not_found")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/basis-tiny"])
async def test_models__no_key__is_refused(house: House, path: str) -> None:
    async with house.worker.http.get(house.running.url + path) as response:
        await expect_error(response, 401, "invalid_api_key")


async def test_catalog__without_a_key__tells_workers_what_each_model_needs(house: House) -> None:
    async with house.worker.http.get(house.running.url + "/api/catalog") as response:
        answer = await response.json()

    by_name = {model["model"]: model for model in answer["models"]}
    assert answer["version"] == PUBLISHED.version
    assert by_name["basis-tiny"]["digests"] == [house.worker.digest]
    assert by_name["basis-echo"]["runtimes"] == ["echo"]
    assert by_name["basis-default"]["ready"] is False
