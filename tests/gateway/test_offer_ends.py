"""How offers end over HTTP: withdrawn, replayed, replaced, run out, across a restart."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from basis.storage.database import begin_write
from tests.support.answers import expect_error
from tests.support.offer_calls import (
    OFFERS,
    OWNER,
    STRANGER,
    WITHDRAW,
    deliver,
    market,
    state_of,
)
from tests.support.orchestrators import Customer, orchestrator, until
from tests.support.scripted_worker import ScriptedWorker


async def test_offer__replayed_after_a_later_one__is_refused(tmp_path: Path) -> None:
    first, second = OWNER.offer(nonce=1), OWNER.offer(nonce=2, capacity=2)
    async with market(tmp_path) as (_, customer):
        replayed = (await deliver(customer, first))["offer_hash"]
        await deliver(customer, second)
        answer = await deliver(customer, first)
        async with customer.post(OFFERS, **OWNER.body(OWNER.offer(nonce=2))) as response:
            await expect_error(response, 409, "stale_nonce")

    assert (answer["offer_hash"], answer["state"], answer["created"]) == (
        replayed,
        "superseded",
        False,
    )


async def test_withdrawal__signed_by_the_owner__ends_the_offer_and_bars_its_replay(
    tmp_path: Path,
) -> None:
    offer = OWNER.offer(nonce=5)
    async with market(tmp_path) as (_, customer):
        offer_hash = (await deliver(customer, offer))["offer_hash"]
        answer = await deliver(customer, OWNER.withdrawal(nonce=6))
        again = await deliver(customer, OWNER.withdrawal(nonce=6))
        replayed = await deliver(customer, offer)
        async with customer.post(OFFERS, **OWNER.body(OWNER.offer(nonce=4))) as response:
            await expect_error(response, 409, "stale_nonce")
        state = await state_of(customer, offer_hash)

    assert (answer["withdrawn"], again["withdrawn"]) == (1, 0)
    assert replayed["state"] == state == "withdrawn"


async def test_withdrawal__by_a_stranger__is_refused(tmp_path: Path) -> None:
    async with market(tmp_path) as (_, customer):
        offer_hash = (await deliver(customer, OWNER.offer()))["offer_hash"]
        withdrawal = OWNER.withdrawal(nonce=9)
        body = OWNER.body(withdrawal, signature=STRANGER.sign(withdrawal))
        async with customer.post(WITHDRAW, **body) as response:
            await expect_error(response, 403, "wrong_signer")

        assert await state_of(customer, offer_hash) == "live"


async def test_withdrawal__by_the_workers_token__ends_all(tmp_path: Path) -> None:
    async with (
        orchestrator(tmp_path) as (running, customer),
        ScriptedWorker(running.url, worker_id="gpu-7a1c", wallet=OWNER.wallet) as worker,
    ):
        await deliver(customer, OWNER.offer(nonce=1))
        await deliver(customer, OWNER.offer(nonce=2, begins_in_s=600))
        url = running.url + "/api/workers/gpu-7a1c/offers"
        async with customer.http.delete(url) as response:
            await expect_error(response, 401, "invalid_api_key")
        headers = {"Authorization": f"Bearer {worker.token}"}
        async with customer.http.delete(url, headers=headers) as response:
            answer = await response.json()
        live = running.context.offers.shelf.live_offer("gpu-7a1c")

    assert answer == {"worker_id": "gpu-7a1c", "withdrawn": 2}
    assert live is None


async def test_offer__wallet_of_the_worker_changes__is_over_even_if_it_changes_back(
    tmp_path: Path,
) -> None:
    async with (
        orchestrator(tmp_path) as (running, customer),
        ScriptedWorker(running.url, worker_id="gpu-7a1c", wallet=OWNER.wallet) as worker,
    ):
        offer_hash = (await deliver(customer, OWNER.offer()))["offer_hash"]
        for owner in (STRANGER, OWNER):
            async with customer.http.post(
                running.url + "/api/workers/register",
                json={
                    "worker_id": "gpu-7a1c",
                    "worker_wallet": owner.wallet,
                    "runtime": "llamacpp",
                    "models": list(worker.models),
                },
                headers={"Authorization": f"Bearer {worker.token}"},
            ) as response:
                assert response.status == 200
        state = await state_of(customer, offer_hash)
        live = running.context.offers.shelf.live_offer("gpu-7a1c")

    assert (state, live) == ("owner_changed", None)


async def test_offer__too_many_that_wait__are_refused(tmp_path: Path) -> None:
    async with market(tmp_path) as (_, customer):
        for nonce in range(1, 9):
            await deliver(customer, OWNER.offer(nonce=nonce, begins_in_s=600))
        body = OWNER.body(OWNER.offer(nonce=9, begins_in_s=600))
        async with customer.post(OFFERS, **body) as response:
            await expect_error(response, 409, "conflict")


async def test_offer__too_many_that_come_at_once__are_refused(tmp_path: Path) -> None:
    async def status(customer: Customer, nonce: int) -> int:
        body = OWNER.body(OWNER.offer(nonce=nonce, begins_in_s=600))
        async with customer.post(OFFERS, **body) as response:
            return response.status

    async with market(tmp_path) as (running, customer):
        with begin_write(running.context.engine):  # so that none is on record before all have come
            calls = [asyncio.create_task(status(customer, nonce)) for nonce in range(1, 13)]
            tasks = running.context.background._tasks
            await until(lambda: len(tasks) + sum(call.done() for call in calls) >= 12)
        statuses = await asyncio.gather(*calls)
        kept = running.context.offers.shelf.open_offers("gpu-7a1c")

    assert len(kept) == statuses.count(201) <= 8
    assert set(statuses) == {201, 409}


async def test_offer__orchestrator_restarts__is_live_again_and_its_end_is_kept(
    tmp_path: Path,
) -> None:
    worker_token = ""
    async with (
        orchestrator(tmp_path) as (running, customer),
        ScriptedWorker(running.url, worker_id="gpu-7a1c", wallet=OWNER.wallet) as worker,
    ):
        worker_token = str(worker.token)
        ended = (await deliver(customer, OWNER.offer(nonce=1)))["offer_hash"]
        kept = (await deliver(customer, OWNER.offer(nonce=2, capacity=2)))["offer_hash"]

    async with (
        orchestrator(tmp_path) as (running, customer),
        ScriptedWorker(running.url, worker_id="gpu-7a1c", wallet=OWNER.wallet, token=worker_token),
    ):
        states = [await state_of(customer, one) for one in (ended, kept)]
        free = running.context.dispatcher.sessions["gpu-7a1c"].free_slots
        async with customer.post(OFFERS, **OWNER.body(OWNER.offer(nonce=2))) as response:
            await expect_error(response, 409, "stale_nonce")

    assert states == ["superseded", "live"]
    assert free == 2


async def test_offer__expires_while_the_orchestrator_runs__its_end_is_recorded(
    tmp_path: Path,
) -> None:
    async with market(tmp_path) as (running, customer):
        offer_hash = (await deliver(customer, OWNER.offer()))["offer_hash"]
        running.context.offers.shelf.advance(int(time.time()) + 4_000)  # what an hour would do
        await running.context.offers.record_ends()
        state = await state_of(customer, offer_hash)
        slots = running.context.dispatcher.sessions["gpu-7a1c"].offered_slots

    assert (state, slots) == ("expired", None)


async def test_offer__whoever_delivers_it_leaves_at_once__it_counts_all_the_same(
    tmp_path: Path,
) -> None:
    async with market(tmp_path) as (running, customer):
        call = asyncio.create_task(deliver(customer, OWNER.offer()))
        await until(lambda: len(running.context.background._tasks) > 0)
        call.cancel()
        shelf = running.context.offers.shelf
        await until(lambda: shelf.live_offer("gpu-7a1c") is not None)

    assert call.cancelled() or call.done()
