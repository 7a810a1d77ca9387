"""What is locked stays locked: whatever owners change, and whoever takes over the job."""

from __future__ import annotations

import asyncio
from pathlib import Path

from basis.gateway.price_choice import BoundWorker, Preference, choose_terms, relock_terms
from basis.storage.clock import now_iso
from basis.wire.frames import Job, WorkerFault
from tests.support.answers import expect_error
from tests.support.market import CHEAP, DEAR, OWNERS, PREFER, open_market, prices_of
from tests.support.orchestrators import until
from tests.support.scripted_worker import ScriptedWorker


async def fail_at_once(worker: ScriptedWorker, job: Job) -> None:
    """A script: gives every job back."""
    await worker.fail(job, WorkerFault.RUNTIME_ERROR)


async def test_lock__offer_changes_while_the_job_runs__the_price_stays(tmp_path: Path) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait_then_answer(worker: ScriptedWorker, job: Job) -> None:
        begun.set()
        await go_on.wait()
        await worker.answer(job, ["Hello", " there."])

    scripts = {"cheap": wait_then_answer}
    async with open_market(tmp_path, "cheap", scripts=scripts) as market:
        offer_hash = await market.offer("cheap", CHEAP, nonce=1)
        job = asyncio.create_task(market.ask("price"))
        await begun.wait()
        await market.offer("cheap", DEAR, nonce=2)
        go_on.set()
        header = await job
        (receipt,) = await market.receipts()

    assert offer_hash in header
    assert prices_of(receipt) == (*CHEAP, offer_hash)


async def test_lock__offer_changes_while_the_job_waits__its_owner_is_bound_by_it(
    tmp_path: Path,
) -> None:
    async with open_market(tmp_path, "cheap", slots=1) as market:
        offer_hash = await market.offer("cheap", CHEAP, nonce=1)
        session = market.session("cheap")
        session.in_flight += 1
        job = asyncio.create_task(market.ask("price"))
        scheduler = market.running.context.dispatcher.scheduler
        await until(lambda: scheduler.queue_length("basis-tiny") == 1)
        await market.offer("cheap", DEAR, nonce=2)
        scheduler.release(session)
        header = await job
        (receipt,) = await market.receipts()

    assert offer_hash in header
    assert prices_of(receipt) == (*CHEAP, offer_hash)
    assert receipt.core.worker_id == "cheap"


async def test_retry__cheapest_fails__goes_only_to_who_asks_no_more(tmp_path: Path) -> None:
    scripts = {"cheap": fail_at_once}
    async with open_market(tmp_path, "cheap", "plain", "dear", scripts=scripts) as market:
        await market.offer("cheap", CHEAP)
        await market.offer("dear", CHEAP)
        await market.ask("price")
        (receipt,) = await market.receipts()

    assert receipt.core.worker_id == "dear"
    assert prices_of(receipt)[:2] == CHEAP
    assert len(market.workers["plain"].jobs) == 0


async def test_retry__nobody_else_is_as_cheap__fails_rather_than_cost_more(tmp_path: Path) -> None:
    scripts = {"cheap": fail_at_once}
    async with open_market(tmp_path, "cheap", "plain", scripts=scripts) as market:
        await market.offer("cheap", CHEAP)
        market.customer.http.headers[PREFER] = "price"
        async with market.customer.chat() as response:
            await expect_error(response, 502, "worker_failed")
        (receipt,) = await market.receipts()

    assert receipt.core.total_charged_raw == 0
    assert len(market.workers["plain"].jobs) == 0


async def test_retry__cheaper_at_the_most_but_dearer_for_a_short_answer__is_not_asked(
    tmp_path: Path,
) -> None:
    scripts = {"cheap": fail_at_once}
    async with open_market(tmp_path, "cheap", "dear", scripts=scripts) as market:
        meter = market.running.context.meters.meter_of("basis-tiny")
        prompt = await meter.count_chat([{"role": "user", "content": "Hello!"}], tools=None)
        await market.offer("cheap", CHEAP)
        await market.offer("dear", (CHEAP[0] + 100, CHEAP[1] - 100 * prompt))  # equal at 1 token
        market.customer.http.headers[PREFER] = "price"
        async with market.customer.chat(max_tokens=1) as response:
            await expect_error(response, 502, "worker_failed")

    assert len(market.workers["dear"].jobs) == 0


async def test_relock__promised_terms__bind_the_owner_who_asked_and_nobody_dearer(
    tmp_path: Path,
) -> None:
    async with open_market(tmp_path, "cheap", "plain", "dear") as market:
        context = market.running.context
        await market.offer("cheap", CHEAP, nonce=1)
        await market.offer("dear", DEAR)
        model = context.catalog.get("basis-tiny")
        terms = context.prices.terms(model, at=now_iso())
        tokens = {"prompt_tokens": 10, "max_tokens": 10}
        preference = Preference.PRICE
        promised = choose_terms(
            context, model, terms, preference=preference, now=now_iso(), **tokens
        )
        await market.offer("cheap", DEAR, nonce=2)

        lock = relock_terms(
            context,
            model,
            terms,
            terms=promised.terms,
            bound=promised.bound,
            preference=preference,
            **tokens,
        )
        admitted = [name for name in market.workers if lock.choice.admits(market.session(name))]

    assert lock.terms == promised.terms
    assert admitted == ["cheap"]


async def test_bound_worker__paid_to_another_wallet_now__is_bound_no_more(tmp_path: Path) -> None:
    async with open_market(tmp_path, "cheap") as market:
        session = market.session("cheap")
        bound = BoundWorker(worker_id="cheap", wallet=session.wallet)
        was_bound = bound.is_behind(session)

        session.wallet = OWNERS["dear"].wallet

        assert (was_bound, bound.is_behind(session)) == (True, False)


async def test_choose_terms__clock_set_back_before_the_offer_came__locks_another_price(
    tmp_path: Path,
) -> None:
    """What stands on the receipt is the time of the lock, and the offer must hold at it."""
    async with open_market(tmp_path, "cheap", "plain") as market:
        context = market.running.context
        await market.offer("cheap", CHEAP)
        model = context.catalog.get("basis-tiny")
        terms = context.prices.terms(model, at=now_iso())

        lock = choose_terms(
            context,
            model,
            terms,
            prompt_tokens=10,
            max_tokens=10,
            preference=Preference.PRICE,
            now="2026-11-20T12:00:00.000Z",
        )

    assert lock.terms == terms
