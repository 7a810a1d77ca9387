"""The balances rebuilt from the entries: equal, mended, or refused because an entry is wrong."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from basis.accounting.ledger_rebuild import Rebuild, check_balances, repair_balances
from basis.rules.errors import DamagedRecord, StorageUnavailable
from basis.rules.ledger import fold_balances
from basis.storage import database
from basis.storage.database import DATABASE_FILE, open_database
from basis.storage.ledger_store import iterate_entries, load_balances
from tests.support.books import make_data_folder, make_facts, record

PROJECTION = {
    "amount": (
        "UPDATE balances SET amount_raw = '1' WHERE account = 'network/fee'",
        "balance of network/fee in BASIS: sum is recorded as 1, recomputed as 291150000000000",
    ),
    "missing": ("DELETE FROM balances WHERE account = 'network/fee'", "recorded as 0"),
    "all missing": ("DELETE FROM balances", "balance of customer/user-1 in BASIS"),
    "too many": (
        "INSERT INTO balances VALUES ('network/thief', 'BASIS', '5')",
        "balance of network/thief in BASIS: sum is recorded as 5, recomputed as 0",
    ),
    "other asset": (
        "UPDATE balances SET asset = 'CREDIT' WHERE account = 'network/fee'",
        "balance of network/fee in BASIS: sum is recorded as 0",
    ),
    "no number": (
        "UPDATE balances SET amount_raw = '' WHERE account = 'network/fee'",
        "the record of balances with account network/fee, asset BASIS is damaged",
    ),
    "of bytes": ("INSERT INTO balances VALUES (x'31', 'BASIS', '0')", "account b'1'"),
}
"""What was changed in the projection, and the words for it."""

ENTRIES = {
    "posting amount": (
        "UPDATE ledger_postings SET amount_raw = '1' WHERE entry_seq = 1",
        "sum of its postings in BASIS",
    ),
    "posting missing": (
        "DELETE FROM ledger_postings WHERE entry_seq = 1 AND account = 'network/fee'",
        "sum of its postings in BASIS",
    ),
    "posting of no entry": (
        "INSERT INTO ledger_postings VALUES (0, 'network/fee', 'BASIS', '1')",
        "number of postings is recorded as",
    ),
    "posting on no account": (
        "UPDATE ledger_postings SET account = replace(account, 'fee', 'thief')",
        "the account 'network/thief' does not exist",
    ),
    "posting in another asset": (
        "UPDATE ledger_postings SET asset = 'LLAMA' WHERE entry_seq = 1",
        "not in 'LLAMA'",
    ),
    "posting of bytes": (
        "UPDATE ledger_postings SET amount_raw = x'31' WHERE entry_seq = 1",
        "is damaged: amount_raw",
    ),
    "entry cause": (
        "UPDATE ledger_entries SET cause = 'job_9' WHERE seq = 1",
        "(job_completed of job_9): id is recorded as",
    ),
    "entry missing": (
        "DELETE FROM ledger_entries WHERE seq = 1",
        "number of postings",
    ),
}
"""What was changed in the log itself, and the words for it."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with books of every kind, at rest."""
    engine, _books = make_data_folder(tmp_path)
    engine.dispose()
    return tmp_path


def change(folder: Path, sql: str) -> None:
    """Changes the store behind our back."""
    with sqlite3.connect(folder / DATABASE_FILE) as connection:
        assert connection.execute(sql).rowcount
    connection.close()


def check(folder: Path) -> Rebuild:
    """What the rebuild finds in `folder`."""
    engine = open_database(folder, create=False)
    with engine.connect() as connection:
        found = check_balances(connection)
    engine.dispose()
    return found


def repair(folder: Path) -> Rebuild:
    """What the rebuild mends in `folder`."""
    engine = open_database(folder, create=False)
    try:
        return repair_balances(engine)
    finally:
        engine.dispose()


def log_of(folder: Path) -> list[tuple[object, ...]]:
    """Every entry and posting as it is recorded."""
    with sqlite3.connect(folder / DATABASE_FILE) as connection:
        rows = connection.execute("SELECT * FROM ledger_entries ORDER BY seq").fetchall()
        rows += connection.execute("SELECT * FROM ledger_postings ORDER BY 1, 2, 3").fetchall()
    connection.close()
    return rows


def test_check__honest_books__are_equal_and_counted(folder: Path) -> None:
    found = check(folder)

    assert found.difference is None
    with sqlite3.connect(folder / DATABASE_FILE) as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - the names are constants of this test
            for table in ("ledger_entries", "ledger_postings", "balances WHERE amount_raw != '0'")
        ]
    connection.close()
    assert [found.entry_count, found.posting_count, found.balance_count] == counts


@pytest.mark.parametrize(("sql", "words"), PROJECTION.values(), ids=PROJECTION.keys())
def test_repair__projection_differs__is_named_then_mended_without_touching_the_log(
    folder: Path, sql: str, words: str
) -> None:
    log = log_of(folder)
    change(folder, sql)
    found = check(folder)
    assert found.difference is not None
    assert words in found.difference

    mended = repair(folder)

    assert (mended.difference, mended.is_repaired) == (found.difference, True)
    assert check(folder).difference is None
    assert log_of(folder) == log


@pytest.mark.parametrize(("sql", "words"), ENTRIES.values(), ids=ENTRIES.keys())
def test_repair__entry_is_wrong__is_refused_and_writes_nothing(
    folder: Path, sql: str, words: str
) -> None:
    change(folder, sql)
    change(folder, "UPDATE balances SET amount_raw = '7' WHERE account = 'network/fee'")
    found = check(folder)
    assert found.difference is not None
    assert words in found.difference

    with pytest.raises(DamagedRecord, match=r"damaged|restore a backup"):
        repair(folder)

    with sqlite3.connect(folder / DATABASE_FILE) as connection:
        fee = connection.execute("SELECT amount_raw FROM balances WHERE account = 'network/fee'")
        assert fee.fetchall() == [("7",)]
    connection.close()


def test_repair__honest_books__writes_nothing(folder: Path) -> None:
    mended = repair(folder)

    assert (mended.difference, mended.is_repaired) == (None, False)


def test_repair__entries_that_come_meanwhile__are_counted(folder: Path) -> None:
    engine = open_database(folder, create=False)
    change(folder, "UPDATE balances SET amount_raw = '7' WHERE account = 'network/fee'")
    was_told: list[int] = []

    def on_first_progress(done: int) -> None:
        was_told.append(done)
        if len(was_told) == 1:
            with database.for_writing(engine).begin() as connection:
                record(connection, *(make_facts(number) for number in range(5_000, 5_010)))

    with database.for_writing(engine).begin() as connection:
        record(connection, *(make_facts(number) for number in range(100, 1_200)))
    mended = repair_balances(engine, on_progress=on_first_progress)

    assert was_told == [1_000]
    assert mended.entry_count == 15 + 1_100 + 10
    with engine.connect() as connection:
        assert load_balances(connection) == fold_balances(iterate_entries(connection))
    engine.dispose()


def test_repair__store_is_locked__is_unavailable_and_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(folder, "UPDATE balances SET amount_raw = '7' WHERE account = 'network/fee'")
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_MS", 10)
    engine = open_database(folder, create=False)
    with sqlite3.connect(folder / DATABASE_FILE, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable):
            repair_balances(engine)
        other.execute("ROLLBACK")
    other.close()
    engine.dispose()

    assert "recorded as 7" in str(check(folder).difference)
