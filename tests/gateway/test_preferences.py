"""Price, speed, quality: who gets the job, what is locked, and that a retry never costs more."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from basis.app import RunningOrchestrator
from basis.wire.frames import Job, Vector
from tests.support.answers import expect_error, read_events
from tests.support.market import CHEAP, DEAR, PREFER, PRICE, open_market, prices_of
from tests.support.offers import TINY_LIST
from tests.support.orchestrators import until
from tests.support.scripted_worker import ScriptedWorker


async def test_no_preference__nobody_has_offers__locks_the_list_price(tmp_path: Path) -> None:
    async with open_market(tmp_path, "plain") as market:
        header = await market.ask()
        (receipt,) = await market.receipts()

    assert header == "prompt=15000000, output=60000000, terms=list"
    assert prices_of(receipt) == (*TINY_LIST, "")


async def test_no_preference__a_cheap_offer_is_there__the_list_price_stays(tmp_path: Path) -> None:
    async with open_market(tmp_path, "cheap") as market:
        await market.offer("cheap", CHEAP)
        header = await market.ask()

    assert header.endswith("terms=list")


async def test_no_preference__only_worker_asks_more__is_refused_without_a_receipt(
    tmp_path: Path,
) -> None:
    async with open_market(tmp_path, "dear") as market:
        await market.offer("dear", DEAR)
        async with market.customer.chat() as response:
            message = await expect_error(response, 503, "runtime_pending")
        paid = await market.ask("price")
        receipts = await market.receipts()

    assert "X-Basis-Prefer: price" in message
    assert paid.startswith("prompt=25000000, output=100000000, terms=offer")
    assert len(receipts) == 1


async def test_no_preference__dear_worker_beside_a_plain_one__never_gets_the_job(
    tmp_path: Path,
) -> None:
    async with open_market(tmp_path, "dear", "plain") as market:
        await market.offer("dear", DEAR)
        for _ in range(3):
            await market.ask()
        receipts = await market.receipts(3)

    assert [receipt.core.worker_id for receipt in receipts] == ["plain"] * 3


async def test_price__three_workers__locks_the_cheapest_ask_and_it_serves(tmp_path: Path) -> None:
    async with open_market(tmp_path, "dear", "plain", "cheap") as market:
        await market.offer("dear", DEAR)
        offer_hash = await market.offer("cheap", CHEAP)
        header = await market.ask("price")
        (receipt,) = await market.receipts()

    assert header == f'prompt=10000000, output=40000000, terms=offer, offer="{offer_hash}"'
    assert receipt.core.worker_id == "cheap"
    assert prices_of(receipt) == (*CHEAP, offer_hash)
    charge = receipt.details.charge
    assert charge is not None
    tokens = (receipt.core.prompt_tokens, receipt.core.output_tokens)
    exact = sum(count * price for count, price in zip(tokens, CHEAP, strict=True))
    assert int(charge.microcredits) == -(-exact // 1_000_000)


async def test_price__every_offer_is_dearer_than_the_list__locks_the_list_price(
    tmp_path: Path,
) -> None:
    async with open_market(tmp_path, "dear", "plain") as market:
        await market.offer("dear", DEAR)
        header = await market.ask("price")
        (receipt,) = await market.receipts()

    assert header.endswith("terms=list")
    assert receipt.core.worker_id == "plain"


@pytest.mark.parametrize(("max_tokens", "winner"), [(1, "cheap"), (500, "dear")])
async def test_price__cheap_prompt_against_cheap_answer__this_very_job_decides(
    tmp_path: Path, max_tokens: int, winner: str
) -> None:
    async with open_market(tmp_path, "cheap", "dear") as market:
        await market.offer("cheap", (5_000_000, 60_000_000))
        await market.offer("dear", (15_000_000, 20_000_000))
        await market.ask("price", max_tokens=max_tokens, text="Hello! " * 20)
        (receipt,) = await market.receipts()

    assert receipt.core.worker_id == winner


async def test_price__cheapest_is_busy__the_cheapest_with_a_free_slot_sets_the_price(
    tmp_path: Path,
) -> None:
    async with open_market(tmp_path, "cheap", "plain", slots=1) as market:
        await market.offer("cheap", CHEAP)
        market.session("cheap").in_flight += 1
        header = await market.ask("price")
        market.session("cheap").in_flight -= 1

    assert header.endswith("terms=list")


async def test_speed__measured_workers__the_fastest_serves_at_its_own_ask(tmp_path: Path) -> None:
    async with open_market(tmp_path, "cheap", "dear", "plain") as market:
        await market.offer("cheap", CHEAP)
        await market.offer("dear", DEAR)
        market.session("cheap").on_measured("basis-tiny", busy_us=900_000, tokens=10)
        market.session("dear").on_measured("basis-tiny", busy_us=100_000, tokens=10)
        header = await market.ask("speed")
        (receipt,) = await market.receipts()

    assert "prompt=25000000" in header
    assert receipt.core.worker_id == "dear"


async def test_speed__after_a_job__the_worker_is_measured_by_the_tokens_we_counted(
    tmp_path: Path,
) -> None:
    async with open_market(tmp_path, "plain") as market:
        before = market.session("plain").pace("basis-tiny").token_us
        await market.ask()
        (receipt,) = await market.receipts()
        pace = market.session("plain").pace("basis-tiny")

    assert before is None
    assert pace.token_parts == receipt.core.output_tokens * 1_000
    assert pace.token_us is not None


async def test_quality__longest_online__serves(tmp_path: Path) -> None:
    async with open_market(tmp_path, "cheap", "dear") as market:
        await market.offer("cheap", CHEAP)
        await market.offer("dear", DEAR)
        minute = int(time.time()) // 60
        for ago in range(1, 30):
            market.running.context.presence.mark("dear", minute=minute - ago)
        header = await market.ask("quality")
        (receipt,) = await market.receipts()

    assert "prompt=25000000" in header
    assert receipt.core.worker_id == "dear"


@pytest.mark.parametrize("wrong", ["cheap", "", "price,speed", "x" * 500])
async def test_preference__unknown__is_refused_by_name(tmp_path: Path, wrong: str) -> None:
    async with open_market(tmp_path, "plain") as market:
        market.customer.http.headers[PREFER] = wrong
        async with market.customer.chat() as response:
            message = await expect_error(response, 400, "invalid_input", param="x-basis-prefer")

    assert "price, speed, quality" in message


async def send_vector(worker: ScriptedWorker, job: Job) -> None:
    """A script: one vector."""
    await worker.send(Vector(lease_id=job.lease_id, seq=0, index=0, values=[1.0, 2.0]))
    await worker.done(job, 1)


async def test_preference__embedding__is_priced_by_its_own_model(tmp_path: Path) -> None:
    async with open_market(tmp_path, "cheap", scripts={"cheap": send_vector}) as market:
        offer_hash = await market.offer("cheap", CHEAP, model="basis-tiny-embed")
        market.customer.http.headers[PREFER] = "price"
        body = {"model": "basis-tiny-embed", "input": "Hello!"}
        async with market.customer.post("/v1/embeddings", **body) as response:
            header = response.headers[PRICE]
        pace = market.session("cheap").pace("basis-tiny-embed")
        (receipt,) = await market.receipts()

    assert offer_hash in header
    assert prices_of(receipt) == (*CHEAP, offer_hash)
    assert pace.token_parts == receipt.core.prompt_tokens * 1_000


async def test_preference__stream__names_the_price_before_its_first_event(tmp_path: Path) -> None:
    async with open_market(tmp_path, "cheap") as market:
        await market.offer("cheap", CHEAP)
        market.customer.http.headers[PREFER] = "PRICE"
        async with market.customer.chat(stream=True) as response:
            header = response.headers[PRICE]
            await read_events(response)

    assert header.startswith("prompt=10000000, output=40000000, terms=offer")


async def test_key__prefers_price__needs_no_header_and_the_header_goes_before_it(
    tmp_path: Path,
) -> None:
    async with open_market(tmp_path, "cheap", "plain") as market:
        await market.offer("cheap", CHEAP)
        prefer(market.running, "price")
        by_key = await market.ask()
        minute = int(time.time()) // 60
        market.running.context.presence.mark("plain", minute=minute - 1)
        by_header = await market.ask("quality")

    assert by_key.startswith("prompt=10000000")
    assert by_header.endswith("terms=list")


def prefer(running: RunningOrchestrator, preference: str) -> None:
    """Gives every key this preference."""
    from sqlalchemy import update

    from basis.storage.database import for_writing
    from basis.storage.schema import api_keys

    with for_writing(running.context.engine).begin() as connection:
        connection.execute(update(api_keys).values(prefers=preference))
    running.context.keys._seen.clear()  # what a few seconds would do


async def test_choose__worker_left_since_the_offer__is_no_candidate(tmp_path: Path) -> None:
    async with open_market(tmp_path, "cheap", "plain") as market:
        await market.offer("cheap", CHEAP)
        await market.workers["cheap"].leave()
        await until(lambda: "cheap" not in market.running.context.dispatcher.sessions)
        header = await market.ask("price")

    assert header.endswith("terms=list")


async def test_choose__offer_ran_out__its_worker_serves_at_the_list_price_again(
    tmp_path: Path,
) -> None:
    async with open_market(tmp_path, "cheap") as market:
        await market.offer("cheap", CHEAP)
        market.running.context.offers.shelf.advance(int(time.time()) + 4_000)
        header = await market.ask("price")

    assert header.endswith("terms=list")
