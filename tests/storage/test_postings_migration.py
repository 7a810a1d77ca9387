"""Postings of an older store: numbered by their entries, or refused when one has none."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

import basis.storage
from basis.rules.errors import DamagedRecord
from basis.rules.ledger import fold_balances
from basis.storage.database import DATABASE_FILE, begin_write, open_database
from basis.storage.ledger_store import iterate_entries, load_balances
from tests.support.books import make_data_folder

TO_OLD = """
CREATE TABLE old (entry_id VARCHAR(64) NOT NULL, account VARCHAR(160) NOT NULL,
    asset VARCHAR(16) NOT NULL, amount_raw TEXT NOT NULL,
    CONSTRAINT pk_ledger_postings PRIMARY KEY (entry_id, account, asset));
INSERT INTO old SELECT entry.id, account, asset, amount_raw
    FROM ledger_postings JOIN ledger_entries AS entry ON entry.seq = entry_seq
    ORDER BY amount_raw;
DROP TABLE ledger_postings;
ALTER TABLE old RENAME TO ledger_postings;
CREATE INDEX ix_ledger_postings_account ON ledger_postings (account);
DROP TABLE ledger_reasons;
"""


@pytest.fixture
def old_folder(tmp_path: Path) -> Path:
    """Full books whose ledger is as the first schema had it."""
    engine, _books = make_data_folder(tmp_path)
    engine.dispose()
    change(tmp_path, TO_OLD)
    return tmp_path


def change(folder: Path, sql: str) -> None:
    """Changes the store behind our back."""
    with sqlite3.connect(folder / DATABASE_FILE) as connection:
        connection.executescript(sql)
    connection.close()


def migrate_ledger(engine: Engine) -> None:
    """Runs the one migration again."""
    config = Config()
    folder = Path(basis.storage.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    with begin_write(engine) as connection:
        config.attributes["connection"] = connection
        before = ScriptDirectory.from_config(config).get_revision("0007").down_revision
        assert isinstance(before, str)
        command.stamp(config, before, purge=True)
        command.upgrade(config, "0007")


def test_migration__old_postings__are_the_same_entries_and_balances(old_folder: Path) -> None:
    engine = open_database(old_folder, create=False)
    migrate_ledger(engine)

    with engine.connect() as connection:
        entries = list(iterate_entries(connection))
        assert len(entries) == 15
        assert all(entry.postings for entry in entries)
        assert fold_balances(entries) == load_balances(connection)
    engine.dispose()


def test_migration__posting_of_no_entry__stops_it_and_changes_nothing(old_folder: Path) -> None:
    change(old_folder, "INSERT INTO ledger_postings VALUES ('none', 'network/fee', 'BASIS', '1')")
    engine = open_database(old_folder, create=False)

    with pytest.raises(DamagedRecord, match="1 records of ledger_postings are of no entry"):
        migrate_ledger(engine)

    with engine.connect() as connection:
        columns = connection.exec_driver_sql("PRAGMA table_info(ledger_postings)").all()
    assert [column[1] for column in columns] == ["entry_id", "account", "asset", "amount_raw"]
    engine.dispose()
