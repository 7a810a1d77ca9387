"""Statements: opening, every entry in the order of booking, closing; whatever the period."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine

from basis.accounting.statement import (
    Period,
    Statement,
    StatementLine,
    compute_statement,
    iterate_statement,
    parse_period,
)
from basis.rules.errors import InvalidInput
from basis.rules.ledger import AccountPath, Entry, Posting, make_entry
from basis.storage.ledger_reading import load_assets
from basis.storage.ledger_store import store_entries
from basis.storage.schema import metadata

FEE, LOST = AccountPath("network/fee"), AccountPath("network/writeoff")
ALWAYS = Period()


def gift(number: int, amount_raw: int) -> Entry:
    """An entry that gives the fee account `amount_raw`."""
    return make_entry(
        kind="gift",
        cause=f"gift-{number}",
        postings=[
            Posting(account=FEE, asset="BASIS", amount_raw=amount_raw),
            Posting(account=LOST, asset="BASIS", amount_raw=-amount_raw),
        ],
    )


def read(connection: Connection, period: Period) -> tuple[Statement, list[StatementLine]]:
    """The statement of the fee account."""
    statement = compute_statement(connection, FEE, "BASIS", period)
    return statement, list(iterate_statement(connection, statement, period))


def book_days(connection: Connection, *days: int) -> None:
    """Gives the fee account 10, 20, 30... on these days of November, in this order."""
    for number, day in enumerate(days, start=1):
        store_entries(
            connection, [gift(number, 10 * number)], now=f"2026-11-{day:02}T12:00:00.000Z"
        )


def test_statement__whole_life__opens_with_nothing_and_closes_with_the_balance(
    engine: Engine,
) -> None:
    with engine.begin() as connection:
        book_days(connection, 1, 2, 3)
        statement, lines = read(connection, ALWAYS)

    assert (statement.opening_raw, statement.closing_raw, statement.entry_count) == (0, 60, 3)
    assert [(at.line.seq, at.line.amount_raw, at.balance_raw) for at in lines] == [
        (1, 10, 10),
        (2, 20, 30),
        (3, 30, 60),
    ]


def test_statement__period__opens_with_what_was_before_and_leaves_out_what_comes_after(
    engine: Engine,
) -> None:
    with engine.begin() as connection:
        book_days(connection, 1, 2, 3, 4)
        statement, lines = read(connection, parse_period(begin="2026-11-02", end="2026-11-04"))

    assert (statement.opening_raw, statement.closing_raw, statement.entry_count) == (10, 60, 2)
    assert [at.balance_raw for at in lines] == [30, 60]


def test_statement__times_out_of_order__still_add_up(engine: Engine) -> None:
    with engine.begin() as connection:
        book_days(connection, 3, 1, 2)
        statement, lines = read(connection, parse_period(begin="2026-11-02", end=""))

    assert (statement.opening_raw, statement.closing_raw) == (20, 60)
    assert [(at.line.cause, at.balance_raw) for at in lines] == [("gift-1", 30), ("gift-3", 60)]


@pytest.mark.parametrize(
    ("begin", "end"), [("2027-01-01", ""), ("", "2025-01-01"), ("2026-11-05", "2026-11-06")]
)
def test_statement__nothing_in_the_period__opens_and_closes_alike(
    engine: Engine, begin: str, end: str
) -> None:
    with engine.begin() as connection:
        book_days(connection, 1, 2)
        statement, lines = read(connection, parse_period(begin=begin, end=end))

    assert lines == []
    assert statement.opening_raw == statement.closing_raw


def test_statement__account_without_entries__is_empty(engine: Engine) -> None:
    with engine.connect() as connection:
        assert load_assets(connection, FEE) == []
        assert read(connection, ALWAYS)[1] == []


@given(
    amounts=st.lists(st.tuples(st.integers(1, 28), st.integers(-(2**130), 2**130)), max_size=20),
    bounds=st.tuples(st.integers(1, 14), st.integers(15, 28)),
)
def test_statement__any_period__closing_is_opening_and_all_lines(
    amounts: list[tuple[int, int]], bounds: tuple[int, int]
) -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    period = parse_period(begin=f"2026-11-{bounds[0]:02}", end=f"2026-11-{bounds[1]:02}")
    with engine.begin() as connection:
        for number, (day, amount_raw) in enumerate(amounts):
            entry = gift(number, amount_raw + 2**140 if number == 0 else abs(amount_raw))
            store_entries(connection, [entry], now=f"2026-11-{day:02}T00:00:00.000Z")
        statement, lines = read(connection, period)
        before, _lines = read(connection, Period(end=period.begin))
        after, _lines = read(connection, Period(begin=period.end))

    assert statement.opening_raw + sum(at.line.amount_raw for at in lines) == statement.closing_raw
    assert before.closing_raw == statement.opening_raw
    assert after.opening_raw == statement.closing_raw
    assert len(lines) == statement.entry_count
    engine.dispose()


def test_statement__many_entries__take_hardly_more_memory(engine: Engine) -> None:
    peaks: list[int] = []
    with engine.begin() as connection:
        for first, last in ((1, 2_000), (2_001, 12_000)):
            entries = [gift(number, 1) for number in range(first, last + 1)]
            store_entries(connection, entries, now="2026-11-01T12:00:00.000Z")
            del entries
            tracemalloc.start()
            statement = compute_statement(connection, FEE, "BASIS", ALWAYS)
            count = sum(1 for _line in iterate_statement(connection, statement, ALWAYS))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert count == last

    assert peaks[1] < 2 * peaks[0]


@pytest.mark.parametrize(
    "text",
    [
        *("yesterday", "2026-13-01", "2026-11-1x", "2026-11-23T12:00:00", "2026-11-23T25:00:00Z"),
        *("0999-12-31", "999-12-31", "1-1-1"),
    ],
)
def test_period__no_date__is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"from is .*time in UTC"):
        parse_period(begin=text, end="")
    with pytest.raises(InvalidInput, match="to is"):
        parse_period(begin="", end=text)


@pytest.mark.parametrize(
    ("begin", "end"),
    [("2026-11-02", "2026-11-02"), ("2026-11-02", "2026-11-01"), ("2026-11-02", "2026-10-31")],
)
def test_period__ends_before_it_begins__is_refused(begin: str, end: str) -> None:
    with pytest.raises(InvalidInput, match="expected a time after"):
        parse_period(begin=begin, end=end)


def test_period__of_milliseconds__counts_to_the_millisecond(engine: Engine) -> None:
    with engine.begin() as connection:
        book_days(connection, 1)
        for begin, end, count in (
            ("12:00:00.000Z", "12:00:00.001Z", 1),
            ("12:00:00.001Z", "12:00:01.000Z", 0),
            ("11:59:59.999Z", "12:00:00.000Z", 0),
        ):
            period = parse_period(begin=f"2026-11-01T{begin}", end=f"2026-11-01T{end}")
            assert len(read(connection, period)[1]) == count


def test_period__of_times__counts_to_the_second(engine: Engine) -> None:
    with engine.begin() as connection:
        book_days(connection, 1)
        _statement, lines = read(
            connection, parse_period(begin="2026-11-01T12:00:00Z", end="2026-11-01T12:00:01Z")
        )
        _statement, none = read(connection, parse_period(begin="2026-11-01T12:00:01Z", end=""))

    assert (len(lines), none) == (1, [])
