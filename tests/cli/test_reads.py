"""Commands that only look: beside a running write, and over a store of another version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.support.books import Books

READS = [
    ("key", "list"),
    ("receipt", "list"),
    ("receipt", "show", "job_0001"),
    ("batch", "list"),
    ("batch", "show", "1"),
    ("recompute",),
    ("ledger", "accounts"),
    ("ledger", "statement", "network/fee"),
    ("ledger", "entry", "1"),
    ("ledger", "rebuild"),
]
each_read = pytest.mark.parametrize("words", READS, ids=" ".join)


@pytest.fixture
def writer(tmp_path: Path, books: Books) -> Iterator[sqlite3.Connection]:
    """A second connection to full books."""
    path = tmp_path / "data" / "basis.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@each_read
def test_read__write_transaction_under_way__answers_and_does_not_see_it(
    basis: Command, writer: sqlite3.Connection, words: tuple[str, ...]
) -> None:
    at_rest = basis(*words)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM receipts")

    outcome = basis(*words)

    assert (outcome.code, outcome.out) == (0, at_rest.out)
    writer.execute("ROLLBACK")


@each_read
@pytest.mark.parametrize(
    ("sql", "advice"),
    [
        ("DELETE FROM alembic_version", "start `basis up` once to migrate"),
        ("UPDATE alembic_version SET version_num = '9999'", "newer version of basis"),
    ],
    ids=["older", "newer"],
)
def test_read__store_of_another_version__exits_with_9_and_leaves_it(
    basis: Command, writer: sqlite3.Connection, sql: str, advice: str, words: tuple[str, ...]
) -> None:
    writer.execute(sql)
    version = "SELECT version_num FROM alembic_version"
    before = writer.execute(version).fetchall()

    outcome = basis(*words)

    assert (outcome.code, outcome.out) == (9, "")
    assert advice in outcome.err
    assert writer.execute(version).fetchall() == before


@each_read
def test_read__nobody_has_the_store_open__leaves_no_file_behind(
    basis: Command, tmp_path: Path, books: Books, words: tuple[str, ...]
) -> None:
    before = {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()}

    assert basis(*words).code == 0

    assert {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()} == before
