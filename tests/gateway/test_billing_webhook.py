"""Stripe's webhook over HTTP, really signed: paid once, kept if nobody's, refused if forged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from basis.app import run_orchestrator
from basis.gateway.stripe_signature import StripeSecret
from basis.rules.errors import Misconfigured
from basis.storage.payment_store import load_payments
from tests.support.answers import expect_error
from tests.support.orchestrators import orchestrator, quick_settings
from tests.support.stripe import CENT, SECRET, Shop, dispute, event, refund, write_secret

pytestmark = pytest.mark.asyncio(loop_scope="function")


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A fresh orchestrator for each test."""
    file = write_secret(tmp_path / "etc")
    async with orchestrator(tmp_path / "data", stripe_secret_file=file) as (running, customer):
        yield Shop(running=running, customer=customer)


async def test_payment__both_events_and_retries__funds_once(shop: Shop) -> None:
    kinds = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
    outcomes = [await shop.outcome(event(kind)) for kind in kinds * 2]

    assert outcomes == ["funded", "repeated", "repeated", "repeated"]
    assert shop.balance == 500 * CENT


async def test_payment__told_64_times_at_once__funds_once(shop: Shop) -> None:
    outcomes = await asyncio.gather(*(shop.outcome(event()) for _ in range(64)))

    assert sorted(outcomes) == ["funded"] + ["repeated"] * 63
    assert (shop.balance, shop.entries) == (500 * CENT, 1)


async def test_payment__expanded_intent_and_upper_case_currency__funds(shop: Shop) -> None:
    body = event(payment_intent={"id": "pi_1", "amount": 500}, currency="USD")

    assert await shop.outcome(body) == "funded"
    assert await shop.outcome(refund(500)) == "refunded"
    assert shop.balance == 0


@pytest.mark.parametrize(
    "body",
    [
        event("invoice.paid"),
        event("checkout.session.expired"),
        event("checkout.session.async_payment_failed"),
        event(payment_status="unpaid"),
        event(payment_status="no_payment_required", amount_total=0),
        event(amount_total=0),
        event(amount_total=None),
        refund(0),
        refund(5, payment_intent=None),
        b'{"type":"x","livemode":true,"data":{"object":[1]},"unknown":true}',
    ],
)
async def test_event__that_means_nothing_here__is_answered_200_and_does_nothing(
    shop: Shop, body: bytes
) -> None:
    assert await shop.outcome(body) == "ignored"
    assert shop.entries == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"client_reference_id": None},
        {"client_reference_id": "nobody"},
        {"client_reference_id": "\u001b[31mred"},
        {"client_reference_id": "x" * 10_000},
        {"currency": "eur"},
        {"currency": None},
        {"amount_total": 10**9},
        {"total_details": {"amount_tax": 500}},
        {"total_details": {"amount_tax": 501}},
    ],
)
async def test_payment__that_cannot_be_booked__is_answered_200_and_kept(
    shop: Shop, changes: dict[str, Any]
) -> None:
    assert await shop.outcome(event(**changes)) == "unassigned"
    assert await shop.outcome(event(**changes)) == "unassigned"

    with shop.running.context.engine.connect() as connection:
        (kept,) = load_payments(connection, None)
    assert kept.reason
    assert kept.account_given.isprintable()
    assert len(kept.account_given) <= 64
    assert shop.entries == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"type":"checkout.session.completed","livemode":true}',
        b'{"type":"checkout.session.completed","livemode":true,"data":{"object":null}}',
        b'{"type":"checkout.session.completed","data":{"object":{}}}',
        b'{"type":"checkout.session.completed","livemode":"no","data":{"object":{}}}',
        b'{"type":5,"livemode":true,"data":{"object":{}}}',
        b"\xff",
        event(id=""),
        event(id="x" * 91),
        event(id="../../etc"),
        event(id=7),
        event(amount_total=-500),
        event(amount_total=5.5),
        event(amount_total="500"),
        event(amount_total=10**30),
        event(amount_total=True),
        event(currency="u$d"),
        event(payment_intent=7),
        event(total_details={"amount_tax": -1}),
        event(total_details={"amount_tax": "7"}),
        event(total_details=[]),
        refund(-1),
        refund(10**30),
        dispute("funds_withdrawn", amount=-1),
        dispute("funds_withdrawn", amount=None),
        dispute("funds_withdrawn", amount=1.5),
        dispute("funds_withdrawn", id="a b"),
        dispute("funds_withdrawn", currency="dollars!"),
        dispute("closed", status="x" * 41),
    ],
)
async def test_event__malformed_though_signed__is_refused_and_books_nothing(
    shop: Shop, body: bytes
) -> None:
    async with shop.post(body) as response:
        assert response.status == 400
        assert (await response.json())["error"]["code"] == "invalid_input"
    assert shop.entries == 0


