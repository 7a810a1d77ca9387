"""How many connections may be open, and how long they may take, before anybody is known."""

from __future__ import annotations

import asyncio
import resource
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from basis.wire import frames
from tests.support.answers import DONE, read_events, stream_text
from tests.support.house import open_house
from tests.support.orchestrators import orchestrator
from tests.support.raw_http import RawConnection, connect_raw, request_bytes
from tests.support.scripted_worker import ScriptedWorker

CONNECT = request_bytes(
    frames.CONNECT_PATH,
    Upgrade="websocket",
    Connection="Upgrade",
    Sec_WebSocket_Version=13,
    Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
)


async def drip(connection: RawConnection, data: bytes, *, every_s: float) -> None:
    """Sends one byte at a time, as a client that means harm does."""
    for byte in data:
        connection.send(bytes([byte]))
        await asyncio.sleep(every_s)


@pytest.mark.parametrize("begun", [b"", b"GET /v1/mod"], ids=["silent", "half-a-head"])
async def test_head__that_does_not_come__is_cut_off_with_408(tmp_path: Path, begun: bytes) -> None:
    async with (
        orchestrator(tmp_path, headers_timeout_s=1) as (running, _),
        connect_raw(running.url) as connection,
    ):
        connection.send(begun)
        answer = await connection.answer()
        rest = await connection.rest()

    assert (answer.status, answer.error()["code"]) == (408, "request_timeout")
    assert rest == b""


async def test_head__that_drips__is_cut_off_all_the_same(tmp_path: Path) -> None:
    async with (
        orchestrator(tmp_path, headers_timeout_s=1) as (running, _),
        connect_raw(running.url) as connection,
    ):
        dripping = asyncio.create_task(drip(connection, request_bytes(X="a" * 999), every_s=0.05))
        answer = await connection.answer()
        dripping.cancel()

    assert answer.status == 408


@pytest.mark.parametrize(
    "body",
    [{"Content_Length": 1_000}, {"Transfer_Encoding": "chunked"}],
    ids=["length", "chunked"],
)
async def test_body__that_drips__is_cut_off_with_408(tmp_path: Path, body: dict[str, str]) -> None:
    async with (
        orchestrator(tmp_path, body_timeout_s=1) as (running, customer),
        connect_raw(running.url) as connection,
    ):
        authorization = f"Bearer {customer.key}"
        connection.send(
            request_bytes("/v1/completions", method="POST", Authorization=authorization, **body)
        )
        dripping = asyncio.create_task(drip(connection, b"1" * 999, every_s=0.05))
        answer = await connection.answer()
        dripping.cancel()

    assert (answer.status, answer.error()["code"]) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"


async def test_chunk__malformed_after_the_head__is_cut_off(tmp_path: Path) -> None:
    async with (
        orchestrator(tmp_path, body_timeout_s=1) as (running, _),
        connect_raw(running.url) as connection,
    ):
        chunked = {"Transfer_Encoding": "chunked", "Expect": "100-continue"}
        connection.send(request_bytes("/api/workers/register", method="POST", **chunked))
        assert b" 100 " in await connection.head()
        connection.send(b"ZZZ\r\n")
        answer = await connection.answer()

    assert (answer.status, answer.error()["code"]) == (408, "request_timeout")


async def test_kept_connection__idle_for_too_long__is_closed(tmp_path: Path) -> None:
    async with (
        orchestrator(tmp_path, headers_timeout_s=1, keep_alive_s=1) as (running, _),
        connect_raw(running.url) as connection,
    ):
        for _ in range(2):
            connection.send(request_bytes("/healthz"))
            assert (await connection.answer()).status == 200
        connection.send(b"GET /hea")
        rest = await connection.rest()

    assert rest == b""


