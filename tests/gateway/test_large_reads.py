"""Large answers to strangers: they count by their size, keep their places and bound memory."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import insert

from basis.accounting.phases import close_phase
from basis.app import RunningOrchestrator
from basis.gateway import public_reads
from basis.rules.errors import Overloaded
from basis.rules.wallet import parse_wallet
from basis.storage.database import for_writing, open_database
from basis.storage.phase_tables import phase_points
from tests.support.answers import expect_error
from tests.support.orchestrators import Customer, orchestrator, prepare_folder, until
from tests.support.phase_books import CLOSED, fill_points, opened

OWNERS = 20_000
PHASE = "/api/phases/s1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose November is a closed phase of very many owners."""
    folder = tmp_path_factory.mktemp("large")
    prepare_folder(folder)
    engine = for_writing(open_database(folder, create=False))
    fill_points(engine)
    opened(engine)
    close_phase(engine, "s1", now=CLOSED)
    rows = [
        {
            "phase_id": "s1",
            "pool": "llm",
            "wallet": parse_wallet(f"0x{number:040x}", param="wallet"),
            "points_raw": "1000000",
        }
        for number in range(1, OWNERS + 1)
    ]
    with engine.begin() as connection:
        connection.execute(insert(phase_points), rows)
    engine.dispose()
    return folder


@asynccontextmanager
async def slow_reader(running: RunningOrchestrator, address: str) -> AsyncIterator[None]:
    """A stranger behind the proxy that asks for the phase and takes nothing of the answer."""
    quiet = socket.socket()
    quiet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    quiet.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(quiet, ("127.0.0.1", int(running.url.rpartition(":")[2])))
    head = f"GET {PHASE} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {address}\r\n\r\n"
    await loop.sock_sendall(quiet, head.encode())
    try:
        yield
    finally:
        quiet.close()


def ask(customer: Customer, path: str, address: str):  # type: ignore[no-untyped-def]  # aiohttp's own
    """A GET without a key, sent on by a proxy."""
    return customer.http.get(customer.url + path, headers={"X-Forwarded-For": address})


async def test_large_answer__counts_by_its_size(folder: Path) -> None:
    async with orchestrator(folder, public_reads_per_minute=60) as (_running, customer):
        async with customer.http.get(customer.url + PHASE) as response:
            body = await response.read()
        async with customer.http.get(customer.url + PHASE) as response:
            again = response.status
            await response.read()
        async with customer.http.get(customer.url + "/api/phases") as response:
            message = await expect_error(response, 429, "rate_limit_exceeded")

    assert len(body) > 60 * public_reads._BYTES_PER_READ / 2
    assert again == 200, "something was left"
    assert "reads of records" in message


async def test_slow_readers__of_one_address__keep_its_places_and_nobody_elses(
    folder: Path,
) -> None:
    async with orchestrator(folder, trust_forwarded_for=True) as (running, customer):
        reads = running.context.public_reads
        async with slow_reader(running, "198.51.100.1"):
            await until(lambda: reads._bytes_at_once > 0)
            held_bytes = reads._bytes_at_once
            async with slow_reader(running, "198.51.100.1"):
                await until(lambda: reads._bytes_at_once > held_bytes)
                reads._places["198.51.100.1"] += 6
                async with ask(customer, "/api/phases", "198.51.100.1") as response:
                    message = await expect_error(response, 429, "rate_limit_exceeded")
                reads._places["198.51.100.1"] -= 6
                async with ask(customer, "/api/phases", "198.51.100.2") as response:
                    other = response.status
        await until(lambda: reads.places_taken == 0)
        left_bytes = reads._bytes_at_once

    assert "8 reads of records from this address" in message
    assert other == 200
    assert held_bytes > 1 << 20
    assert left_bytes == 0


async def test_slow_reader__who_takes_nothing__is_hung_up_on_in_time(folder: Path) -> None:
    async with (
        orchestrator(folder, body_timeout_s=1) as (running, _customer),
        slow_reader(running, "198.51.100.1"),
    ):
        reads = running.context.public_reads
        await until(lambda: reads._bytes_at_once > 0)
        await until(lambda: reads.places_taken == 0)

        assert reads._bytes_at_once == 0


async def test_answers__more_than_the_memory_for_them__are_refused_but_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_reads, "_MOST_BYTES_AT_ONCE", 100)
    async with orchestrator(tmp_path) as (running, customer):
        reads = running.context.public_reads
        async with reads.answer("198.51.100.1", lambda _connection: b"x" * 101) as body:
            async with customer.http.get(customer.url + "/api/phases") as response:
                small = response.status
            with pytest.raises(Overloaded):
                async with reads.answer("198.51.100.2", lambda _connection: b"x"):
                    pass
            places = reads.places_taken
        async with customer.http.get(customer.url + "/api/phases") as response:
            after = response.status

    assert len(body) == 101
    assert (small, after) == (503, 200)
    assert places == 1
