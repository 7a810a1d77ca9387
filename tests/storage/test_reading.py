"""Looking into a data folder: whatever state it is in, it is left as it was."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from basis.rules.errors import Misconfigured, SchemaDiffers, StorageUnavailable
from basis.storage.database import DATABASE_FILE
from basis.storage.reading import read_store
from tests.support.books import make_data_folder

ADD_BALANCE = "INSERT INTO balances VALUES ('network/new', 'BASIS', '1')"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with books in it that nobody has open."""
    engine, _books = make_data_folder(tmp_path / "data")
    engine.dispose()
    return tmp_path / "data"


@contextmanager
def open_writer(folder: Path) -> Generator[sqlite3.Connection]:
    """A second connection, as a running orchestrator holds it."""
    with closing(sqlite3.connect(folder / DATABASE_FILE, isolation_level=None)) as writer:
        writer.execute("PRAGMA busy_timeout=0")
        yield writer


def change(folder: Path, sql: str) -> None:
    """Changes the store, and leaves it at rest."""
    with open_writer(folder) as writer:
        writer.execute(sql)


def count_balances(folder: Path) -> int:
    with read_store(folder) as connection:
        return connection.execute(text("SELECT count(*) FROM balances")).scalar_one()


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file, but the index of SQLite's log, in which readers mark their place."""
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".sqlite3-shm"
    }


def test_read__store_at_rest__changes_and_leaves_nothing(folder: Path) -> None:
    before = files_of(folder)

    assert count_balances(folder) > 0

    assert files_of(folder) == before
    assert [path.name for path in folder.iterdir()] == [DATABASE_FILE]


def test_read__write_transaction_under_way__neither_waits_nor_sees_it(folder: Path) -> None:
    committed = count_balances(folder)
    with open_writer(folder) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute(ADD_BALANCE)
        before = files_of(folder)

        seen = count_balances(folder)

        assert files_of(folder) == before
        writer.execute("COMMIT")
        assert seen == committed
        assert count_balances(folder) == committed + 1


def test_read__running_orchestrator_commits_meanwhile__stays_at_one_moment(folder: Path) -> None:
    with open_writer(folder) as writer:
        writer.execute(ADD_BALANCE)
        with read_store(folder) as connection:
            counting = text("SELECT count(*) FROM balances")
            first = connection.execute(counting).scalar_one()
            writer.execute(ADD_BALANCE.replace("network/new", "network/newer"))
            second = connection.execute(counting).scalar_one()

    assert first == second


def test_read__after_a_crash__sees_what_was_committed_and_leaves_the_log(
    folder: Path, tmp_path: Path
) -> None:
    committed = count_balances(folder)
    crashed = tmp_path / "crashed"
    with open_writer(folder) as writer:
        writer.execute(ADD_BALANCE)
        shutil.copytree(folder, crashed)
    before = files_of(crashed)
    assert f"{DATABASE_FILE}-wal" in before

    assert count_balances(crashed) == committed + 1

    assert files_of(crashed) == before


def test_read__store_at_rest_is_written_meanwhile__says_to_try_again(folder: Path) -> None:
    with (
        pytest.raises(StorageUnavailable, match="written while it was read"),
        read_store(folder),
    ):
        change(folder, ADD_BALANCE)


def test_read__attempt_to_write__is_refused(folder: Path) -> None:
    before = files_of(folder)

    with pytest.raises(Misconfigured, match="readonly"), read_store(folder) as connection:
        connection.execute(text(ADD_BALANCE))

    assert files_of(folder) == before


@pytest.mark.parametrize(
    "sql", ["DELETE FROM alembic_version", "DROP TABLE alembic_version"], ids=["none", "no table"]
)
def test_read__older_store__says_how_to_migrate_and_does_not(folder: Path, sql: str) -> None:
    change(folder, sql)
    before = files_of(folder)

    with pytest.raises(SchemaDiffers, match="start `basis up` once to migrate"):
        count_balances(folder)

    assert files_of(folder) == before


def test_read__newer_store__says_to_install_the_newer_version(folder: Path) -> None:
    change(folder, "UPDATE alembic_version SET version_num = '9999'")
    before = files_of(folder)

    with pytest.raises(SchemaDiffers, match=r"newer version of basis.*9999"):
        count_balances(folder)

    assert files_of(folder) == before


def test_read__no_folder__names_it_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"no data folder .*nowhere"):
        count_balances(tmp_path / "nowhere")

    assert not list(tmp_path.iterdir())


def test_read__folder_without_a_store__names_it_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=f"no data in {tmp_path}"):
        count_balances(tmp_path)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("garbage", [b"this is no database" * 400, b"\0" * 8_192, b"SQLite"])
def test_read__garbage_file__is_refused_and_left(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(garbage)

    with pytest.raises(Misconfigured, match=DATABASE_FILE):
        count_balances(tmp_path)

    assert files_of(tmp_path) == {DATABASE_FILE: garbage}


def test_read__path_with_signs_of_a_uri__is_taken_as_it_is(folder: Path) -> None:
    odd = folder.rename(folder.with_name("50% ?mode=rw #1"))

    assert count_balances(odd) > 0
