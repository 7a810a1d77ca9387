"""Refunds and disputes of one payment in any number and order: one balance, never below nothing."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from basis.accounting.card_payments import receive_payment
from basis.accounting.card_returns import receive_dispute
from basis.accounting.recompute import recompute
from basis.storage.dispute_store import Dispute
from basis.storage.schema import metadata
from tests.accounting.test_card_payments import CENT, add_customer, balance, paid, refund
from tests.support.books import NOW


@given(
    events=st.lists(
        st.tuples(st.sampled_from(["pay", "refund", "taken", "given"]), st.integers(0, 600)),
        max_size=12,
    ),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_events__any_of_them_in_any_order__come_to_the_same_and_recompute(
    events: list[tuple[str, int]], order: Random
) -> None:
    balances: list[int] = []
    for _ in range(2):
        engine = create_engine("sqlite://")
        metadata.create_all(engine)
        with engine.begin() as connection:
            add_customer(connection, "shop")
            for kind, minor in [*events, ("pay", 0), *events]:
                tell(connection, kind, minor)
            balances.append(balance(connection))
            assert 0 <= balances[-1] <= 500 * CENT
            assert recompute(connection).is_equal
        engine.dispose()
        order.shuffle(events)

    assert balances[0] == balances[1]


def tell(store: Connection, kind: str, minor: int) -> None:
    """Tells of a payment, a refund, or one of three disputes."""
    if kind == "pay":
        receive_payment(store, paid(), now=NOW)
    elif kind == "refund":
        refund(store, minor)
    else:
        told = Dispute(
            source="stripe",
            key=f"dp_{minor % 3}",
            reference="pi_1",
            currency="usd",
            amount_minor=minor,
            withdrawn_minor=minor if kind == "taken" else 0,
            reinstated_minor=minor if kind == "given" else 0,
            status="needs_response",
            updated_at=NOW,
        )
        receive_dispute(store, told)
