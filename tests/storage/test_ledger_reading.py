"""Entries found by their number, their id or its beginning, and never one for another."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, update

from basis.rules.errors import NotFound
from basis.rules.ledger import AccountPath
from basis.rules.repairs import make_adjustment
from basis.storage.ledger_reading import load_recorded_entry
from basis.storage.ledger_store import store_entries
from basis.storage.schema import ledger_entries, ledger_postings
from tests.support.books import NOW


def book(connection: Connection, key: str) -> str:
    """The id of a new entry, which is the next."""
    entry = make_adjustment(
        key=key,
        source=AccountPath("network/writeoff"),
        target=AccountPath("network/fee"),
        asset="BASIS",
        amount_raw=1,
    )
    store_entries(connection, [entry], now=NOW)
    return entry.id


def renumber(connection: Connection, entry_id: str, seq: int) -> None:
    """Gives an entry the number that it would have after so many others."""
    old = load_recorded_entry(connection, entry_id).seq
    entries, postings = ledger_entries, ledger_postings
    connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
    connection.execute(update(entries).where(entries.c.seq == old).values(seq=seq))
    connection.execute(update(postings).where(postings.c.entry_seq == old).values(entry_seq=seq))


@pytest.fixture
def digits(engine: Engine) -> tuple[Engine, str, str]:
    """A store with two entries: one whose id begins with 8 decimal digits, and another."""
    with engine.begin() as connection:
        other = book(connection, "first")
        for number in range(2_000):
            with connection.begin_nested() as attempt:
                found = book(connection, f"k{number}")
                if found[:8].isdigit() and not found.startswith("0"):
                    return engine, found, other
                attempt.rollback()
    raise AssertionError("no id of 2,000 begins with 8 decimal digits")


@pytest.mark.parametrize("seq", [9_999_999, 10_000_000, 12_345_678, 10**17, 2**63 - 1])
def test_entry__by_a_number_of_any_length__is_found(engine: Engine, seq: int) -> None:
    with engine.begin() as connection:
        entry_id = book(connection, "k")
        renumber(connection, entry_id, seq)

        found = load_recorded_entry(connection, str(seq))

        assert (found.seq, found.entry.id) == (seq, entry_id)
        assert len(found.entry.postings) == 2


def test_entry__beginning_of_an_id_that_is_all_decimal__is_found(
    digits: tuple[Engine, str, str],
) -> None:
    engine, entry_id, _other = digits
    with engine.begin() as connection:
        assert load_recorded_entry(connection, entry_id[:8]).entry.id == entry_id
        assert load_recorded_entry(connection, entry_id).entry.id == entry_id


def test_entry__digits_name_one_by_number_and_another_by_id__is_refused_with_both(
    digits: tuple[Engine, str, str],
) -> None:
    engine, entry_id, other = digits
    with engine.begin() as connection:
        renumber(connection, other, int(entry_id[:8]))

        with pytest.raises(NotFound, match="more than one") as refused:
            load_recorded_entry(connection, entry_id[:8])

        assert entry_id in refused.value.message
        assert other in refused.value.message
        for each in (entry_id, other):
            assert load_recorded_entry(connection, each).entry.id == each


@pytest.mark.parametrize(
    "name",
    [
        *("", "0", "-1", "2", "01", "1.0", "%", "________", "abcdefg", "a" * 8, "f" * 65),
        *("9" * 19, "9" * 5_000, str(2**63), "\u0661", "1\n", "A" * 64),
    ],
)
def test_entry__that_is_none__is_not_found(engine: Engine, name: str) -> None:
    with engine.begin() as connection:
        book(connection, "k")
        with pytest.raises(NotFound, match="entry") as refused:
            load_recorded_entry(connection, name)

    assert len(refused.value.message) < 200
