"""Opening a data folder: migrated to the newest schema, or refused with words that help."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

import basis.storage
from basis.rules.errors import Misconfigured
from basis.storage import (
    export_tables,  # noqa: F401 - its tables are part of the metadata
    payment_tables,  # noqa: F401 - its tables are part of the metadata
    phase_tables,  # noqa: F401 - its tables are part of the metadata
)
from basis.storage.database import DATABASE_FILE, open_database
from basis.storage.schema import metadata
from tests.support.books import fill_books, make_data_folder

MIGRATIONS = Path(basis.storage.__file__).parent / "migrations"


def refusal(folder: Path, *, create: bool = True) -> str:
    """What the operator is told about `folder`."""
    with pytest.raises(Misconfigured) as refused:
        open_database(folder, create=create).dispose()
    return refused.value.message


def test_migrations__from_nothing__give_exactly_the_schema(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_migrations__from_nothing__reach_the_only_head(engine: Engine) -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    with engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()

    assert [revision] == script.get_heads()


def test_open__pragmas__make_a_commit_survive_a_power_cut(engine: Engine) -> None:
    with engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_open__again__keeps_what_was_written(tmp_path: Path) -> None:
    engine, books = make_data_folder(tmp_path)
    engine.dispose()

    again = open_database(tmp_path, create=False)

    with again.connect() as connection:
        hashes = connection.execute(text("SELECT hash FROM batches ORDER BY seq")).scalars().all()
    again.dispose()
    assert hashes == [books.pending, books.retried, books.failed]


def test_open__nothing_there__names_the_folder_and_makes_none(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"

    message = refusal(missing, create=False)

    assert str(missing) in message
    assert "--data" in message
    assert not missing.exists()


def test_open__newer_schema__says_to_install_the_newer_version(folder: Path) -> None:
    with sqlite3.connect(folder / DATABASE_FILE) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    message = refusal(folder)

    assert str(folder) in message
    assert "newer version of basis" in message
    assert "9999" in message


def test_open__newer_schema__leaves_the_file_as_it_is(folder: Path) -> None:
    with sqlite3.connect(folder / DATABASE_FILE) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    refusal(folder)

    with sqlite3.connect(folder / DATABASE_FILE) as connection:
        versions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    connection.close()
    assert versions == [("9999",)]


@pytest.mark.parametrize("garbage", [b"this is no database" * 400, b"\0" * 8_192])
def test_open__garbage_file__says_that_it_is_no_database(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(garbage)

    message = refusal(tmp_path)

    assert str(tmp_path / DATABASE_FILE) in message
    assert "database" in message
    assert (tmp_path / DATABASE_FILE).read_bytes() == garbage


def test_open__cut_off_file__is_refused(folder: Path) -> None:
    path = folder / DATABASE_FILE
    path.write_bytes(path.read_bytes()[:6_000])

    assert str(path) in refusal(folder)


def test_open__folder_is_a_file__names_it(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    assert str(tmp_path / "data") in refusal(tmp_path / "data")


def test_open__database_is_a_folder__names_it(tmp_path: Path) -> None:
    (tmp_path / DATABASE_FILE).mkdir()

    assert str(tmp_path / DATABASE_FILE) in refusal(tmp_path)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system without room")
def test_open__place_that_takes_no_folder__is_refused() -> None:
    assert "/proc/basis-data cannot be used" in refusal(Path("/proc/basis-data"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into any folder")
def test_open__folder_without_write_permission__is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    message = refusal(tmp_path)

    tmp_path.chmod(0o700)
    assert str(tmp_path) in message


def test_open__folder_it_makes__is_for_its_owner_alone(tmp_path: Path) -> None:
    open_database(tmp_path / "data", create=True).dispose()

    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_transaction__that_fails__leaves_nothing(engine: Engine) -> None:
    def fill_and_fail() -> None:
        with engine.begin() as connection:
            fill_books(connection)
            raise ZeroDivisionError("stands for any bug")

    with pytest.raises(ZeroDivisionError):
        fill_and_fail()

    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM receipts")).scalar_one() == 0
        assert connection.execute(text("SELECT count(*) FROM balances")).scalar_one() == 0
