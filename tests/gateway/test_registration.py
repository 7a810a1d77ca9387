"""Workers register over plain HTTP: who may, with what, and how a registration is changed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from basis.rules.catalog import PUBLISHED
from basis.storage.database import begin_write
from basis.storage.worker_store import load_worker
from tests.support.answers import expect_error
from tests.support.house import House
from tests.support.orchestrators import next_turn, orchestrator, until
from tests.support.registration import BODY, REGISTER, register
from tests.support.scripted_worker import WALLET

OTHER_WALLET = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
SEED_REGISTER = """\
curl {url}/api/workers/register \\
  -H "Content-Type: application/json" \\
  -d '{{
    "worker_id": "gpu-7a1c",
    "worker_wallet": "{wallet}",
    "runtime": "ollama",
    "models": ["basis-default", "basis-small"]
  }}'
"""
SEED_HEARTBEAT = """\
curl {url}/api/workers/heartbeat \\
  -H "Content-Type: application/json" \\
  -d '{{ "worker_id": "gpu-7a1c" }}'
"""


def run_in_a_shell(command: str) -> dict[str, Any]:
    """The JSON that a shell command prints."""
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=True, timeout=20)
    return json.loads(done.stdout)


@pytest.mark.skipif(
    shutil.which("curl") is None and "CI" not in os.environ, reason="curl is not installed here"
)
async def test_seed__its_two_curl_calls__work_verbatim(tmp_path: Path) -> None:
    async with orchestrator(tmp_path) as (running, _customer):
        registered = await asyncio.to_thread(
            run_in_a_shell, SEED_REGISTER.format(url=running.url, wallet=WALLET)
        )
        beaten = await asyncio.to_thread(run_in_a_shell, SEED_HEARTBEAT.format(url=running.url))

    assert registered.pop("worker_token").startswith("wt-basis-")
    assert registered.pop("message")
    assert registered == {**BODY, "created": True}
    assert (beaten["worker_id"], beaten["state"]) == ("gpu-7a1c", "offline")
    assert beaten["reason"]
    assert beaten["server_time"].endswith("Z")


async def test_register__new__is_created_with_a_token(tmp_path: Path) -> None:
    async with orchestrator(tmp_path) as (_, customer), register(customer) as response:
        answer = await response.json()

    assert response.status == 201
    assert answer["created"] is True
    assert len(answer["worker_token"]) > 40


async def test_register__repeated__changes_nothing_and_shows_no_token(tmp_path: Path) -> None:
    async with orchestrator(tmp_path) as (_, customer):
        async with register(customer) as response:
            await response.read()
        async with register(customer, models=BODY["models"][::-1]) as response:
            answer = await response.json()

    assert response.status == 200
    assert answer["created"] is False
    assert "worker_token" not in answer


@pytest.mark.parametrize(
    "change",
    [{"worker_wallet": OTHER_WALLET}, {"runtime": "vllm"}, {"models": ["basis-tiny"]}],
    ids=lambda change: next(iter(change)),
)
async def test_register__change__needs_the_workers_own_token(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    async with orchestrator(tmp_path) as (_running, customer):
        async with register(customer) as response:
            token = (await response.json())["worker_token"]

        async with register(customer, **change) as response:
            await expect_error(response, 409, "conflict")
        async with register(customer, token="wt-basis-wrong", **change) as response:
            await expect_error(response, 401, "invalid_api_key")
        async with register(customer, token=customer.key, **change) as response:
            await expect_error(response, 401, "invalid_api_key")
        async with register(customer, token=token, **change) as response:
            changed = await response.json()
        async with customer.get("/api/workers/gpu-7a1c") as response:
            described = await response.json()

    assert changed["created"] is False
    for name, value in change.items():
        assert changed[name] == value
        assert described[name] == value


async def test_register__after_a_restart__is_still_known(tmp_path: Path) -> None:
    async with orchestrator(tmp_path) as (_, customer), register(customer) as response:
        assert response.status == 201

    async with orchestrator(tmp_path) as (_, customer), register(customer) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("wallet", "words"),
    [
        ("5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x and 40"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe", "0x and 40"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg", "0x and 40"),
        ("0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "checksum"),
        ("0x" + "0" * 40, "zero address"),
        ("", "0x and 40"),
        ("vitalik.eth", "0x and 40"),
        ("0xYourEvmRewardAddress", "0x and 40"),
    ],
    ids=[
        "no-prefix",
        "too-short",
        "no-hex",
        "wrong-checksum",
        "zero",
        "empty",
        "name",
        "placeholder",
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_register__bad_wallet__says_how_it_is_bad(
    house: House, wallet: str, words: str
) -> None:
    async with register(house.customer, worker_wallet=wallet) as response:
        text = await response.text()

    error = json.loads(text)["error"]
    assert response.status == 400
    assert (error["code"], error["param"]) == ("invalid_wallet", "worker_wallet")
    assert words in error["message"]


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"worker_id": ""}, "worker_id"),
        ({"worker_id": "-gpu"}, "worker_id"),
        ({"worker_id": "gpu 1"}, "worker_id"),
        ({"worker_id": "gpu/1"}, "worker_id"),
        ({"worker_id": "gpü"}, "worker_id"),
        ({"worker_id": "g\n"}, "worker_id"),
        ({"worker_id": "g" * 65}, "worker_id"),
        ({"worker_id": 5}, "worker_id"),
        ({"models": []}, "models"),
        ({"models": ["gpt-4o"]}, "models"),
        ({"models": ["basis-tiny"] * 65}, "models"),
        ({"models": "basis-tiny"}, "models"),
        ({"runtime": "magic"}, "runtime"),
        ({"worker_walet": WALLET}, "worker_walet"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_register__unusable__names_the_field(
    house: House, changes: dict[str, Any], param: str
) -> None:
    async with register(house.customer, **changes) as response:
        await expect_error(response, 400, "invalid_input", param=param)


@pytest.mark.parametrize("missing", list(BODY))
@pytest.mark.asyncio(loop_scope="module")
async def test_register__missing_field__is_named(house: House, missing: str) -> None:
    body = {name: value for name, value in BODY.items() if name != missing}

    async with house.customer.post(REGISTER, **body) as response:
        await expect_error(response, 400, "invalid_input", param=missing)


async def test_register__too_often_from_one_address__is_told_to_wait(tmp_path: Path) -> None:
    async with orchestrator(tmp_path, registrations_per_hour=2) as (_, customer):
        for number in range(2):
            async with register(customer, worker_id=f"gpu-{number}") as response:
                assert response.status == 201
        async with register(customer, worker_id="gpu-3") as response:
            await expect_error(response, 429, "rate_limit_exceeded")

    assert int(response.headers["Retry-After"]) > 0


async def test_register__behind_a_trusted_proxy__counts_each_address(tmp_path: Path) -> None:
    async with orchestrator(tmp_path, registrations_per_hour=1, trust_forwarded_for=True) as (
        _,
        customer,
    ):
        for number, status in ((1, 201), (2, 201), (1, 429)):
            async with customer.http.post(
                customer.url + REGISTER,
                json={**BODY, "worker_id": f"gpu-{number}"},
                headers={"X-Forwarded-For": f"203.0.113.9, 198.51.100.{number}"},
            ) as response:
                assert response.status == status


@pytest.mark.parametrize(
    "again",
    [
        ["2001:db8:1:2::b"],
        ["[2001:db8:1:2:c:d:e:f]:50000"],
        ["203.0.113.9", "2001:db8:1:2::b"],
    ],
    ids=["same-line", "with-port", "own-header-before-the-proxys"],
)
async def test_register__from_the_same_ipv6_line__shares_its_limit(
    tmp_path: Path, again: list[str]
) -> None:
    async with orchestrator(tmp_path, registrations_per_hour=1, trust_forwarded_for=True) as (
        _,
        customer,
    ):
        statuses = []
        for number, addresses in enumerate((["2001:db8:1:2::a"], again, ["2001:db8:1:3::a"])):
            async with customer.http.post(
                customer.url + REGISTER,
                json={**BODY, "worker_id": f"gpu-{number}"},
                headers=[("X-Forwarded-For", address) for address in addresses],
            ) as response:
                statuses.append(response.status)

    assert statuses == [201, 429, 201]


async def test_register__address_claimed_without_a_proxy__is_not_believed(tmp_path: Path) -> None:
    async with orchestrator(tmp_path, registrations_per_hour=1) as (_, customer):
        for number, status in ((1, 201), (2, 429)):
            async with customer.http.post(
                customer.url + REGISTER,
                json={**BODY, "worker_id": f"gpu-{number}"},
                headers={"X-Forwarded-For": f"198.51.100.{number}"},
            ) as response:
                assert response.status == status


def test_seed__models__are_in_the_published_catalog() -> None:
    assert all(PUBLISHED.has(model) for model in BODY["models"])


async def test_changed_wallet__whoever_changes_it_leaves_at_once__is_paid_from_then_on(
    tmp_path: Path,
) -> None:
    async with orchestrator(tmp_path) as (running, customer):
        context = running.context
        async with customer.post(REGISTER, **BODY) as response:
            token = (await response.json())["worker_token"]

        def wallet_on_record() -> str:
            with context.engine.connect() as connection:
                worker = load_worker(connection, BODY["worker_id"])
            return "" if worker is None else worker.wallet

        with begin_write(context.engine):  # so that the change waits while its caller leaves
            change = {**BODY, "worker_wallet": OTHER_WALLET}
            headers = {"Authorization": f"Bearer {token}"}
            call = asyncio.create_task(
                customer.http.post(running.url + REGISTER, json=change, headers=headers)
            )
            buckets = context.registrations._buckets
            await until(lambda: any(60 - left > 1.5 for left, _ in buckets.values()))
            call.cancel()
            for _turn in range(200):
                await next_turn()
        await until(lambda: wallet_on_record() == OTHER_WALLET)
        await context.background.wait(timeout_s=20)

        assert context.roster.get(BODY["worker_id"]).wallet == OTHER_WALLET
