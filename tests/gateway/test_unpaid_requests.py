"""What a key may have us read and count without paying: so much a minute, and no more."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from basis.gateway import unpaid_requests
from basis.gateway.unpaid_requests import Purpose
from basis.storage.key_store import KeyLimits
from basis.wire import frames
from tests.support.accounts import customer_with_key
from tests.support.answers import expect_error
from tests.support.house import open_house
from tests.support.orchestrators import Customer, until
from tests.support.scripted_worker import ScriptedWorker, say_hello

LONG = "word " * 600_000
"""Three megabytes: no context of the network's models holds them."""
MESSAGES = [{"role": "user", "content": "Hello!"}]
SHARE = unpaid_requests._BYTES_PER_MINUTE


def ask_long(
    customer: Customer, model: str = "basis-tiny"
) -> aiohttp.client._RequestContextManager:
    """Asks the model about `LONG`."""
    messages = [{"role": "user", "content": LONG}]
    body = json.dumps({"model": model, "messages": messages}).encode()
    return customer.http.post(
        customer.url + "/v1/chat/completions",
        data=io.BytesIO(body),
        headers={"Content-Type": "application/json"},
    )


async def test_long_prompts__refused_again_and_again__are_not_read_any_more(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        ann = await customer_with_key(house.running, "k1", user_id="ann", credits_raw=10**9)
        async with ann.http:
            for _refused in range(2):
                async with ask_long(ann) as response:
                    await expect_error(response, 400, "context_length_exceeded", param="messages")
            async with ask_long(ann) as response:
                message = await expect_error(response, 429, "rate_limit_exceeded")
            waits_s = int(response.headers["Retry-After"])
        async with house.customer.chat() as response:
            other = response.status

    assert f"{SHARE} bytes in a minute, with one key" in message
    assert 1 <= waits_s <= 60
    assert other == 200


async def test_no_credits__share_used_up__is_refused_before_anything_is_counted(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        unpaid = house.context.unpaid_requests._shares[Purpose.JOB]
        ann = await customer_with_key(house.running, "k1", user_id="ann")
        async with ann.http:
            async with ann.chat() as response:
                first = response.status
            used = SHARE - unpaid._buckets["k1"][0]
            unpaid.charge("k1", cost=2 * SHARE)
            async with ann.chat() as response:
                await expect_error(response, 429, "rate_limit_exceeded")

    assert first == 402
    assert used == 2_048
    assert 50 < int(response.headers["Retry-After"]) <= 61


async def test_quotes__answered_but_not_paid__use_the_share_up(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        ann = await customer_with_key(house.running, "k1", user_id="ann", credits_raw=10**9)
        share = house.context.unpaid_requests._shares[Purpose.QUOTE]
        of_jobs = house.context.unpaid_requests._shares[Purpose.JOB]
        async with ann.http:
            for _quote in range(2):
                async with ann.post(
                    "/api/inference/quote", model="basis-tiny", messages=MESSAGES
                ) as response:
                    assert response.status == 200
            used = SHARE - share._buckets["k1"][0]
            async with ann.chat() as response:
                assert response.status == 200
            share.charge("k1", cost=2 * SHARE)
            async with ann.post(
                "/api/inference/quote", model="basis-tiny", messages=MESSAGES
            ) as response:
                refused = response.status
            async with ann.chat() as response:
                chatted = response.status

    assert 2_048 <= used <= 4_096
    assert of_jobs._buckets["k1"][0] == SHARE
    assert (refused, chatted) == (429, 200)


async def test_long_prompts__64_at_once_without_credits__are_read_as_far_as_the_share_goes(
    tmp_path: Path,
) -> None:
    words = "word " * 100_000
    async with open_house(tmp_path, max_jobs_per_key=64) as house:
        ann = await customer_with_key(house.running, "k1", user_id="ann")

        async def ask() -> int:
            message = [{"role": "user", "content": words}]
            async with ann.post(
                "/v1/chat/completions", model="basis-tiny", messages=message
            ) as response:
                await response.read()
                return response.status

        async with ann.http:
            statuses = await asyncio.gather(*(ask() for _ in range(64)))

    # 16 bodies of half a megabyte are 8 MB; the share is 8 MiB, and refills while they are read.
    assert set(statuses) == {400, 429}
    assert 16 <= statuses.count(400) <= 18


async def test_body_of_unknown_length__counts_as_a_long_one_until_it_is_read(
    tmp_path: Path,
) -> None:
    async def drip() -> AsyncIterator[bytes]:
        yield b"{"
        await may_end.wait()

    may_end = asyncio.Event()
    async with open_house(tmp_path) as house:
        buckets = house.context.unpaid_requests._shares[Purpose.JOB]._buckets
        ann = await customer_with_key(house.running, "k1", user_id="ann", credits_raw=10**9)
        async with ann.http:
            asked = asyncio.create_task(
                ann.http.post(ann.url + "/v1/chat/completions", data=drip())
            )
            await until(lambda: "k1" in buckets)
            left_meanwhile = buckets["k1"][0]
            may_end.set()
            async with await asked as response:
                assert response.status == 400
            left = buckets["k1"][0]

    assert SHARE - 2 * (256 << 10) < left_meanwhile <= SHARE - (256 << 10) + 65_536
    assert left >= SHARE - 2_048


async def test_full_queue__asked_again_and_again__leaves_the_right_to_chat_soon_after(
    tmp_path: Path,
) -> None:
    goes_on = asyncio.Event()

    async def wait_then_hello(worker: ScriptedWorker, job: frames.Job) -> None:
        await goes_on.wait()
        await say_hello(worker, job)

    async with open_house(tmp_path, script=wait_then_hello, slots=1, queue_depth=1) as house:
        unpaid = house.context.unpaid_requests
        ann = await customer_with_key(house.running, "k1", user_id="ann", credits_raw=10**9)
        async with ann.http:
            running = [asyncio.create_task(status_of_chat(ann)) for _ in range(2)]
            await until(house.context.dispatcher.scheduler.has_full_queue)
            async with ann.chat() as response:
                await expect_error(response, 429, "queue_full")
            left = unpaid._shares[Purpose.JOB]._buckets["k1"][0]
            unpaid._queued.charge("k1", cost=2 * SHARE)
            async with ann.chat() as response:
                await expect_error(response, 429, "rate_limit_exceeded")
            goes_on.set()
            done = await asyncio.gather(*running)
            after = await status_of_chat(ann)

    assert left == SHARE
    assert (done, after) == ([200, 200], 200)


async def status_of_chat(customer: Customer) -> int:
    """The status of a plain chat."""
    async with customer.chat() as response:
        await response.read()
        return response.status


async def test_request__left_before_it_is_a_job__is_counted(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        buckets = house.context.unpaid_requests._shares[Purpose.JOB]._buckets
        ann = await customer_with_key(house.running, "k1", user_id="ann", credits_raw=10**9)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(ann.url.split(":")[-1]))
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ann.key}\r\n"
            f"Content-Length: 100000\r\nContent-Type: application/json\r\n\r\n"
        )
        writer.write(head.encode() + b" " * 50_000)
        await writer.drain()
        await until(lambda: bool(house.context.keys._running))
        writer.close()
        await until(lambda: "k1" in buckets)
        async with ann.http:
            left = buckets["k1"][0]
        assert await reader.read() == b""

    assert left <= SHARE - 2_048


async def test_requests_per_minute__count_before_the_prompt_is(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        ann = await customer_with_key(
            house.running,
            "k1",
            user_id="ann",
            credit_limit=None,
            limits=KeyLimits(requests_per_minute=2),
        )
        statuses = []
        async with ann.http:
            for _request in range(3):
                async with ask_long(ann) as response:
                    statuses.append(response.status)

    assert statuses == [400, 400, 429]


async def test_long_prompts__to_a_model_that_is_none__use_the_share_up(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        ann = await customer_with_key(house.running, "k1", user_id="ann", credits_raw=10**9)
        async with ann.http:
            for _refused in range(2):
                async with ask_long(ann, "no-such-model") as response:
                    unknown = response.status
            async with ask_long(ann) as response:
                await expect_error(response, 429, "rate_limit_exceeded")

    assert unknown == 404
