"""Owners' offers over HTTP: which are taken, which are refused and why, how they end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.answers import expect_error
from tests.support.offer_calls import (
    LIST_OUTPUT,
    LIST_PROMPT,
    OFFERS,
    OWNER,
    STRANGER,
    deliver,
    market,
)


async def test_offer__good__is_live_at_once_and_anyone_can_check_it(tmp_path: Path) -> None:
    offer = OWNER.offer(10_000_000, 40_000_000)
    async with market(tmp_path) as (_, customer):
        async with customer.post(OFFERS, **OWNER.body(offer)) as response:
            status, answer = response.status, await response.json()
        async with customer.get(f"{OFFERS}/{answer['offer_hash']}") as response:
            record = await response.json()

    assert (status, answer["state"], answer["created"]) == (201, "live", True)
    assert {"offer": record["offer"], "signature": record["signature"]} == OWNER.body(offer)
    assert (record["rails"], record["ended_at"]) == ("2026-11-23", None)


async def test_offer__delivered_again__is_the_same_and_not_new(tmp_path: Path) -> None:
    offer = OWNER.offer()
    async with market(tmp_path) as (_, customer):
        first = await deliver(customer, offer)
        again = await deliver(customer, offer)

    assert again == {**first, "created": False}


@pytest.mark.parametrize(
    ("prices", "rail", "param"),
    [
        ((LIST_PROMPT // 4 - 1, LIST_OUTPUT), "lowest", "models[0].promptPrice"),
        ((LIST_PROMPT, LIST_OUTPUT // 4 - 1), "lowest", "models[0].outputPrice"),
        ((LIST_PROMPT * 2 + 1, LIST_OUTPUT), "highest", "models[0].promptPrice"),
        ((LIST_PROMPT, LIST_OUTPUT * 2 + 1), "highest", "models[0].outputPrice"),
        ((0, 0), "lowest", "models[0].promptPrice"),
    ],
)
async def test_offer__outside_a_rail__is_refused_and_names_it(
    tmp_path: Path, prices: tuple[int, int], rail: str, param: str
) -> None:
    body = OWNER.body(OWNER.offer(*prices))
    async with market(tmp_path) as (_, customer), customer.post(OFFERS, **body) as response:
        message = await expect_error(response, 400, "price_outside_rails", param=param)

    assert repr(rail) in message


@pytest.mark.parametrize(
    "prices",
    [
        (LIST_PROMPT // 4, LIST_OUTPUT // 4),
        (LIST_PROMPT * 2, LIST_OUTPUT * 2),
        (LIST_PROMPT, LIST_OUTPUT),
    ],
)
async def test_offer__on_a_rail__is_taken(tmp_path: Path, prices: tuple[int, int]) -> None:
    async with market(tmp_path) as (_, customer):
        answer = await deliver(customer, OWNER.offer(*prices))

    assert answer["state"] == "live"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"life_s": -1}, "expiresAt"),
        ({"life_s": 30 * 86_400 + 100}, "expiresAt"),
        ({"life_s": 50, "begins_in_s": 60}, "expiresAt"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": 257}, "capacity"),
        ({"nonce": 0}, "nonce"),
        ({"model": "gpt-9"}, "models[0].model"),
        ({"prompt_price": 10**12 + 1}, "models[0].promptPrice"),
    ],
)
async def test_offer__that_nobody_should_make__is_refused_by_field(
    tmp_path: Path, changes: dict[str, Any], param: str
) -> None:
    body = OWNER.body(OWNER.offer(**changes))
    async with market(tmp_path) as (_, customer), customer.post(OFFERS, **body) as response:
        await expect_error(response, 400, "invalid_input", param=param)


@pytest.mark.parametrize(
    ("path", "value", "param"),
    [
        (("offer", "capacity"), 10**40, "offer.capacity"),
        (("offer", "capacity"), -1, "offer.capacity"),
        (("offer", "capacity"), 1.5, "offer.capacity"),
        (("offer", "capacity"), "4", "offer.capacity"),
        (("offer", "capacity"), True, "offer.capacity"),
        (("offer", "nonce"), 2**53, "offer.nonce"),
        (("offer", "models"), [], "offer.models"),
        (("offer", "models"), [{"model": "basis-tiny"}] * 65, "offer.models[0].promptPrice"),
        (("offer", "workerId"), "a b", "offer.workerId"),
        (("offer", "wallet"), "0x12", "offer.wallet"),
        (("offer", "price"), 1, "offer.price"),
        (("signature",), "0x" + "0" * 131, "signature"),
        (("signature",), "0x" + "0" * 130, "signature"),
        (("signature",), None, "signature"),
        (("chainId",), 1, "chainId"),
    ],
)
async def test_offer__malformed_body__is_refused_by_field(
    tmp_path: Path, path: tuple[str, ...], value: object, param: str
) -> None:
    body = OWNER.body(OWNER.offer())
    target = body
    for name in path[:-1]:
        target = target[name]
    target[path[-1]] = value
    async with market(tmp_path) as (_, customer), customer.post(OFFERS, **body) as response:
        answer = await response.json()

    assert response.status == 400
    assert answer["error"]["param"] == param


@pytest.mark.parametrize(
    ("field", "value"),
    [("capacity", 5), ("nonce", 7), ("expires_at", None), ("not_before", 1), ("models", None)],
)
async def test_offer__changed_after_it_was_signed__is_refused(
    tmp_path: Path, field: str, value: int | None
) -> None:
    offer = OWNER.offer()
    changed = {
        "expires_at": offer.expires_at + 1,
        "models": (replace(offer.models[0], output_price=LIST_OUTPUT + 1),),
    }.get(field, value)
    body = OWNER.body(replace(offer, **{field: changed}), signature=OWNER.sign(offer))
    async with market(tmp_path) as (_, customer), customer.post(OFFERS, **body) as response:
        await expect_error(response, 403, "wrong_signer")


async def test_offer__signed_by_a_stranger__is_refused(tmp_path: Path) -> None:
    offer = OWNER.offer()
    mine = STRANGER.body(STRANGER.offer())
    async with market(tmp_path) as (_, customer):
        body = OWNER.body(offer, signature=STRANGER.sign(offer))
        async with customer.post(OFFERS, **body) as response:
            await expect_error(response, 403, "wrong_signer")
        async with customer.post(OFFERS, **mine) as response:
            message = await expect_error(response, 403, "wrong_signer")

    assert OWNER.wallet in message


async def test_offer__unknown_worker__is_not_found(tmp_path: Path) -> None:
    body = OWNER.body(OWNER.offer(worker_id="nobody"))
    async with market(tmp_path) as (_, customer), customer.post(OFFERS, **body) as response:
        await expect_error(response, 404, "not_found")


async def test_offer__too_many_calls_from_one_address__are_refused(tmp_path: Path) -> None:
    async with market(tmp_path, registrations_per_hour=3) as (_, customer):
        await deliver(customer, OWNER.offer(nonce=1))
        await deliver(customer, OWNER.offer(nonce=2))
        async with customer.post(OFFERS, **OWNER.body(OWNER.offer(nonce=3))) as response:
            await expect_error(response, 429, "rate_limit_exceeded")


async def test_get_offer__unknown_hash__is_not_found(tmp_path: Path) -> None:
    async with market(tmp_path) as (_, customer), customer.get(f"{OFFERS}/{'0' * 64}") as response:
        await expect_error(response, 404, "not_found")


async def test_offer__two_with_one_nonce_at_once__exactly_one_is_taken(tmp_path: Path) -> None:
    async with market(tmp_path) as (running, customer):

        async def post(capacity: int) -> int:
            body = OWNER.body(OWNER.offer(capacity=capacity))
            async with customer.post(OFFERS, **body) as response:
                await response.read()
                return response.status

        statuses = await asyncio.gather(*(post(capacity) for capacity in (1, 2, 3, 4)))
        live = running.context.offers.shelf.live_offer("gpu-7a1c")

    assert sorted(statuses) == [201, 409, 409, 409]
    assert live.offer.capacity == statuses.index(201) + 1


async def test_offer__many_at_once__the_highest_nonce_counts(tmp_path: Path) -> None:
    async with market(tmp_path) as (running, customer):

        async def post(nonce: int) -> int:
            body = OWNER.body(OWNER.offer(nonce=nonce))
            async with customer.post(OFFERS, **body) as response:
                await response.read()
                return nonce if response.status == 201 else 0

        accepted = await asyncio.gather(*(post(nonce) for nonce in (7, 3, 12, 5, 9, 1, 11, 2)))
        shelf = running.context.offers.shelf
        live = shelf.live_offer("gpu-7a1c")

    assert live.offer.nonce == max(accepted) == 12
    assert len(shelf.open_offers("gpu-7a1c")) == 1
