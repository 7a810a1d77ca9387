"""A customer that does not read stops its own job, and nobody else's."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import msgspec

from basis.wire import frames
from tests.support.answers import read_events, stream_text
from tests.support.house import House, open_house
from tests.support.orchestrators import stored_receipts, until
from tests.support.scripted_worker import ScriptedWorker, say_hello

WINDOW = 8
BALLAST = msgspec.Raw(json.dumps({"content": [{"token": "x" * 50_000}]}).encode())
"""Fills the sockets' buffers, which text within the bound of one answer cannot."""


async def write_without_end(worker: ScriptedWorker, job: frames.Job) -> None:
    """Chunks as fast as the window lets; others are answered."""
    if b"slow" in bytes(job.request):
        await worker.stream(job, ("a " for _ in range(100_000)), logprobs=BALLAST)
    else:
        await say_hello(worker, job)


def connect_and_never_read(house: House) -> socket.socket:
    """A customer's socket that asks for a stream and leaves it unread."""
    host, port = house.running.url.removeprefix("http://").split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect((host, int(port)))
    body = json.dumps(
        {
            "model": "basis-tiny",
            "messages": [{"role": "user", "content": "slow"}],
            "stream": True,
            "logprobs": True,
        }
    ).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: Bearer {house.customer.key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


async def until_blocked(house: House) -> None:
    """Until nothing more of the slow customer's answer is taken while others are answered."""
    await until(lambda: bool(house.worker.jobs))
    lease = house.session.leases[house.worker.jobs[0].lease_id]
    received = -1
    while lease._received != received or received < 2 * WINDOW:
        received = lease._received
        for _ in range(3):
            async with house.customer.chat() as response:
                await response.read()


async def test_slow_customer__reads_nothing__stops_its_worker_at_the_window(tmp_path: Path) -> None:
    async with open_house(
        tmp_path, script=write_without_end, window_frames=WINDOW, max_body_bytes=1 << 20
    ) as house:
        with connect_and_never_read(house):
            await until_blocked(house)
            lease = house.session.leases[house.worker.jobs[0].lease_id]
            sent_before = lease._received

            async with house.customer.chat(stream=True) as response:
                events = await read_events(response)
            async with house.customer.chat() as response:
                assert response.status == 200

            assert stream_text(events) == "Hello there."
            assert lease._received == sent_before
            assert len(lease._frames) <= WINDOW


async def test_slow_customer__reads_nothing_for_too_long__pays_for_what_it_got(
    tmp_path: Path,
) -> None:
    async with open_house(
        tmp_path, script=write_without_end, window_frames=WINDOW, customer_stall_s=0.3
    ) as house:
        with connect_and_never_read(house):
            await house.worker.wait_for(lambda worker: worker.cancelled)
            receipt = await house.receipt()
            lease_id = house.worker.jobs[0].lease_id
            acknowledged = house.worker.acked[lease_id] + 1
            fewest = await house.meter.count_text("a " * acknowledged)
            most = await house.meter.count_text("a " * (acknowledged + WINDOW))

    assert (receipt.status.value, receipt.details.finish_reason) == ("completed", "cancelled")
    assert 0 < fewest <= receipt.core.output_tokens <= most


async def test_slow_customer__stream_ends_while_it_does_not_read__is_let_go(tmp_path: Path) -> None:
    async def write_then_fail(worker: ScriptedWorker, job: frames.Job) -> None:
        stream = asyncio.create_task(write_without_end(worker, job))
        lease = house.session.leases[job.lease_id]
        await until(lambda: len(lease._frames) + lease._unacked == WINDOW)
        stream.cancel()
        await worker.fail(job, frames.WorkerFault.RUNTIME_ERROR)

    async with open_house(
        tmp_path, script=write_then_fail, window_frames=WINDOW, customer_stall_s=0.3
    ) as house:
        with connect_and_never_read(house):
            await until(lambda: bool(stored_receipts(house.running)))
            receipt = await house.receipt()
        async with house.customer.get("/healthz") as response:
            assert response.status == 200

    assert receipt.details.attempts == 1