async def test_payment__same_session_other_amount__is_409(shop: Shop) -> None:
    await shop.outcome(event())

    async with shop.post(event(amount_total=501)) as response:
        message = await expect_error(response, 409, "conflict")
    assert "500" in message
    assert shop.balance == 500 * CENT


@pytest.mark.parametrize(
    "header",
    ["", "t=1,v1=", "t=1", f"t=1,v1={'0' * 64}", "nonsense", "t=x,v1=y", "v1=" + "0" * 64],
)
async def test_event__not_signed__is_400_and_books_nothing(shop: Shop, header: str) -> None:
    async with shop.post(event(), header=header) as response:
        await expect_error(response, 400, "invalid_input", param="stripe-signature")
    assert shop.entries == 0


async def test_event__signed_too_long_ago_or_ahead__is_400(shop: Shop) -> None:
    for shift_s in (-310, 310):
        async with shop.post(event(), at_s=int(time.time()) + shift_s) as response:
            await expect_error(response, 400, "invalid_input", param="stripe-signature")
    assert shop.entries == 0


async def test_event__changed_after_it_was_signed__is_400(shop: Shop) -> None:
    at_s = int(time.time())
    header = f"t={at_s},v1={StripeSecret(SECRET).sign(event(), at_s=at_s)}"

    async with shop.post(event(amount_total=50_000), header=header) as response:
        await expect_error(response, 400, "invalid_input", param="stripe-signature")
    assert shop.entries == 0


async def test_event__several_signatures_while_a_secret_is_replaced__is_taken(shop: Shop) -> None:
    at_s, body = int(time.time()), event()
    mine = StripeSecret(SECRET).sign(body, at_s=at_s)
    other = StripeSecret("whsec_the_one_before_it").sign(body, at_s=at_s)

    async with shop.post(body, header=f"t={at_s},v1={other},v1={mine},v0=abc") as response:
        assert response.status == 200
    assert shop.balance == 500 * CENT


async def test_event__too_large__is_413_before_it_is_looked_at(shop: Shop) -> None:
    async with shop.post(event(note="x" * (257 << 10))) as response:
        await expect_error(response, 413, "request_too_large")


async def test_refunds__in_steps_repeated_and_late__take_back_what_was_refunded(
    shop: Shop,
) -> None:
    await shop.outcome(event())

    outcomes = [await shop.outcome(refund(minor)) for minor in (100, 100, 350, 100)]

    assert outcomes == ["refunded", "repeated", "refunded", "repeated"]
    assert shop.balance == 150 * CENT


async def test_refund__heard_of_before_its_payment__counts_once_that_comes(shop: Shop) -> None:
    assert await shop.outcome(refund(200)) == "unassigned"
    assert await shop.outcome(event()) == "funded"

    assert shop.balance == 300 * CENT


async def test_payment__funds_what_a_job_spends_and_a_restart_keeps_it(tmp_path: Path) -> None:
    file = write_secret(tmp_path / "etc")
    folder = tmp_path / "data"
    async with orchestrator(folder, stripe_secret_file=file) as (running, customer):
        await Shop(running=running, customer=customer).outcome(event())
    async with orchestrator(folder, stripe_secret_file=file) as (running, customer):
        again = Shop(running=running, customer=customer)
        assert await again.outcome(event()) == "repeated"
        assert again.balance == 500 * CENT


async def test_webhook__without_a_secret__is_404(tmp_path: Path) -> None:
    async with (
        orchestrator(tmp_path) as (running, customer),
        Shop(running=running, customer=customer).post(event()) as response,
    ):
        await expect_error(response, 404, "not_found")


async def test_orchestrator__secret_open_to_others__does_not_start(tmp_path: Path) -> None:
    file = write_secret(tmp_path / "etc", mode=0o644)

    with pytest.raises(Misconfigured, match="chmod 600"):
        async with run_orchestrator(quick_settings(tmp_path, stripe_secret_file=file)):
            pass
