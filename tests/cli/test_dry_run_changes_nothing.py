"""Commands without --yes: not a byte of the data folder is changed, whatever state it is in."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

import basis.storage
from basis.accounting.card_payments import CardPayment, receive_payment
from basis.accounting.funding import top_up
from basis.storage.database import DATABASE_FILE, begin_write, open_database
from basis.storage.key_store import store_new_key
from basis.storage.publisher_key import PUBLISHER_KEY_FILE
from tests.cli.conftest import Command
from tests.support.books import NOW, Books

SHOWN = [
    ("account", "top-up", "user-1", "--credits", "1", "--key", "K"),
    ("account", "take-back", "user-1", "--credits", "1", "--key", "K"),
    ("account", "assign", "cs_1", "user-1"),
    *[
        ("ledger", "adjust", "--from", "funding/operator", "--to", "customer/user-1", *rest)
        for rest in [("--amount", "1", "--asset", "CREDIT", "--cause", "slip", "--key", "K")]
    ],
    (
        *("phase", "open", "s9", "--pool", "llm=LLAMA:1000"),
        *("--from", "2026-11-01", "--to", "2026-12-01"),
    ),
    ("phase", "final", "s1"),
]


@pytest.fixture
def folder(tmp_path: Path, books: Books) -> Path:
    """Full books with a customer's credits and a payment of nobody's, without a publication key."""
    engine = open_database(tmp_path / "data", create=False)
    with begin_write(engine) as connection:
        store_new_key(
            connection,
            key_id="k1",
            secret_hash="k1",
            name="test",
            user_id="user-1",
            user_wallet="",
            now=NOW,
        )
        top_up(connection, user_id="user-1", key="I-1", microcredits=10**7, now=NOW)
        told = CardPayment(
            key="cs_1", reference="pi_1", account="", currency="usd", amount_minor=500
        )
        receive_payment(connection, told, now=NOW)
    engine.dispose()
    return tmp_path / "data"


def contents(folder: Path) -> dict[str, bytes]:
    """All that lies in the folder but SQLite's index of its log, which is made anew by any look."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("-shm")
    }


def migrate_down(folder: Path) -> None:
    """Marks the store as one of an older version."""
    config = Config()
    versions = Path(basis.storage.__file__).parent / "migrations"
    config.set_main_option("script_location", str(versions))
    engine = open_database(folder, create=False)
    with begin_write(engine) as connection:
        config.attributes["connection"] = connection
        command.stamp(config, "0012", purge=True)
    engine.dispose()


@pytest.mark.parametrize("words", SHOWN, ids=lambda words: " ".join(words[:2]))
def test_dry_run__store_at_rest__changes_not_a_byte(
    basis: Command, folder: Path, words: tuple[str, ...]
) -> None:
    before = contents(folder)

    shown = basis(*words)

    assert shown.code == (0 if words[:2] != ("phase", "final") else 4), shown.err
    assert contents(folder) == before
    assert PUBLISHER_KEY_FILE not in before


@pytest.mark.parametrize("words", SHOWN, ids=lambda words: " ".join(words[:2]))
def test_dry_run__log_left_by_a_crash__stays_as_it_is(
    basis: Command, folder: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    crashed = tmp_path / "crashed"
    with closing(sqlite3.connect(folder / DATABASE_FILE, isolation_level=None)) as writer:
        writer.execute("UPDATE users SET name = 'Ann'")
        shutil.copytree(folder, crashed)
    before = contents(crashed)
    assert before[f"{DATABASE_FILE}-wal"]

    basis(*words, "--data", str(crashed))

    assert contents(crashed) == before


@pytest.mark.parametrize("words", SHOWN, ids=lambda words: " ".join(words[:2]))
def test_dry_run__store_of_an_older_version__says_so_and_migrates_nothing(
    basis: Command, folder: Path, words: tuple[str, ...]
) -> None:
    migrate_down(folder)
    before = contents(folder)

    shown = basis(*words)

    assert (shown.code, shown.out) == (9, "")
    assert "older version of basis: start `basis up` once to migrate it" in shown.err
    assert contents(folder) == before


def test_dry_run__final_without_a_key__names_no_signer_and_makes_none(
    basis: Command, folder: Path
) -> None:
    shown = basis("phase", "final", "none")

    assert shown.code != 0
    assert "There is no publication key yet: --yes would make one." in shown.err
    assert not (folder / PUBLISHER_KEY_FILE).exists()


@pytest.mark.parametrize("damage", [b"", b"no database at all " * 300])
def test_dry_run__no_store_of_ours__is_refused_and_left_as_it_is(
    basis: Command, folder: Path, damage: bytes
) -> None:
    (folder / DATABASE_FILE).write_bytes(damage)

    shown = basis(*SHOWN[0])

    assert (shown.out, shown.code in (6, 9)) == ("", True)
    assert (folder / DATABASE_FILE).read_bytes() == damage
