"""Payments by card: booked once whatever comes how often, refunds in any order, nothing lost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine

from basis.accounting.card_payments import (
    CardPayment,
    assign_payment,
    receive_payment,
)
from basis.accounting.card_returns import load_card_returns, receive_refund
from basis.accounting.funding import Outcome
from basis.accounting.recompute import recompute
from basis.rules.errors import Conflict, InvalidInput, NotFound
from basis.storage.account_store import load_credits
from basis.storage.key_store import store_new_key
from basis.storage.ledger_store import iterate_entries
from basis.storage.payment_store import load_payments
from tests.support.books import NOW

CENT = 10_000_000
"""Micro-credits."""


@pytest.fixture
def store(engine: Engine) -> Iterator[Connection]:
    """A write transaction over a store with the prepaid customer shop."""
    with engine.begin() as connection:
        add_customer(connection, "shop")
        yield connection


def add_customer(connection: Connection, user_id: str) -> None:
    """Records a prepaid customer."""
    store_new_key(
        connection,
        key_id=f"key_{user_id}",
        secret_hash=user_id,
        name="test",
        user_id=user_id,
        user_wallet="",
        now=NOW,
    )


def paid(account: str = "shop", *, minor: int = 500, currency: str = "usd") -> CardPayment:
    """The one payment of these tests."""
    return CardPayment(
        key="cs_1", reference="pi_1", account=account, currency=currency, amount_minor=minor
    )


def refund(store: Connection, minor: int, currency: str = "usd") -> Outcome:
    """Tells that so much of the payment was refunded in all."""
    return receive_refund(store, reference="pi_1", currency=currency, refunded_minor=minor, now=NOW)


def balance(store: Connection, user_id: str = "shop") -> int:
    """What the customer has."""
    return load_credits(store, user_id).balance


def test_payment__told_twice__funds_once(store: Connection) -> None:
    outcomes = [receive_payment(store, paid(), now=NOW) for _ in range(2)]

    assert outcomes == [Outcome.FUNDED, Outcome.REPEATED]
    assert balance(store) == 500 * CENT
    (entry,) = iterate_entries(store)
    assert entry.cause == "stripe/cs_1"
    assert recompute(store).is_equal


def test_payment__same_name_other_amount__is_refused_with_both(store: Connection) -> None:
    receive_payment(store, paid(), now=NOW)

    with pytest.raises(Conflict, match="the amount 500, not 501"):
        receive_payment(store, paid(minor=501), now=NOW)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (paid(""), "names no customer"),
        (paid("nobody"), "not on record"),
        (paid(currency="eur"), "'eur'"),
        (paid(currency=""), "only USD"),
        (paid(minor=10**8 + 1), "more than"),
    ],
)
def test_payment__that_cannot_be_booked__is_kept_with_its_reason(
    store: Connection, told: CardPayment, reason: str
) -> None:
    for _ in range(2):
        assert receive_payment(store, told, now=NOW) is Outcome.UNASSIGNED

    (kept,) = load_payments(store, None)
    assert reason in kept.reason
    assert kept.amount_minor == told.amount_minor
    assert not list(iterate_entries(store))


def test_payment__kept__is_booked_when_it_is_told_again_and_the_customer_is_there(
    store: Connection,
) -> None:
    receive_payment(store, paid("late"), now=NOW)
    add_customer(store, "late")

    assert receive_payment(store, paid("late"), now=NOW) is Outcome.FUNDED
    assert balance(store, "late") == 500 * CENT
    assert not load_payments(store, None)


def test_assign__kept_payment__funds_once_and_repeats_of_the_event_book_nothing(
    store: Connection,
) -> None:
    receive_payment(store, paid("nobody"), now=NOW)

    outcomes = [
        assign_payment(store, key="cs_1", user_id="shop", microcredits=None, now=NOW)
        for _ in range(2)
    ]

    assert outcomes == [Outcome.FUNDED, Outcome.REPEATED]
    assert receive_payment(store, paid("nobody"), now=NOW) is Outcome.REPEATED
    assert balance(store) == 500 * CENT
    assert recompute(store).is_equal


def test_assign__to_another_customer_afterwards__is_refused(store: Connection) -> None:
    add_customer(store, "other")
    receive_payment(store, paid(), now=NOW)

    with pytest.raises(Conflict, match="shop, not other"):
        assign_payment(store, key="cs_1", user_id="other", microcredits=None, now=NOW)


def test_assign__foreign_currency__needs_its_worth_said(store: Connection) -> None:
    receive_payment(store, paid(currency="eur"), now=NOW)

    with pytest.raises(InvalidInput, match="--credits"):
        assign_payment(store, key="cs_1", user_id="shop", microcredits=None, now=NOW)
    assign_payment(store, key="cs_1", user_id="shop", microcredits=7, now=NOW)

    assert balance(store) == 7


def test_assign__usd_with_an_amount__is_refused(store: Connection) -> None:
    receive_payment(store, paid("nobody"), now=NOW)

    with pytest.raises(InvalidInput, match="leave --credits out"):
        assign_payment(store, key="cs_1", user_id="shop", microcredits=1, now=NOW)


def test_assign__no_such_payment__is_not_found(store: Connection) -> None:
    with pytest.raises(NotFound, match="basis account unassigned"):
        assign_payment(store, key="cs_2", user_id="shop", microcredits=None, now=NOW)


def test_payment__second_of_one_reference__is_refused_with_the_first(store: Connection) -> None:
    receive_payment(store, paid(), now=NOW)

    with pytest.raises(Conflict, match="pi_1 is on record with the payment cs_1, not cs_2"):
        receive_payment(store, replace(paid(), key="cs_2"), now=NOW)
    assert balance(store) == 500 * CENT


def test_refund__told_again_in_another_currency__is_refused(store: Connection) -> None:
    receive_payment(store, paid(), now=NOW)
    refund(store, 100)

    with pytest.raises(Conflict, match="the currency 'usd', not 'eur'"):
        refund(store, 200, currency="eur")
    assert balance(store) == 400 * CENT


def test_refund__in_steps_and_repeated__takes_back_each_step_once(store: Connection) -> None:
    receive_payment(store, paid(), now=NOW)

    outcomes = [refund(store, minor) for minor in (100, 100, 350, 350, 500)]

    assert outcomes == [
        Outcome.REFUNDED,
        Outcome.REPEATED,
        Outcome.REFUNDED,
        Outcome.REPEATED,
        Outcome.REFUNDED,
    ]
    assert balance(store) == 0
    assert recompute(store).is_equal


def test_refund__older_sum_after_a_newer_one__changes_nothing(store: Connection) -> None:
    receive_payment(store, paid(), now=NOW)
    refund(store, 350)

    assert refund(store, 100) is Outcome.REPEATED
    assert balance(store) == 150 * CENT


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_events__in_any_order__come_to_the_same(store: Connection, order: tuple[int, ...]) -> None:
    events = [
        lambda: receive_payment(store, paid(), now=NOW),
        lambda: refund(store, 200),
        lambda: refund(store, 450),
    ]

    for number in order:
        events[number]()

    assert balance(store) == 50 * CENT
    assert recompute(store).is_equal


def test_refund__of_a_payment_that_is_kept__counts_when_it_is_assigned(store: Connection) -> None:
    receive_payment(store, paid("nobody"), now=NOW)
    assert refund(store, 500) is Outcome.UNASSIGNED

    assign_payment(store, key="cs_1", user_id="shop", microcredits=None, now=NOW)

    assert balance(store) == 0
    (payment,) = load_payments(store, "shop")
    assert payment.returned_microcredits == payment.microcredits == 500 * CENT


def test_refund__of_a_foreign_payment__is_in_proportion_and_whole_at_the_end(
    store: Connection,
) -> None:
    receive_payment(store, paid(currency="eur", minor=3), now=NOW)
    assign_payment(store, key="cs_1", user_id="shop", microcredits=100, now=NOW)

    left: list[int] = []
    for minor in (1, 2, 3):
        refund(store, minor, "eur")
        left.append(balance(store))

    assert left == [67, 34, 0]


def test_refund__of_spent_credits__goes_below_zero(store: Connection) -> None:
    receive_payment(store, paid(), now=NOW)
    from basis.accounting.funding import take_back

    take_back(store, user_id="shop", key="SPENT", microcredits=500 * CENT, now=NOW)

    assert refund(store, 500) is Outcome.REFUNDED
    assert load_credits(store, "shop").available == -500 * CENT


def test_refund__in_another_currency__is_kept_and_takes_nothing(store: Connection) -> None:
    receive_payment(store, paid(), now=NOW)

    assert refund(store, 100, "eur") is Outcome.UNBOOKED

    assert balance(store) == 500 * CENT
    (kept,) = load_card_returns(store, user_id="shop")
    assert (kept.amount_minor, kept.currency) == (100, "eur")
    assert "'eur', and its payment in 'usd'" in kept.reason


@pytest.mark.parametrize("minor", [501, 10**15])
def test_refund__of_more_than_was_paid__takes_all_and_keeps_what_is_over(
    store: Connection, minor: int
) -> None:
    receive_payment(store, paid(), now=NOW)

    outcomes = [refund(store, minor), refund(store, minor), refund(store, 500)]

    assert outcomes == [Outcome.REFUNDED, Outcome.REPEATED, Outcome.REPEATED]
    assert balance(store) == 0
    (kept,) = load_card_returns(store)
    assert kept.reason == f"{minor - 500} more went back than the 500 that were paid"
    assert recompute(store).is_equal


def test_refund__in_another_currency_before_its_payment__takes_nothing(store: Connection) -> None:
    assert refund(store, 100, "eur") is Outcome.UNASSIGNED

    assert receive_payment(store, paid(), now=NOW) is Outcome.FUNDED

    assert balance(store) == 500 * CENT
