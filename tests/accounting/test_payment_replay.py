"""Payments on record say what the ledger says, or the recompute finds it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from basis.accounting.card_payments import CardPayment, receive_payment, receive_refund
from basis.accounting.funding import take_back, top_up
from basis.accounting.recompute import recompute
from basis.storage import payment_store
from basis.storage.key_store import store_new_key
from tests.support.books import NOW


@pytest.fixture
def store(engine: Engine) -> Iterator[Connection]:
    """A store with payments of every kind, in the transaction that wrote them."""
    with engine.begin() as connection:
        for user_id in ("shop", "other"):
            store_new_key(
                connection,
                key_id=f"key_{user_id}",
                secret_hash=user_id,
                name="test",
                user_id=user_id,
                user_wallet="",
                now=NOW,
            )
        top_up(connection, user_id="shop", key="a/refund/7", microcredits=10**9, now=NOW)
        take_back(connection, user_id="shop", key="OUT", microcredits=5, now=NOW)
        for number, account in enumerate(("shop", "nobody", "other"), start=1):
            told = CardPayment(
                key=f"cs_{number}",
                reference=f"pi_{number}",
                account=account,
                currency="usd",
                amount_minor=500,
            )
            receive_payment(connection, told, now=NOW)
        for minor in (100, 250):
            receive_refund(
                connection, reference="pi_1", currency="usd", refunded_minor=minor, now=NOW
            )
        yield connection


@pytest.mark.parametrize("page", [1, 2, 500])
def test_recompute__payments_of_every_kind__agree(
    store: Connection, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(payment_store, "_PAGE", page)

    assert recompute(store).difference is None


EDITS = {
    "customer": "UPDATE payments SET user_id = 'other' WHERE key = 'OUT'",
    "amount": "UPDATE payments SET microcredits = 6 WHERE key = 'OUT'",
    "returned": "UPDATE payments SET returned_microcredits = 0 WHERE key = 'cs_1'",
    "returned of nothing": "UPDATE payments SET returned_microcredits = 1 WHERE key = 'cs_3'",
    "unassigned": "UPDATE payments SET user_id = NULL WHERE key = 'cs_3'",
    "assigned": "UPDATE payments SET user_id = 'shop' WHERE key = 'cs_2'",
    "name": "UPDATE payments SET key = 'cs_9' WHERE key = 'cs_3'",
    "removed": "DELETE FROM payments WHERE key = 'cs_1'",
}


@pytest.mark.parametrize("sql", EDITS.values(), ids=EDITS.keys())
def test_recompute__payment_edited__is_a_difference_that_names_it(
    store: Connection, sql: str
) -> None:
    assert store.execute(text(sql)).rowcount == 1

    difference = recompute(store).difference

    assert difference is not None
    assert difference.startswith("the payment ")
