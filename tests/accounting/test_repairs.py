"""Repairs by hand: new entries with a cause, booked once, never where a record says the balance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, insert

from basis.accounting.recompute import recompute
from basis.accounting.repairs import adjust, reverse
from basis.rules.entries import credits_funded
from basis.rules.errors import (
    BasisError,
    Conflict,
    FloorBroken,
    InvalidInput,
    NotFound,
    UnknownAccount,
)
from basis.rules.job import UserId
from basis.rules.ledger import AccountPath
from basis.storage.database import for_writing
from basis.storage.job_store import JobWrite
from basis.storage.ledger_reading import RecordedEntry
from basis.storage.ledger_store import count_entries, load_balances, store_entries
from basis.storage.schema import balances, ledger_entries, ledger_postings, ledger_reasons, users
from tests.accounting.tampering import difference_after
from tests.support.books import ALICE, NOW, make_data_folder, make_open_job

FEE, LOST = AccountPath("network/fee"), AccountPath("network/writeoff")
DEFAULTS: dict[str, object] = {
    "key": "case-7",
    "source": FEE,
    "target": LOST,
    "asset": "BASIS",
    "amount_raw": 5,
    "reason": "a fee taken twice",
    "now": NOW,
}


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Engine]:
    """Books of every kind; transactions may write."""
    engine, _books = make_data_folder(tmp_path)
    yield for_writing(engine)
    engine.dispose()


def book(engine: Engine, **changes: object) -> RecordedEntry:
    """Books the adjustment of `DEFAULTS` but for `changes`, in a transaction of its own."""
    with engine.begin() as connection:
        return adjust(connection, **{**DEFAULTS, **changes})  # type: ignore[arg-type]  # tests name any


def balance_of(connection: Connection, account: str) -> int:
    """What `account` holds in BASIS."""
    return load_balances(connection).get((AccountPath(account), "BASIS"), 0)


def test_adjust__between_two_accounts__moves_the_amount_and_keeps_the_cause(books: Engine) -> None:
    with books.connect() as connection:
        before = balance_of(connection, FEE)

    recorded = book(books)

    assert (recorded.entry.kind, recorded.entry.cause) == ("adjustment", "case-7")
    assert recorded.reason == "a fee taken twice"
    with books.connect() as connection:
        assert balance_of(connection, FEE) == before - 5
        assert balance_of(connection, LOST) == 5


def test_adjust__same_key_again__books_nothing(books: Engine) -> None:
    first = book(books)
    again = book(books, now="2026-11-22T12:00:00.000Z")

    assert again == first
    with books.connect() as connection:
        assert balance_of(connection, LOST) == 5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"amount_raw": 6}, "exists with -5"),
        ({"target": AccountPath("network/dust")}, "network/dust"),
        ({"reason": "another"}, "exists with the cause 'a fee taken twice'"),
    ],
)
def test_adjust__same_key_with_other_content__names_the_difference(
    books: Engine, changes: dict[str, object], words: str
) -> None:
    book(books)

    with pytest.raises(Conflict) as refused:
        book(books, **changes)

    assert words in refused.value.message
    with books.connect() as connection:
        assert balance_of(connection, LOST) == 5


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"amount_raw": 0}, InvalidInput, "more than nothing"),
        ({"amount_raw": -1}, InvalidInput, "more than nothing"),
        ({"amount_raw": 10**40}, FloorBroken, "network/fee would hold"),
        ({"target": FEE}, InvalidInput, "both accounts"),
        ({"key": ""}, InvalidInput, "key is ''"),
        ({"key": "a b"}, InvalidInput, "key is 'a b'"),
        ({"key": "k" * 65}, InvalidInput, "1 to 64"),
        ({"reason": " "}, InvalidInput, "cause is ''"),
        ({"reason": "two\nlines"}, InvalidInput, "one line"),
        ({"reason": "x" * 501}, InvalidInput, "500"),
        ({"asset": "CREDIT"}, UnknownAccount, "not in 'CREDIT'"),
        ({"asset": "GOLD"}, UnknownAccount, "not in 'GOLD'"),
        ({"source": AccountPath("network/fees")}, UnknownAccount, "network/fees"),
        ({"target": AccountPath("customer/nobody")}, NotFound, "no customer 'nobody'"),
        ({"source": AccountPath(f"reward/pending/{ALICE}")}, InvalidInput, "cannot be moved by"),
        ({"target": AccountPath(f"reward/settled/{ALICE}")}, InvalidInput, "cannot be moved by"),
        ({"target": AccountPath("points/issued"), "asset": "LLAMA"}, UnknownAccount, "LLAMA"),
    ],
)
def test_adjust__wrong_input__is_refused_and_books_nothing(
    books: Engine, changes: dict[str, object], error: type[BasisError], words: str
) -> None:
    with pytest.raises(error) as refused:
        book(books, **changes)

    assert words in refused.value.message
    with books.connect() as connection:
        assert count_entries(connection) == (15, 15)


def test_reverse__adjustment__leaves_the_balances_of_before(books: Engine) -> None:
    with books.connect() as connection:
        before = load_balances(connection)
    recorded = book(books)

    with books.begin() as connection:
        back = reverse(connection, str(recorded.seq), reason="it was right", now=NOW)
        again = reverse(connection, recorded.entry.id, reason="it was right", now=NOW)

    assert back == again
    assert (back.entry.kind, back.entry.cause) == ("reversal", recorded.entry.id)
    with books.connect() as connection:
        assert load_balances(connection) == before
        assert count_entries(connection) == (17, 17)


def test_reverse__what_receipts_rest_on__is_refused(books: Engine) -> None:
    with pytest.raises(InvalidInput, match="whose receipt would"), books.begin() as connection:
        reverse(connection, "1", reason="x", now=NOW)


@pytest.mark.parametrize("name", ["99", "", "abc", "0" * 64, "%%%%%%%%", "9" * 7])
def test_reverse__no_such_entry__is_not_found(books: Engine, name: str) -> None:
    with pytest.raises(NotFound), books.begin() as connection:
        reverse(connection, name, reason="x", now=NOW)


def fund(engine: Engine, *, microcredits: int, held: int, limit: int | None) -> None:
    """Gives user-9 credits, a credit limit, and a running job that holds some."""
    entry = credits_funded(
        user_id=UserId("user-9"), source="operator", key="p1", microcredits=microcredits
    )
    with engine.begin() as connection:
        store_entries(connection, [entry], now=NOW)
        connection.execute(
            insert(users).values(
                id="user-9", name="", wallet="", created_at=NOW, credit_limit=limit
            )
        )
        job = replace(make_open_job(99), user_id="user-9", held_microcredits=held)
        JobWrite.apply_group(connection, [JobWrite(opened=job)])


@pytest.mark.parametrize(
    ("limit", "most"), [(0, 70), (50, 120), (None, 10**15)], ids=["prepaid", "limit", "postpaid"]
)
def test_adjust__customers_credits__may_fall_to_limit_and_holds(
    books: Engine, limit: int | None, most: int
) -> None:
    fund(books, microcredits=100, held=30, limit=limit)
    taken: dict[str, object] = {"source": AccountPath("customer/user-9"), "asset": "CREDIT"}
    if limit is not None:
        with pytest.raises(FloorBroken, match="for its credit limit and what its running jobs"):
            book(books, **taken, amount_raw=most + 1)

    book(books, **taken, amount_raw=most)
    book(books, **taken, amount_raw=most)

    with books.connect() as connection:
        held = load_balances(connection)[(AccountPath("customer/user-9"), "CREDIT")]
    assert held == 100 - most


def test_reverse__payment__is_refused_since_its_record_would_stay(books: Engine) -> None:
    fund(books, microcredits=100, held=30, limit=0)

    with pytest.raises(InvalidInput, match="account take-back"), books.begin() as connection:
        reverse(connection, "16", reason="charged back", now=NOW)

    with books.connect() as connection:
        assert count_entries(connection) == (16, 16)


def test_recompute__books_with_repairs__are_equal(books: Engine) -> None:
    recorded = book(books)
    with books.begin() as connection:
        reverse(connection, recorded.entry.id, reason="it was right", now=NOW)

    with books.connect() as connection:
        verdict = recompute(connection)

    assert verdict.difference is None
    assert verdict.entry_count == 17


EMIT = (
    "UPDATE ledger_postings SET account = replace(account, 'network/fee', 'emission/phases') "
    "WHERE entry_seq = 16"
)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DELETE FROM ledger_reasons", "has no cause on record"),
        ("DELETE FROM ledger_entries WHERE seq = 16", "is not on record"),
        (EMIT, "cannot be moved by hand"),
        (
            "UPDATE ledger_postings SET amount_raw = amount_raw || '0' WHERE entry_seq = 17",
            "the reversal",
        ),
        ("DELETE FROM ledger_postings WHERE entry_seq = 16", "two accounts"),
        (
            "UPDATE ledger_postings SET amount_raw = '50' WHERE entry_seq = 16 AND amount_raw > 0",
            "the adjustment case-7: entry",
        ),
        ("UPDATE ledger_entries SET cause = 'x y' WHERE seq = 16", "key is 'x y'"),
    ],
)
def test_recompute__tampered_repair__is_a_difference(
    tmp_path: Path, books: Engine, sql: str, words: str
) -> None:
    recorded = book(books)
    with books.begin() as connection:
        reverse(connection, recorded.entry.id, reason="it was right", now=NOW)

    difference = difference_after(tmp_path, sql)

    assert difference is not None
    assert words in difference


def test_adjust__crash_before_the_commit__leaves_nothing(books: Engine) -> None:
    tables = (ledger_entries, ledger_postings, ledger_reasons, balances)

    def rows() -> list[object]:
        with books.connect() as connection:
            return [connection.execute(table.select()).all() for table in tables]

    def crash() -> None:
        with books.begin() as connection:
            adjust(connection, **DEFAULTS)  # type: ignore[arg-type]  # as in book()
            raise ZeroDivisionError

    before = rows()
    with pytest.raises(ZeroDivisionError):
        crash()

    assert rows() == before
