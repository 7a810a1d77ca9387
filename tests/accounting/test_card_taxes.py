"""The tax in a payment by card buys no credits, also where it was kept before taxes were read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, update

from basis.accounting.card_payments import CardPayment, assign_payment, receive_payment
from basis.accounting.funding import Outcome
from basis.accounting.recompute import recompute
from basis.rules.errors import Conflict, InvalidInput
from basis.storage.payment_store import load_payments
from basis.storage.payment_tables import payments
from tests.accounting.test_card_payments import (
    CENT,
    add_customer,
    balance,
    paid,
)
from tests.support.books import NOW


@pytest.fixture
def store(engine: Engine) -> Iterator[Connection]:
    """A write transaction over a store with the prepaid customer shop."""
    with engine.begin() as connection:
        add_customer(connection, "shop")
        yield connection


def keep_without_tax(store: Connection, told: CardPayment) -> None:
    """Keeps a payment as it was before taxes were read."""
    receive_payment(store, told, now=NOW)
    store.execute(update(payments).values(tax_minor=None))


def test_assign__kept_before_taxes_were_read__needs_its_tax_and_buys_the_rest(
    store: Connection,
) -> None:
    keep_without_tax(store, paid("nobody"))

    with pytest.raises(InvalidInput, match="--tax-minor"):
        assign_payment(store, key="cs_1", user_id="shop", microcredits=None, now=NOW)
    for wrong in (-1, 500, 10**18):
        with pytest.raises(InvalidInput, match="cannot be of a payment of 500"):
            assign_payment(
                store, key="cs_1", user_id="shop", microcredits=None, tax_minor=wrong, now=NOW
            )
    outcomes = [
        assign_payment(store, key="cs_1", user_id="shop", microcredits=None, tax_minor=80, now=NOW)
        for _ in range(2)
    ]

    assert outcomes == [Outcome.FUNDED, Outcome.REPEATED]
    assert balance(store) == 420 * CENT
    assert [one.tax_minor for one in load_payments(store, "shop")] == [80]
    with pytest.raises(InvalidInput, match="leave --tax-minor out"):
        assign_payment(store, key="cs_1", user_id="shop", microcredits=None, tax_minor=0, now=NOW)
    assert recompute(store).is_equal


def test_payment__kept_before_taxes_were_read_and_told_again__is_less_its_tax(
    store: Connection,
) -> None:
    told = replace(paid("late"), tax_minor=80)
    keep_without_tax(store, told)
    assert receive_payment(store, told, now=NOW) is Outcome.UNASSIGNED
    assert [one.tax_minor for one in load_payments(store, None)] == [80]
    add_customer(store, "late")

    assert receive_payment(store, told, now=NOW) is Outcome.FUNDED
    assert balance(store, "late") == 420 * CENT


def test_payment__kept_and_told_again_with_another_tax__is_refused(store: Connection) -> None:
    receive_payment(store, replace(paid("late"), tax_minor=80), now=NOW)

    with pytest.raises(Conflict, match="the tax 80, not 0"):
        receive_payment(store, paid("late"), now=NOW)


def test_payment__booked_before_taxes_were_read__stays_booked_when_it_is_told_again(
    store: Connection,
) -> None:
    receive_payment(store, paid(), now=NOW)

    assert receive_payment(store, replace(paid(), tax_minor=80), now=NOW) is Outcome.REPEATED
    assert balance(store) == 500 * CENT
