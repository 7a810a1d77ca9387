"""Credits that came in are held to their payments: none from nowhere, none lost."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, text

from basis.accounting.card_payments import CardPayment, receive_payment
from basis.accounting.card_returns import receive_refund
from basis.accounting.funding import take_back, top_up
from basis.accounting.recompute import recompute
from basis.storage.key_store import store_new_key
from tests.support.books import NOW

CENT = 10_000_000
"""Micro-credits."""


@pytest.fixture
def funded(engine: Engine) -> Engine:
    """A store in which shop was topped up twice, gave some back, paid by card and was refunded."""
    with engine.begin() as connection:
        store_new_key(
            connection,
            key_id="key_shop",
            secret_hash="shop",
            name="test",
            user_id="shop",
            user_wallet="",
            now=NOW,
        )
        for key in ("I-1", "I-2", "odd/refund/7"):
            top_up(connection, user_id="shop", key=key, microcredits=100, now=NOW)
        take_back(connection, user_id="shop", key="B-1", microcredits=30, now=NOW)
        told = CardPayment(
            key="cs_1", reference="pi_1", account="shop", currency="usd", amount_minor=500
        )
        receive_payment(connection, told, now=NOW)
        for minor in (100, 300):
            receive_refund(
                connection, reference="pi_1", currency="usd", refunded_minor=minor, now=NOW
            )
    return engine


def difference_after(engine: Engine, *statements: str) -> str | None:
    """What recompute says once the store was changed."""
    with engine.begin() as connection:
        for sql in statements:
            assert connection.execute(text(sql)).rowcount
        return recompute(connection).difference


def drop_entry(connection: Connection, cause: str) -> None:
    """Takes an entry out of the ledger as if it had never been booked."""
    seq = connection.execute(
        text("SELECT seq FROM ledger_entries WHERE cause = :cause"), {"cause": cause}
    ).scalar_one()
    rows = connection.execute(
        text("SELECT account, amount_raw FROM ledger_postings WHERE entry_seq = :seq"), {"seq": seq}
    ).all()
    for account, amount_raw in rows:
        connection.execute(
            text(
                "UPDATE balances SET amount_raw = CAST(amount_raw AS INTEGER) - :amount "
                "WHERE account = :account AND asset = 'CREDIT'"
            ),
            {"amount": int(amount_raw), "account": account},
        )
    for sql in (
        "DELETE FROM ledger_postings WHERE entry_seq = :seq",
        "DELETE FROM ledger_entries WHERE seq = :seq",
    ):
        connection.execute(text(sql), {"seq": seq})


def test_recompute__payments_of_every_kind__are_equal(funded: Engine) -> None:
    with funded.connect() as connection:
        verdict = recompute(connection)

    assert (verdict.difference, verdict.entry_count) == (None, 7)


@pytest.mark.parametrize(
    "cause",
    ["operator/I-2", "operator/odd/refund/7", "operator/B-1", "stripe/cs_1/refund/300"],
)
def test_recompute__payment_without_its_entry__is_found(funded: Engine, cause: str) -> None:
    with funded.begin() as connection:
        drop_entry(connection, cause)
        difference = recompute(connection).difference

    assert difference is not None
    assert cause.removesuffix("/refund/300") in difference


def test_recompute__dispute_that_took_nothing_back__is_found(funded: Engine) -> None:
    difference = difference_after(
        funded,
        "INSERT INTO disputes VALUES ('stripe', 'dp_1', 'pi_1', 'usd', 50, 50, 0, 'lost', '')",
    )

    assert difference is not None
    assert "payment stripe/cs_1" in difference


@pytest.mark.parametrize(
    ("sql", "match"),
    [
        ("DELETE FROM payments WHERE key = 'I-2'", "operator/I-2 is of no payment"),
        ("UPDATE payments SET microcredits = 99 WHERE key = 'I-2'", "content"),
        ("UPDATE payments SET microcredits = 0 WHERE key = 'I-2'", "of no credits"),
        ("UPDATE payments SET user_id = NULL WHERE key = 'I-2'", "of no payment"),
        ("UPDATE payments SET user_id = NULL WHERE key = 'cs_1'", "of no payment"),
        ("UPDATE payments SET returned_microcredits = 1 WHERE key = 'cs_1'", "returned"),
        ("UPDATE payments SET returned_microcredits = 0 WHERE key = 'cs_1'", "none on record"),
        ("UPDATE payments SET returned_microcredits = 5 WHERE key = 'I-1'", "returned"),
        ("UPDATE refunds SET refunded_minor = 301", "refunds and disputes take back"),
        ("UPDATE refunds SET currency = 'eur'", "refunds and disputes take back"),
        ("DELETE FROM refunds", "refunds and disputes take back"),
        ("UPDATE payments SET source = 'stripe' WHERE key = 'I-1'", "of no payment"),
        (
            "UPDATE ledger_postings SET amount_raw = '0' WHERE account LIKE 'customer/%'",
            "cannot have been booked",
        ),
    ],
)
def test_recompute__payment_that_the_ledger_contradicts__is_found(
    funded: Engine, sql: str, match: str
) -> None:
    difference = difference_after(funded, sql)

    assert difference is not None
    assert match in difference
