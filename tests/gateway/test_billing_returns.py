"""Stripe's refunds, disputes, taxes and test mode over HTTP: nothing is lost, nothing twice."""

from __future__ import annotations

import itertools
import logging
from collections.abc import AsyncIterator, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog
from sqlalchemy import text
from structlog.testing import capture_logs

from basis.accounting.card_returns import load_card_returns
from basis.storage.database import begin_write
from tests.support.answers import expect_error
from tests.support.orchestrators import orchestrator
from tests.support.stripe import CENT, Shop, dispute, event, in_test_mode, refund, write_secret

pytestmark = pytest.mark.asyncio(loop_scope="function")


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A fresh orchestrator for each test."""
    file = write_secret(tmp_path / "etc")
    async with orchestrator(tmp_path / "data", stripe_secret_file=file) as (running, customer):
        yield Shop(running=running, customer=customer)


@pytest.fixture
def told(quiet_logs: None) -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged, warnings too."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    with capture_logs() as lines:
        yield lines
    structlog.configure(**before)


def reasons(shop: Shop) -> list[str]:
    """Why what went back is not booked whole."""
    with shop.running.context.engine.connect() as connection:
        return [one.reason for one in load_card_returns(connection) if one.reason]


async def test_dispute__withdrawn_and_reinstated__takes_the_credits_and_gives_them_again(
    shop: Shop,
) -> None:
    await shop.outcome(event())
    balances: list[int] = []
    outcomes: list[str] = []
    for body in (
        dispute("created"),
        dispute("funds_withdrawn"),
        dispute("funds_withdrawn"),
        dispute("updated", "under_review"),
        dispute("funds_reinstated", "won"),
        dispute("closed", "won"),
        dispute("funds_reinstated", "won"),
        dispute("funds_withdrawn"),
    ):
        outcomes.append(await shop.outcome(body))
        balances.append(shop.balance // CENT)

    assert outcomes == [
        *("noted", "refunded", "repeated", "noted", "reinstated", "repeated", "repeated"),
        "repeated",
    ]
    assert balances == [500, 0, 0, 0, 500, 500, 500, 500]
    assert reasons(shop) == []


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
async def test_dispute__events_in_any_order__come_to_the_same(
    shop: Shop, order: tuple[int, ...]
) -> None:
    events = [
        event(),
        dispute("created"),
        dispute("funds_withdrawn"),
        dispute("funds_reinstated", "won"),
    ]

    for number in (*order, *order):
        await shop.outcome(events[number])

    assert shop.balance == 500 * CENT
    assert reasons(shop) == []


async def test_dispute__an_inquiry_that_takes_no_money__takes_no_credits(shop: Shop) -> None:
    await shop.outcome(event())

    assert await shop.outcome(dispute("created", "warning_needs_response")) == "noted"
    assert await shop.outcome(dispute("closed", "warning_closed")) == "noted"

    assert shop.balance == 500 * CENT


async def test_dispute__closed_as_lost_without_an_event_of_the_money__takes_the_credits(
    shop: Shop,
) -> None:
    await shop.outcome(event())

    assert await shop.outcome(dispute("closed", "lost")) == "refunded"
    assert await shop.outcome(dispute("funds_withdrawn")) == "repeated"

    assert shop.balance == 0


async def test_dispute__of_a_part_after_a_refund_of_another__takes_both_and_no_more(
    shop: Shop,
) -> None:
    await shop.outcome(event())
    await shop.outcome(refund(200))
    await shop.outcome(dispute("funds_withdrawn", amount=300))
    second = dispute("funds_withdrawn", id="dp_2", amount=100)

    assert await shop.outcome(second) == "noted"

    assert shop.balance == 0
    assert all("100 more went back than the 500" in reason for reason in reasons(shop))
    assert len(reasons(shop)) == 3
    await shop.outcome(dispute("funds_reinstated", id="dp_2", amount=100))
    assert (shop.balance, reasons(shop)) == (0, [])


async def test_dispute__told_later_without_its_payment__is_booked_by_what_was_told_before(
    shop: Shop, told: list[MutableMapping[str, Any]]
) -> None:
    await shop.outcome(event())
    assert await shop.outcome(dispute("created")) == "noted"

    assert await shop.outcome(dispute("funds_withdrawn", payment_intent=None)) == "refunded"
    assert (told[-1]["payment"], shop.balance, reasons(shop)) == ("pi_1", 0, [])

    later = dispute("funds_reinstated", "won", payment_intent=None)
    assert await shop.outcome(later) == "reinstated"
    assert shop.balance == 500 * CENT


@pytest.mark.parametrize(
    ("changes", "match"),
    [({"currency": "eur"}, "'usd', not 'eur'"), ({"payment_intent": "pi_2"}, "not 'pi_2'")],
)
async def test_dispute__told_again_of_another_payment_or_currency__is_409_and_books_nothing(
    shop: Shop, changes: dict[str, str], match: str
) -> None:
    await shop.outcome(event())
    await shop.outcome(dispute("created"))

    async with shop.post(dispute("funds_withdrawn", **changes)) as response:
        message = await expect_error(response, 409, "conflict")

    assert match in message
    assert shop.balance == 500 * CENT


async def test_returns__not_taken_back_though_told__say_so(shop: Shop) -> None:
    await shop.outcome(event())
    await shop.outcome(refund(200))
    with begin_write(shop.running.context.engine) as connection:
        connection.execute(text("UPDATE payments SET returned_microcredits = 5"))

    assert reasons(shop) == ["2000000000 micro-credits are to be taken back, and 5 were"]


async def test_dispute__of_nobodys_payment__is_kept_until_it_is_somebodys(shop: Shop) -> None:
    assert await shop.outcome(dispute("funds_withdrawn", payment_intent=None)) == "unassigned"
    assert await shop.outcome(dispute("funds_withdrawn", id="dp_2")) == "unassigned"
    assert len(reasons(shop)) == 2

    await shop.outcome(event())

    assert shop.balance == 0
    assert reasons(shop) == ["no payment of this reference is on record"]


async def test_refund__more_than_was_paid__is_answered_200_and_told_to_the_operator(
    shop: Shop, told: list[MutableMapping[str, Any]]
) -> None:
    await shop.outcome(event())

    assert await shop.outcome(refund(501)) == "refunded"
    line = told[-1]
    assert await shop.outcome(refund(501)) == "repeated"

    assert shop.balance == 0
    assert reasons(shop) == ["1 more went back than the 500 that were paid"]
    assert (line["log_level"], line["reason"]) == ("warning", reasons(shop)[0])


async def test_refund__in_another_currency__is_kept_and_books_nothing(shop: Shop) -> None:
    await shop.outcome(event())

    assert await shop.outcome(refund(100, currency="eur")) == "unbooked"
    assert await shop.outcome(dispute("funds_withdrawn", currency="eur")) == "unbooked"

    assert shop.balance == 500 * CENT
    assert reasons(shop) == ["it is in 'eur', and its payment in 'usd'"] * 2


@pytest.mark.parametrize("details", [{"amount_tax": 80}, {"amount_tax": 80, "amount_discount": 9}])
async def test_payment__with_tax__buys_credits_for_the_rest_and_is_refunded_in_proportion(
    shop: Shop, details: dict[str, int]
) -> None:
    await shop.outcome(event(total_details=details))
    assert shop.balance == 420 * CENT

    await shop.outcome(refund(250))
    assert shop.balance == 210 * CENT
    await shop.outcome(dispute("funds_withdrawn", amount=250))
    assert (shop.balance, reasons(shop)) == (0, [])


@pytest.mark.parametrize("details", [None, {}, {"amount_tax": None}, {"amount_tax": 0}])
async def test_payment__without_tax__buys_credits_for_all_of_it(
    shop: Shop, details: dict[str, int] | None
) -> None:
    await shop.outcome(event(total_details=details))

    assert shop.balance == 500 * CENT


@pytest.mark.parametrize("body", [event(), refund(500), dispute("funds_withdrawn")])
async def test_event__of_test_mode_on_a_live_network__does_nothing_and_is_logged(
    shop: Shop, body: bytes, told: list[MutableMapping[str, Any]]
) -> None:
    assert await shop.outcome(in_test_mode(body)) == "ignored"

    assert shop.entries == 0
    assert reasons(shop) == []
    assert [one["log_level"] for one in told if one["event"] == "payment_of_other_mode"] == [
        "warning"
    ]


async def test_event__of_real_money_on_a_test_network__is_409_and_test_events_fund(
    tmp_path: Path,
) -> None:
    file = write_secret(tmp_path / "etc")
    billing = {"stripe_secret_file": file, "stripe_livemode": False}
    async with orchestrator(tmp_path / "data", **billing) as (running, customer):
        shop = Shop(running=running, customer=customer)
        async with shop.post(event()) as response:
            message = await expect_error(response, 409, "conflict")
        assert "billing.stripe_livemode" in message
        assert shop.entries == 0
        assert await shop.outcome(in_test_mode(event())) == "funded"
        assert shop.balance == 500 * CENT
