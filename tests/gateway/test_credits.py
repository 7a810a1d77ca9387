"""Credits over HTTP: what many requests at once may spend together, to the last micro-credit."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from basis.accounting.recompute import recompute
from basis.storage.holds import load_available, load_held
from basis.storage.job_store import load_open_jobs
from basis.storage.key_store import NO_LIMITS, KeyLimits
from basis.storage.usage_store import load_usage
from basis.wire import frames
from tests.support.accounts import customer_with_key
from tests.support.crowd import AT_ONCE, MAX_TOKENS, Answer, CrowdedHouse, ask, open_crowded_house
from tests.support.house import House
from tests.support.orchestrators import settled_receipts, until
from tests.support.scripted_worker import ScriptedWorker


@pytest_asyncio.fixture
async def crowd(tmp_path: Path) -> AsyncIterator[CrowdedHouse]:
    """A network whose worker answers when the test says so."""
    async with open_crowded_house(tmp_path) as crowd:
        yield crowd


def account(house: House, user_id: str = "ann") -> tuple[int | None, int]:
    """What can be spent and what is held."""
    with house.context.engine.connect() as connection:
        assert recompute(connection).difference is None
        return load_available(connection, user_id), load_held(connection, user_id)


def statuses(answers: list[Answer]) -> Counter[int]:
    """How many answers of each status there were."""
    return Counter(answer.status for answer in answers)


async def test_requests__at_once_on_a_balance_for_ten__exactly_ten_pass(
    crowd: CrowdedHouse,
) -> None:
    hold, cost = await crowd.hold(), await crowd.cost()
    credits_raw = 11 * hold - 1
    ann = await customer_with_key(crowd.house.running, "k1", user_id="ann", credits_raw=credits_raw)

    async with ann.http:
        answers = await crowd.rush([ann], passing=10)

    assert statuses(answers) == {200: 10, 402: AT_ONCE - 10}
    for refused in (answer.error for answer in answers if answer.status == 402):
        assert (refused["code"], refused["type"]) == ("insufficient_credits", "insufficient_quota")
        assert refused["required_microcredits"] == str(hold)
        assert refused["available_microcredits"] == str(hold - 1)
        assert refused["missing_microcredits"] == "1"
    receipts = await settled_receipts(crowd.house.running, 10)
    assert len(receipts) == 10
    assert account(crowd.house) == (credits_raw - 10 * cost, 0)


async def test_requests__at_once_on_a_key_for_ten_a_day__exactly_ten_pass(
    crowd: CrowdedHouse,
) -> None:
    hold, cost = await crowd.hold(), await crowd.cost()
    budget = KeyLimits(credits_per_day=11 * hold - 1)
    ann = await customer_with_key(
        crowd.house.running, "k1", user_id="ann", credits_raw=10**9, limits=budget
    )

    async with ann.http:
        answers = await crowd.rush([ann], passing=10)
        rest = 11 * hold - 1 - 10 * cost
        more = await crowd.rush([ann], passing=rest // hold)

    assert statuses(answers) == {200: 10, 402: AT_ONCE - 10}
    for refused in (answer.error for answer in answers if answer.status == 402):
        assert refused["code"] == "budget_exceeded"
        assert refused["required_microcredits"] == str(hold)
        assert refused["available_microcredits"] == str(hold - 1)
        assert refused["missing_microcredits"] == "1"
    assert statuses(more) == {200: rest // hold, 402: AT_ONCE - rest // hold}
    await settled_receipts(crowd.house.running, 10 + rest // hold)
    assert account(crowd.house) == (10**9 - (10 + rest // hold) * cost, 0)


async def test_sub_keys__at_once_on_their_parents_budget_for_ten__exactly_ten_pass(
    crowd: CrowdedHouse,
) -> None:
    hold, running = await crowd.hold(), crowd.house.running
    parent = await customer_with_key(
        running,
        "parent",
        user_id="ann",
        credits_raw=10**9,
        limits=KeyLimits(credits_per_day=11 * hold - 1),
    )
    own = KeyLimits(credits_per_day=2 * hold)
    limits = (NO_LIMITS, NO_LIMITS, own)
    children = [
        await customer_with_key(
            running, f"child{number}", user_id="ann", parent_id="parent", limits=one
        )
        for number, one in enumerate(limits)
    ]

    family = [parent, *children]
    try:
        answers = await crowd.rush(family, passing=10)
    finally:
        for member in family:
            await member.http.close()

    assert statuses(answers) == {200: 10, 402: AT_ONCE - 10}
    await settled_receipts(running, 10)
    with running.context.engine.connect() as connection:
        spent = {day.key_id: day.microcredits for day in load_usage(connection)}
    cost = await crowd.cost()
    assert sum(spent.values()) == 10 * cost
    assert spent.get("child2", 0) <= 2 * cost


async def test_customers__at_once_on_accounts_of_their_own__spend_each_their_own(
    crowd: CrowdedHouse,
) -> None:
    hold, running = await crowd.hold(), crowd.house.running
    ann = await customer_with_key(running, "a", user_id="ann", credits_raw=3 * hold)
    bob = await customer_with_key(running, "b", user_id="bob", credit_limit=4 * hold)
    cyd = await customer_with_key(running, "c", user_id="cyd")

    async with ann.http, bob.http, cyd.http:
        answers = await crowd.rush([ann, bob, cyd], passing=7)

    assert statuses(answers) == {200: 7, 402: AT_ONCE - 7}
    await settled_receipts(running, 7)
    cost = await crowd.cost()
    assert account(crowd.house, "ann") == (3 * hold - 3 * cost, 0)
    assert account(crowd.house, "bob") == (4 * hold - 4 * cost, 0)
    assert account(crowd.house, "cyd") == (0, 0)


async def test_failed_job__costs_nothing_and_releases_its_hold(crowd: CrowdedHouse) -> None:
    async def give_up(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.fail(job, frames.WorkerFault.BAD_REQUEST)

    crowd.house.worker.script = give_up
    hold = await crowd.hold()
    ann = await customer_with_key(crowd.house.running, "k1", user_id="ann", credits_raw=hold)

    async with ann.http:
        answers = [await ask(ann, is_stream=number % 2 == 1) for number in range(4)]

    assert statuses(answers) == {400: 4}
    receipts = await settled_receipts(crowd.house.running, 4)
    assert {receipt.core.total_charged_raw for receipt in receipts} == {0}
    assert account(crowd.house) == (hold, 0)


async def test_job__whose_worker_vanishes_in_a_stream__costs_nothing(crowd: CrowdedHouse) -> None:
    async def begin(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.chunk(job, 0, "Hello")

    crowd.house.worker.script = begin
    hold = await crowd.hold()
    ann = await customer_with_key(crowd.house.running, "k1", user_id="ann", credits_raw=hold)

    async with ann.http, ann.chat(stream=True, max_tokens=MAX_TOKENS) as response:
        seen = b""
        while b"Hello" not in seen:
            seen += await response.content.readline()
        await crowd.house.worker.socket.close()
        text = await response.text()

    assert "[DONE]" not in text
    (receipt,) = await settled_receipts(crowd.house.running)
    assert receipt.status.value == "failed"
    assert account(crowd.house) == (hold, 0)


async def test_cancelled_stream__costs_what_was_delivered_and_releases_the_rest(
    crowd: CrowdedHouse,
) -> None:
    async def say_some(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.chunk(job, 0, "Hello")
        await worker.chunk(job, 1, " there.")

    crowd.house.worker.script = say_some
    hold = await crowd.hold()
    ann = await customer_with_key(crowd.house.running, "k1", user_id="ann", credits_raw=hold)

    async with ann.http, ann.chat(stream=True, max_tokens=MAX_TOKENS) as response:
        seen = b""
        while b"there." not in seen:
            seen += await response.content.readline()
        assert account(crowd.house) == (0, hold)
        response.close()

    (receipt,) = await settled_receipts(crowd.house.running)
    assert (receipt.status.value, receipt.details.finish_reason) == ("completed", "cancelled")
    assert receipt.details.charge is not None
    cost = int(receipt.details.charge.microcredits)
    assert cost == await crowd.price(receipt.core.output_tokens)
    assert 0 < cost < hold
    assert account(crowd.house) == (hold - cost, 0)


async def test_cancelled_request__before_anything_came__costs_nothing(crowd: CrowdedHouse) -> None:
    hold = await crowd.hold()
    ann = await customer_with_key(crowd.house.running, "k1", user_id="ann", credits_raw=hold)

    async with ann.http:
        asking = asyncio.create_task(ask(ann))
        await until(lambda: bool(crowd.house.worker.jobs))
        assert account(crowd.house) == (0, hold)
        asking.cancel()
        await asyncio.wait([asking])

    (receipt,) = await settled_receipts(crowd.house.running)
    assert receipt.status.value == "cancelled"
    assert account(crowd.house) == (hold, 0)


async def test_refused_request__leaves_no_job_and_no_receipt(crowd: CrowdedHouse) -> None:
    ann = await customer_with_key(crowd.house.running, "k1", user_id="ann")

    async with ann.http:
        answers = [await ask(ann, is_stream=is_stream) for is_stream in (False, True)]

    assert statuses(answers) == {402: 2}
    assert crowd.house.worker.jobs == []
    with crowd.house.context.engine.connect() as connection:
        assert load_open_jobs(connection) == []
        assert load_usage(connection) == []
    assert account(crowd.house) == (0, 0)
