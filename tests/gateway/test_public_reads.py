"""Reads without a key: so many per address, few at once, and never before a customer's."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from sqlalchemy import Connection, text

from basis.rules.errors import LimitExceeded, Overloaded
from tests.support.answers import expect_error
from tests.support.orchestrators import Customer, orchestrator, until
from tests.support.registration import register

RECEIPTS = "/api/inference/receipts"
EARNINGS = "/api/workers/gpu-7a1c/earnings"


async def status_of(customer: Customer, path: str, *, proxied_for: str = "") -> int:
    """The status of a GET without a key, sent on by a proxy if it names for whom."""
    headers = {"X-Forwarded-For": proxied_for} if proxied_for else {}
    async with customer.http.get(customer.url + path, headers=headers) as response:
        await response.read()
        return response.status


async def test_public_reads__share_used_up__are_refused_and_the_rest_goes_on(
    tmp_path: Path,
) -> None:
    async with orchestrator(tmp_path, public_reads_per_minute=2) as (_running, customer):
        first = [await status_of(customer, path) for path in (RECEIPTS, "/api/pricing")]
        refusals = []
        for path in (
            *(RECEIPTS, RECEIPTS + "/none", RECEIPTS + "/none/explain", "/api/pricing"),
            *("/api/settlement/batches", "/api/settlement/batches/none", "/api/phases"),
            *("/api/phases/none", "/api/points/0x" + "1" * 40, "/api/workers/offers/none"),
        ):
            async with customer.get(path) as response:
                await expect_error(response, 429, "rate_limit_exceeded")
                refusals.append(int(response.headers["Retry-After"]))
        others = [
            await status_of(customer, path)
            for path in ("/api/account", "/api/catalog", "/api/workers", "/healthz")
        ]

    assert first == [200, 200]
    assert refusals == [31] * 10
    assert others == [200] * 4


async def test_public_reads__earnings__count_as_twenty(tmp_path: Path) -> None:
    async with orchestrator(tmp_path, public_reads_per_minute=41) as (_running, customer):
        async with register(customer) as response:
            assert response.status == 201

        statuses = [await status_of(customer, EARNINGS) for _ in range(3)]
        cheap = await status_of(customer, RECEIPTS)

    assert statuses == [200, 200, 429]
    assert cheap == 200


async def test_public_reads__behind_a_trusted_proxy__are_counted_by_address(
    tmp_path: Path,
) -> None:
    async with orchestrator(tmp_path, public_reads_per_minute=1, trust_forwarded_for=True) as (
        _running,
        customer,
    ):
        statuses = [
            await status_of(customer, RECEIPTS, proxied_for=address)
            for address in ("198.51.100.1", "198.51.100.2", "198.51.100.1")
        ]

    assert statuses == [200, 200, 429]


async def test_public_reads__all_places_taken__refuse_more_but_look_up_keys(
    tmp_path: Path,
) -> None:
    goes_on = threading.Event()

    def read(connection: Connection) -> int:
        goes_on.wait(30)
        return connection.execute(text("SELECT 1")).scalar_one()

    async with orchestrator(tmp_path) as (running, customer):
        reads = running.context.public_reads
        asked = [asyncio.create_task(reads.load(f"198.51.100.{n % 4}", read)) for n in range(32)]
        await asyncio.sleep(0)
        try:
            async with customer.get(RECEIPTS) as response:
                refusal = await expect_error(response, 503, "overloaded")
            with_key = await status_of(customer, "/api/account")
        finally:
            goes_on.set()
        answers = await asyncio.gather(*asked)
        after = await status_of(customer, RECEIPTS)

    assert "try again" in refusal
    assert with_key == 200
    assert answers == [1] * 32
    assert after == 200


async def test_public_reads__strangers_who_leave__give_their_places_back(tmp_path: Path) -> None:
    goes_on = threading.Event()
    running_reads = threading.Semaphore(0)

    def read(_connection: Connection) -> None:
        running_reads.release()
        goes_on.wait(30)

    async with orchestrator(tmp_path) as (running, _customer):
        reads = running.context.public_reads
        asked = [asyncio.create_task(reads.load(f"198.51.100.{n % 4}", read)) for n in range(32)]
        try:
            for _thread in range(2):
                await asyncio.to_thread(running_reads.acquire, timeout=20)
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
            again = [
                asyncio.create_task(reads.load(f"198.51.100.{9 + n % 4}", lambda _connection: 2))
                for n in range(31)
            ]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            refused = [task for task in again if task.done()]
        finally:
            goes_on.set()
        answers = await asyncio.gather(*again, return_exceptions=True)

    # Two threads still read for those who left: their places come back when they are done.
    assert [type(task.exception()) for task in refused] == [Overloaded]
    assert answers.count(2) == 30


async def test_public_reads__that_fail__give_their_places_back(tmp_path: Path) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(text("SELECT nothing FROM nowhere"))

    async with orchestrator(tmp_path) as (running, customer):
        reads = running.context.public_reads
        failures = [
            await asyncio.gather(reads.load("198.51.100.1", fail), return_exceptions=True)
            for _ in range(40)
        ]
        status = await status_of(customer, RECEIPTS)
        await until(lambda: reads.places_taken == 0)

    assert len(failures) == 40
    assert status == 200


async def test_public_reads__after_the_end__are_refused_as_overloaded(tmp_path: Path) -> None:
    async with orchestrator(tmp_path) as (running, _customer):
        reads = running.context.public_reads
        reads.close()

        (failure,) = await asyncio.gather(
            reads.load("198.51.100.1", lambda _connection: 1), return_exceptions=True
        )

    assert isinstance(failure, Overloaded)
    assert not isinstance(failure, LimitExceeded)
