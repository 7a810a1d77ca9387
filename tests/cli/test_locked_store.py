"""Another process keeps the write lock: commands that write say so, and what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from basis.storage.database import DATABASE_FILE
from basis.storage.secrets import load_hasher
from tests.cli.conftest import Command
from tests.support.books import Books

WRITES = [
    ("key", "create"),
    ("key", "revoke", "key_1"),
    ("key", "limit", "key_1", "--prefers", "price"),
    ("account", "top-up", "user-1", "--credits", "1", "--key", "K", "--yes"),
    ("account", "take-back", "user-1", "--credits", "1", "--key", "K", "--yes"),
    ("account", "limit", "user-1", "--postpaid"),
    ("account", "assign", "cs_1", "user-1", "--yes"),
    ("pricing", "activate", "spring", "--from", "2999-01-01T00:00:00Z"),
    ("batch", "close"),
    ("batch", "fail", "1", "--reason", "x"),
    ("batch", "retry", "3"),
]
SHOWN = [words[:-1] for words in WRITES if words[-1] == "--yes"]
"""The same where they only show what they would book."""


@pytest.fixture
def locker(tmp_path: Path, books: Books) -> Iterator[sqlite3.Connection]:
    """A connection of another process's; whoever waits for it gives up at once."""
    load_hasher(tmp_path / "data")

    def on_checkout(connection: sqlite3.Connection, *_others: object) -> None:
        connection.execute("PRAGMA busy_timeout=0")

    event.listen(Pool, "checkout", on_checkout)
    with closing(sqlite3.connect(tmp_path / "data" / DATABASE_FILE, isolation_level=None)) as other:
        yield other
    event.remove(Pool, "checkout", on_checkout)


@pytest.mark.parametrize("words", [*WRITES, *SHOWN], ids=" ".join)
def test_command__store_locked__exits_with_7_and_one_line(
    basis: Command, locker: sqlite3.Connection, words: tuple[str, ...]
) -> None:
    locker.execute("BEGIN IMMEDIATE")

    outcome = basis(*words)

    assert (outcome.code, outcome.out) == (7, "")
    assert outcome.err == "basis: another process is writing to the store: try again\n"


@pytest.mark.parametrize("words", WRITES, ids=" ".join)
def test_command__store_locked_once_it_is_open__exits_with_7_and_one_line(
    basis: Command, locker: sqlite3.Connection, words: tuple[str, ...]
) -> None:
    def on_checkin(*_others: object) -> None:
        # The first transaction of a command migrates the store.
        if not locker.in_transaction:
            locker.execute("BEGIN IMMEDIATE")

    event.listen(Pool, "checkin", on_checkin)
    try:
        outcome = basis(*words)
    finally:
        event.remove(Pool, "checkin", on_checkin)

    assert (outcome.code, outcome.out) == (7, "")
    assert outcome.err == "basis: another process is writing to the store: try again\n"


def test_command__lock_is_free_again__writes(basis: Command, locker: sqlite3.Connection) -> None:
    locker.execute("BEGIN IMMEDIATE")
    refused = basis("batch", "fail", "1", "--reason", "x")
    locker.execute("ROLLBACK")

    assert refused.code == 7
    assert basis("batch", "fail", "1", "--reason", "x").code == 0