async def test_kept_connection__longer_than_a_head_may_take__is_still_served(
    tmp_path: Path,
) -> None:
    async def answer_late(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.chunk(job, 0, "Hello")
        await asyncio.sleep(1.5)
        await worker.chunk(job, 1, " there.")
        await worker.done(job, 2)

    async with (
        open_house(tmp_path, script=answer_late, headers_timeout_s=1) as house,
        connect_raw(house.running.url) as connection,
    ):
        connection.send(request_bytes("/healthz"))
        assert (await connection.answer()).status == 200
        async with house.customer.chat(stream=True) as response:
            events = await read_events(response)
        connection.send(request_bytes("/healthz"))
        again = await connection.answer()
        link_is_open = not house.worker.closed.is_set()

    assert stream_text(events) == "Hello there."
    assert events[-1] == DONE
    assert again.status == 200
    assert link_is_open


async def test_expectation__that_nobody_knows__is_refused_once_and_the_connection_kept(
    tmp_path: Path,
) -> None:
    async with (
        orchestrator(tmp_path, headers_timeout_s=1, keep_alive_s=2) as (running, _),
        connect_raw(running.url) as connection,
    ):
        connection.send(request_bytes("/healthz", Expect="anything"))
        refused = await connection.answer()
        rest = await connection.rest()

    assert refused.status == 417
    assert rest == b""


async def ask_for_ever(unread: socket.socket) -> None:
    """Sends requests, and reads no answer."""
    unread.setblocking(False)
    while True:
        await asyncio.get_running_loop().sock_sendall(unread, request_bytes("/metrics"))


async def test_answers__that_nobody_reads__end_the_connection(tmp_path: Path) -> None:
    async with orchestrator(tmp_path, body_timeout_s=1) as (running, _):
        host, port = running.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as unread:
            asking = asyncio.create_task(ask_for_ever(unread))
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                await asyncio.wait_for(asking, timeout=20)


async def test_connections__above_the_limit__are_told_to_come_back(tmp_path: Path) -> None:
    async with (
        orchestrator(tmp_path, max_connections=2) as (running, _),
        AsyncExitStack() as others,
    ):
        held = [await others.enter_async_context(connect_raw(running.url)) for _ in range(2)]
        for connection in held:
            connection.send(request_bytes("/healthz"))
            assert (await connection.answer()).status == 200
        async with connect_raw(running.url) as surplus:
            surplus.send(request_bytes("/v1/models"))
            refused = await surplus.answer()
            rest = await surplus.rest()
        held[0].send(request_bytes("/healthz"))
        still_served = await held[0].answer()

    assert (refused.status, refused.error()["code"]) == (503, "overloaded")
    assert int(refused.headers["retry-after"]) > 0
    assert rest == b""
    assert still_served.status == 200


async def test_connections__once_some_have_closed__are_let_in_again(tmp_path: Path) -> None:
    async with orchestrator(tmp_path, max_connections=1) as (running, _):
        for _ in range(5):
            async with connect_raw(running.url) as connection:
                connection.send(request_bytes("/healthz", Connection="close"))
                answer = await connection.answer()
                await connection.rest()
            assert answer.status == 200


async def test_connections__far_above_the_limit__are_closed_without_a_word(tmp_path: Path) -> None:
    async with (
        orchestrator(tmp_path, max_connections=1) as (running, _),
        AsyncExitStack() as others,
    ):
        for _ in range(1 + 256):
            await others.enter_async_context(connect_raw(running.url))
        async with connect_raw(running.url) as connection:
            rest = await connection.rest()

    assert rest == b""


async def test_open_files__fewer_than_connections__are_raised_at_the_start(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    try:
        async with orchestrator(tmp_path, max_connections=600):
            allowed, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    assert allowed > 600


@pytest.mark.parametrize(
    "limit", [{"max_silent_links": 3}, {"max_silent_links_per_address": 3}], ids=["all", "address"]
)
async def test_links__that_say_no_hello__leave_room_for_those_that_do(
    tmp_path: Path, limit: dict[str, int]
) -> None:
    async with (
        open_house(tmp_path, hello_timeout_s=1, **limit) as house,
        AsyncExitStack() as others,
    ):
        silent = [
            await others.enter_async_context(connect_raw(house.running.url)) for _ in range(3)
        ]
        for connection in silent:
            connection.send(CONNECT)
            assert b" 101 " in await connection.head()
        async with connect_raw(house.running.url) as connection:
            connection.send(CONNECT)
            refused = await connection.answer()
        async with house.customer.chat() as response:
            assert response.status == 200
        for connection in silent:
            assert b"no hello came" in await connection.rest()
        async with ScriptedWorker(house.running.url, worker_id="scripted-2") as late:
            assert late.welcome is not None

    assert (refused.status, refused.error()["code"]) == (503, "overloaded")
    assert int(refused.headers["retry-after"]) > 0


async def test_links__behind_a_trusted_proxy__are_bounded_for_each_address(tmp_path: Path) -> None:
    limits = {"max_silent_links_per_address": 1, "trust_forwarded_for": True}
    heads = []
    async with orchestrator(tmp_path, **limits) as (running, _), AsyncExitStack() as others:
        for address in ("2001:db8::1", "2001:db8::2", "192.0.2.1"):
            connection = await others.enter_async_context(connect_raw(running.url))
            line = f"\r\nX-Forwarded-For: {address}\r\n\r\n".encode()
            connection.send(CONNECT.replace(b"\r\n\r\n", line))
            heads.append((await connection.head()).split(b"\r\n")[0])

    assert [head.split(b" ")[1] for head in heads] == [b"101", b"503", b"101"]
