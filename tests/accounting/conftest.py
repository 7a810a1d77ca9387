"""Stores to account in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from basis.accounting.boosts import BoostBook
from basis.storage.database import DATABASE_FILE, for_writing, open_database
from basis.storage.writer import GroupCommitWriter
from tests.support.books import ALICE, BOB, make_data_folder, register
from tests.support.orchestrators import prepare_folder
from tests.support.phase_books import fill_points


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A store that knows Alice's and Bob's worker and nothing else; its transactions may write."""
    prepare_folder(tmp_path / "data")
    engine = open_database(tmp_path / "data", create=False)
    with for_writing(engine).begin() as connection:
        register(connection, "alice-1", ALICE)
        register(connection, "bob-1", BOB)
    yield for_writing(engine)
    engine.dispose()


@pytest.fixture
def phase_engine(tmp_path: Path) -> Iterator[Engine]:
    """A store with points of three owners in it; its transactions may write."""
    prepare_folder(tmp_path / "data")
    engine = open_database(tmp_path / "data", create=False)
    fill_points(engine)
    yield for_writing(engine)
    engine.dispose()


@pytest.fixture(scope="module")
def honest_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The database of books with every kind of record, which nobody has touched."""
    folder = tmp_path_factory.mktemp("honest")
    engine, _books = make_data_folder(folder)
    engine.dispose()
    return (folder / DATABASE_FILE).read_bytes()


class Clock:
    """Nanoseconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    """Stands still."""
    return Clock()


@pytest.fixture
def writer(engine: Engine) -> Iterator[GroupCommitWriter]:
    """A running writer."""
    writer = GroupCommitWriter(engine)
    writer.start()
    yield writer
    writer.stop()


@pytest.fixture
def book(engine: Engine, writer: GroupCommitWriter, clock: Clock) -> BoostBook:
    """A book over the store, which nobody is linked to."""
    return BoostBook(engine, writer, clock=clock)
