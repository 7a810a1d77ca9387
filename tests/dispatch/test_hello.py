"""Who may connect a worker link, and why everybody else is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from basis.wire import frames
from basis.wire.frames import ModelOffer
from tests.support.house import open_house
from tests.support.orchestrators import orchestrator
from tests.support.scripted_worker import TINY_DIGEST, ScriptedWorker

_decode = msgspec.json.Decoder(frames.ToWorker).decode
TINY = ModelOffer(model="basis-tiny", digest=TINY_DIGEST, context_tokens=1_024)


@asynccontextmanager
async def raw_link(url: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A worker's socket before its hello."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(
            f"{url}/api/workers/connect", protocols=(frames.SUBPROTOCOL,), compress=0
        ) as socket,
    ):
        yield socket


async def refusal_of(socket: aiohttp.ClientWebSocketResponse) -> frames.Refused:
    """The refusal, after which the connection closes."""
    refused = _decode((await socket.receive(timeout=20)).data)
    assert isinstance(refused, frames.Refused)
    closing = await socket.receive(timeout=20)
    assert closing.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
    return refused


async def test_hello__fitting__is_welcomed_with_the_limits(tmp_path: Path) -> None:
    async with open_house(tmp_path, heartbeat_s=7, offline_after_s=21, window_frames=32) as house:
        welcome = house.worker.welcome

    assert welcome is not None
    assert (welcome.protocol, welcome.heartbeat_s, welcome.window_frames) == (1, 7, 32)
    assert [(verdict.model, verdict.routable) for verdict in welcome.models] == [
        ("basis-tiny", True),
        ("basis-tiny-embed", True),
    ]
    assert (welcome.earned_raw, welcome.token_symbol) == ("0", "BASIS")
    assert house.worker.socket.protocol == frames.SUBPROTOCOL


async def test_hello__after_earnings__is_told_them(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        async with house.customer.chat() as response:
            assert response.status == 200
        receipt = await house.receipt()
        await house.worker.leave()
        async with ScriptedWorker(house.running.url, token=house.worker.token) as again:
            assert again.welcome is not None
            assert again.welcome.earned_raw == str(receipt.core.worker_reward_raw) != "0"


async def test_hello__none_in_time__is_refused(tmp_path: Path) -> None:
    async with (
        orchestrator(tmp_path, hello_timeout_s=0) as (running, _customer),
        raw_link(running.url) as socket,
    ):
        refused = await refusal_of(socket)

    assert (refused.code, refused.message) == ("bad_frame", "no hello came")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "{}",
        "[]",
        '{"type":"helo"}',
        '{"type":"hello"}',
        '{"type":"status","busy_slots":0}',
        "[" * 100_000,
        '{"type":"hello","\\ud800":1}',
    ],
    ids=["empty", "word", "no-type", "list", "unknown", "fields", "other-frame", "deep", "half"],
)
async def test_hello__garbage__is_refused(tmp_path: Path, text: str) -> None:
    async with orchestrator(tmp_path) as (running, _), raw_link(running.url) as socket:
        await socket.send_str(text)
        refused = await refusal_of(socket)

    assert refused.code == "bad_frame"
    assert not refused.retryable


@pytest.mark.parametrize("data", [b"{}", b"\xff\xfe"])
async def test_hello__binary__is_refused(tmp_path: Path, data: bytes) -> None:
    async with orchestrator(tmp_path) as (running, _), raw_link(running.url) as socket:
        await socket.send_bytes(data)
        refused = await refusal_of(socket)

    assert refused.code == "bad_frame"


async def test_hello__unknown_field__is_refused_by_name(tmp_path: Path) -> None:
    worker = ScriptedWorker("", token="t")
    body = msgspec.json.decode(msgspec.json.encode(worker.hello())) | {"slotss": 1}

    async with orchestrator(tmp_path) as (running, _), raw_link(running.url) as socket:
        await socket.send_str(msgspec.json.encode(body).decode())
        refused = await refusal_of(socket)

    assert "slotss" in refused.message


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"protocol": 2}, "version", "version 1"),
        ({"protocol": 0}, "version", "version 1"),
        ({"token": "wt-basis-wrong"}, "bad_token", "not that of worker"),
        ({"token": ""}, "bad_token", "not that of worker"),
        ({"worker_id": "nobody"}, "unknown_worker", "not registered"),
        ({"runtime": "vllm"}, "runtime", "registered with runtime llamacpp"),
        ({"slots": 0}, "slots", "1 to 256"),
        ({"slots": 257}, "slots", "1 to 256"),
        ({"models": []}, "no_models", "none was offered"),
        ({"models": [ModelOffer(model="gpt-4o")]}, "no_models", "not in this network's catalog"),
        ({"models": [ModelOffer(model="basis-small")]}, "no_models", "not registered"),
        (
            {"models": [ModelOffer(model="basis-tiny", digest="sha256:" + "0" * 64)]},
            "no_models",
            "accepted is sha256:",
        ),
        (
            {"models": [ModelOffer(model="basis-tiny", digest=TINY_DIGEST, context_tokens=512)]},
            "no_models",
            "512 tokens",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_hello__unfit__is_refused_with_the_reason(
    tmp_path: Path, changes: dict[str, Any], code: str, words: str
) -> None:
    async with (
        orchestrator(tmp_path) as (running, _),
        ScriptedWorker(running.url, changes=changes) as worker,
    ):
        refusal = worker.refusal
        assert not running.context.dispatcher.sessions

    assert refusal.code == code
    assert words in refusal.message


async def test_hello__stolen_worker_id__is_refused_and_the_owner_stays(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        thief = ScriptedWorker(house.running.url, worker_id="thief")
        thief.changes = {"worker_id": house.worker.worker_id}
        async with thief:
            assert thief.refusal.code == "bad_token"
        async with house.customer.chat() as response:
            assert response.status == 200

    assert len(house.worker.jobs) == 1


async def test_hello__simulator_for_a_real_model__is_refused(tmp_path: Path) -> None:
    async with (
        orchestrator(tmp_path) as (running, _),
        ScriptedWorker(running.url, runtime="echo") as worker,
    ):
        assert worker.refusal.code == "no_models"

    assert "basis-echo only" in worker.refusal.message


async def test_hello__one_of_two_models_fits__serves_that_one(tmp_path: Path) -> None:
    async with (
        orchestrator(tmp_path) as (running, _),
        ScriptedWorker(
            running.url, changes={"models": [TINY, ModelOffer(model="basis-tiny-embed")]}
        ) as worker,
    ):
        assert worker.welcome is not None
        verdicts = {verdict.model: verdict for verdict in worker.welcome.models}
        served = running.context.dispatcher.scheduler.models_served()

    assert served == {"basis-tiny"}
    assert verdicts["basis-tiny"].routable
    assert "artefact is unknown" in verdicts["basis-tiny-embed"].reason


async def test_hello__too_many_links__is_told_to_come_again(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path, max_links=1) as house,
        ScriptedWorker(house.running.url, worker_id="scripted-2") as late,
    ):
        assert (late.refusal.code, late.refusal.retryable) == ("full", True)


async def test_hello__with_every_link_taken__still_replaces_its_own_older_link(
    tmp_path: Path,
) -> None:
    async with (
        open_house(tmp_path, max_links=1) as house,
        ScriptedWorker(house.running.url, token=house.worker.token) as again,
    ):
        assert again.welcome is not None


async def test_hello__same_worker_again__replaces_the_older_link(tmp_path: Path) -> None:
    async def say_nothing(_worker: ScriptedWorker, _job: frames.Job) -> None:
        """Takes the job, and never answers."""

    async with open_house(tmp_path, script=say_nothing) as house:
        older = house.session
        asking = asyncio.ensure_future(house.customer.chat())
        await house.worker.wait_for(lambda worker: worker.jobs)

        async with ScriptedWorker(house.running.url, token=house.worker.token) as newer:
            await house.worker.closed.wait()
            async with await asking as response:
                text = await response.text()
            assert house.session is not older
            assert older.is_closed
            async with house.customer.chat() as response:
                assert response.status == 200
            assert len(newer.jobs) == 1

    assert "worker_lost" in text
    assert [notice.code for notice in house.worker.of_kind(frames.Notice)] == ["duplicate"]


@pytest.mark.parametrize(
    ("odd", "limit"),
    [
        ({"name": "x" * 201}, "200 characters"),
        ({"count": (1 << 16) + 1}, "<= 65536"),
        ({"count": -1}, ">= 0"),
        ({"memory_mib": (1 << 40) + 1}, "<= 1099511627776"),
    ],
    ids=["text", "count", "negative", "memory"],
)
async def test_hello__endless_hardware__is_refused(
    tmp_path: Path, odd: dict[str, Any], limit: str
) -> None:
    async with open_house(tmp_path) as house, raw_link(house.running.url) as socket:
        hardware = frames.Hardware(**{"kind": "gpu", "name": "x", **odd})
        hello = msgspec.structs.replace(house.worker.hello(), hardware=hardware)
        await socket.send_str(msgspec.json.encode(hello).decode())
        refused = await refusal_of(socket)

    assert refused.code == "bad_frame"
    assert limit in refused.message
