"""Credits that the operator gives and takes back: each payment once, never past what is held."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from basis.accounting.funding import MOST_MICROCREDITS, Outcome, take_back, top_up
from basis.accounting.recompute import recompute
from basis.rules.entries import customer_account
from basis.rules.errors import BasisError, Conflict, InsufficientCredits, InvalidInput, NotFound
from basis.storage.account_store import Credits, load_credits, store_credit_limit
from basis.storage.job_store import JobWrite
from basis.storage.key_store import store_new_key
from basis.storage.ledger_store import iterate_entries, load_balances
from basis.storage.payment_store import load_net_funding, load_payments
from tests.support.books import NOW, make_open_job

CREDIT = 1_000_000


@pytest.fixture
def store(engine: Engine) -> Iterator[Connection]:
    """A write transaction over a store with the prepaid customers shop and other."""
    with engine.begin() as connection:
        for number, user_id in enumerate(("shop", "other")):
            store_new_key(
                connection,
                key_id=f"key_{user_id}",
                secret_hash=f"{number}" * 64,
                name="test",
                user_id=user_id,
                user_wallet="",
                now=NOW,
            )
        yield connection


def give(store: Connection, key: str, microcredits: int, user_id: str = "shop") -> Outcome:
    """Tops a customer up."""
    return top_up(store, user_id=user_id, key=key, microcredits=microcredits, now=NOW)


def take(store: Connection, key: str, microcredits: int, user_id: str = "shop") -> Outcome:
    """Takes credits back."""
    return take_back(store, user_id=user_id, key=key, microcredits=microcredits, now=NOW)


def hold(store: Connection) -> int:
    """Lets a job of user shop run; what it holds."""
    from dataclasses import replace

    job = replace(make_open_job(1), user_id="shop", key_id="key_shop")
    (refusal,) = JobWrite.apply_group(store, [JobWrite(opened=job)])
    assert refusal is None
    return job.held_microcredits


def test_top_up__new_key__is_one_entry_from_the_operator_to_the_customer(
    store: Connection,
) -> None:
    assert give(store, "INVOICE-17", 12_500_000) is Outcome.FUNDED

    (entry,) = iterate_entries(store)
    assert (entry.kind, entry.cause) == ("credits_funded", "operator/INVOICE-17")
    assert load_balances(store) == {
        (customer_account("shop"), "CREDIT"): 12_500_000,
        ("funding/operator", "CREDIT"): -12_500_000,
    }
    assert recompute(store).is_equal


def test_top_up__same_key_again__books_nothing(store: Connection) -> None:
    give(store, "INVOICE-17", CREDIT)

    assert give(store, "INVOICE-17", CREDIT) is Outcome.REPEATED
    assert load_credits(store, "shop") == Credits(balance=CREDIT, held=0, available=CREDIT)
    assert len(load_payments(store, "shop")) == 1


def test_top_up__same_key_other_amount__names_both_amounts(store: Connection) -> None:
    give(store, "INVOICE-17", 12_500_000)

    with pytest.raises(Conflict, match=r"has moved 12\.5 CREDIT, not 13 CREDIT"):
        give(store, "INVOICE-17", 13_000_000)


def test_top_up__same_key_other_customer__names_both_customers(store: Connection) -> None:
    give(store, "INVOICE-17", CREDIT)

    with pytest.raises(Conflict, match="of the customer shop, not other"):
        give(store, "INVOICE-17", CREDIT, user_id="other")


def test_top_up__key_of_a_take_back__is_refused(store: Connection) -> None:
    give(store, "IN", 5 * CREDIT)
    take(store, "OUT", CREDIT)

    with pytest.raises(Conflict, match="-1 CREDIT, not 1 CREDIT"):
        give(store, "OUT", CREDIT)


@pytest.mark.parametrize("microcredits", [0, -1, MOST_MICROCREDITS + 1, 10**40])
def test_top_up__amount_out_of_range__is_refused(store: Connection, microcredits: int) -> None:
    with pytest.raises(InvalidInput, match="cannot be booked at once"):
        give(store, "K", microcredits)


@pytest.mark.parametrize("key", ["", "-x", "a b", "x" * 101, "k\n", "\u00e9"])
def test_top_up__key_that_is_none__is_refused(store: Connection, key: str) -> None:
    with pytest.raises(InvalidInput, match="the key is"):
        give(store, key, 1)


@pytest.mark.parametrize("note", ["x" * 201, "two\nlines", "\x1b[31m"])
def test_top_up__note_that_is_no_line__is_refused(store: Connection, note: str) -> None:
    with pytest.raises(InvalidInput, match="note"):
        top_up(store, user_id="shop", key="K", microcredits=1, note=note, now=NOW)


@pytest.mark.parametrize("move", [give, take])
def test_move__unknown_customer__is_not_found(store: Connection, move: object) -> None:
    with pytest.raises(NotFound, match="nobody"):
        (give if move is give else take)(store, "K", 1, user_id="nobody")


def test_take_back__less_than_available__leaves_the_rest(store: Connection) -> None:
    give(store, "IN", 5 * CREDIT)

    assert take(store, "OUT", 2 * CREDIT) is Outcome.FUNDED
    assert take(store, "OUT", 2 * CREDIT) is Outcome.REPEATED
    assert load_credits(store, "shop").balance == 3 * CREDIT
    assert load_net_funding(store, "shop") == 3 * CREDIT
    assert recompute(store).is_equal


def test_take_back__more_than_was_funded__is_refused(store: Connection) -> None:
    give(store, "IN", CREDIT)
    store_credit_limit(store, "shop", 100 * CREDIT, now=NOW)

    with pytest.raises(InvalidInput, match="2 CREDIT are more than the 1 CREDIT"):
        take(store, "OUT", 2 * CREDIT)


def test_take_back__credits_that_a_job_holds__stay(store: Connection) -> None:
    give(store, "IN", CREDIT)
    held = hold(store)

    with pytest.raises(InsufficientCredits) as refused:
        take(store, "OUT", CREDIT - held + 1)
    assert refused.value.missing == 1
    assert take(store, "OUT", CREDIT - held) is Outcome.FUNDED
    assert load_credits(store, "shop") == Credits(balance=held, held=held, available=0)


def test_take_back__of_a_postpaid_customer__ends_at_what_was_funded(store: Connection) -> None:
    store_credit_limit(store, "shop", None, now=NOW)
    give(store, "IN", CREDIT)

    take(store, "OUT", CREDIT)

    with pytest.raises(InvalidInput):
        take(store, "OUT-2", 1)


def test_move__refused__leaves_nothing_behind(engine: Engine, store: Connection) -> None:
    give(store, "IN", CREDIT)
    store.commit()

    for key, microcredits in (("IN", 2), ("OUT", 10 * CREDIT), ("", 1)):
        with pytest.raises(BasisError), engine.begin() as connection:
            take(connection, key, microcredits)

    with engine.connect() as connection:
        assert load_credits(connection, "shop").balance == CREDIT
        assert len(list(iterate_entries(connection))) == 1
