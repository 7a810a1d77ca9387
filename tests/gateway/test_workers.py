"""Heartbeats, and the list of workers: what everybody may know of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.answers import expect_error
from tests.support.house import House, open_house
from tests.support.orchestrators import orchestrator
from tests.support.registration import register
from tests.support.scripted_worker import WALLET

HEARTBEAT = "/api/workers/heartbeat"


@pytest.mark.asyncio(loop_scope="module")
async def test_heartbeat__unknown_worker__is_not_found(house: House) -> None:
    async with house.customer.post(HEARTBEAT, worker_id="nobody") as response:
        await expect_error(response, 404, "not_found")


@pytest.mark.asyncio(loop_scope="module")
async def test_heartbeat__connected_worker__is_online(house: House) -> None:
    async with house.customer.post(HEARTBEAT, worker_id="scripted-1") as response:
        answer = await response.json()

    assert answer["state"] == "online"


@pytest.mark.asyncio(loop_scope="module")
async def test_heartbeat__unknown_field__is_named(house: House) -> None:
    async with house.customer.post(HEARTBEAT, worker_id="scripted-1", now=1) as response:
        await expect_error(response, 400, "invalid_input", param="now")


async def test_heartbeat__alone__makes_nothing_routable(tmp_path: Path) -> None:
    async with orchestrator(tmp_path) as (_running, customer):
        async with register(customer, runtime="llamacpp", models=["basis-tiny"]) as response:
            assert response.status == 201
        async with customer.post(HEARTBEAT, worker_id="gpu-7a1c") as response:
            assert response.status == 200
        async with customer.chat() as response:
            await expect_error(response, 503, "runtime_pending")
        async with customer.get("/api/workers/gpu-7a1c") as response:
            assert (await response.json())["online_minutes_24h"] == 0


async def test_workers__list__shows_each_with_state_and_reason_but_no_address(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        async with register(house.customer) as response:
            assert response.status == 201
        async with house.customer.chat() as response:
            assert response.status == 200
        async with house.customer.get("/api/workers") as response:
            text = await response.text()
        receipt = await house.receipt()

    answer = json.loads(text)
    by_id = {worker["worker_id"]: worker for worker in answer["workers"]}
    assert answer["count"] == len(by_id) == 2
    assert by_id["gpu-7a1c"]["state"] == "offline"
    assert by_id["gpu-7a1c"]["reason"]
    online = by_id["scripted-1"]
    assert online["state"] == "online"
    assert online["worker_wallet"] == WALLET
    assert online["routable_models"] == ["basis-tiny", "basis-tiny-embed"]
    assert online["online_minutes_24h"] >= 1
    assert online["jobs_completed_this_session"] == 1
    assert online["earned_raw"] == str(receipt.core.worker_reward_raw)
    for secret in ("127.0.0.1", "token", str(house.worker.token)):
        assert secret not in text


@pytest.mark.asyncio(loop_scope="module")
async def test_workers__unknown__is_not_found(house: House) -> None:
    async with house.customer.get("/api/workers/nobody") as response:
        await expect_error(response, 404, "not_found")
