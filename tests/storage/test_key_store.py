"""Customers and their keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from basis.rules.errors import InvalidInput, NotFound
from basis.storage.key_store import KeyRecord, load_key, load_keys, revoke_key, store_new_key
from basis.storage.secrets import load_hasher, new_api_key
from tests.support.books import ALICE, BOB, NOW

LATER = "2026-11-22T12:00:00.000Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder without a key."""
    from basis.storage.database import open_database

    open_database(tmp_path / "data", create=True).dispose()
    return tmp_path / "data"


def add(engine: Engine, key_id: str, *, user_id: str = "user-1", wallet: str = "") -> str:
    """Stores a key whose hash is its id repeated; the hash."""
    secret_hash = f"hash-of-{key_id}"
    with engine.begin() as connection:
        store_new_key(
            connection,
            key_id=key_id,
            secret_hash=secret_hash,
            name="laptop",
            user_id=user_id,
            user_wallet=wallet,
            now=NOW,
        )
    return secret_hash


def test_key__stored__is_found_by_its_hash(engine: Engine) -> None:
    secret_hash = add(engine, "key_1", wallet=ALICE)

    with engine.connect() as connection:
        assert load_key(connection, secret_hash) == KeyRecord(
            id="key_1",
            name="laptop",
            user_id="user-1",
            user_wallet=ALICE,
            created_at=NOW,
            revoked_at=None,
        )
        assert load_key(connection, "another hash") is None


def test_key__stored__leaves_no_trace_of_itself_in_the_folder(folder: Path, engine: Engine) -> None:
    key = new_api_key()
    with engine.begin() as connection:
        store_new_key(
            connection,
            key_id="key_1",
            secret_hash=load_hasher(folder).hash(key),
            name="laptop",
            user_id="user-1",
            user_wallet="",
            now=NOW,
        )

    secret = key.partition("-basis-")[2].encode()
    assert not [path.name for path in folder.iterdir() if secret in path.read_bytes()]


def test_second_key__of_a_customer__shares_the_wallet(engine: Engine) -> None:
    add(engine, "key_1", wallet=ALICE)
    add(engine, "key_2")
    add(engine, "key_3", wallet=ALICE)

    with engine.connect() as connection:
        assert [(key.id, key.user_wallet) for key in load_keys(connection)] == [
            ("key_1", ALICE),
            ("key_2", ALICE),
            ("key_3", ALICE),
        ]


def test_second_key__with_another_wallet__is_refused_and_names_both(engine: Engine) -> None:
    add(engine, "key_1", wallet=ALICE)

    with pytest.raises(InvalidInput) as refused:
        add(engine, "key_2", wallet=BOB)

    assert refused.value.param == "wallet"
    assert ALICE in refused.value.message
    assert BOB in refused.value.message
    with engine.connect() as connection:
        assert [key.id for key in load_keys(connection)] == ["key_1"]


def test_revoke__twice__keeps_the_first_time(engine: Engine) -> None:
    secret_hash = add(engine, "key_1")

    for now in (NOW, LATER):
        with engine.begin() as connection:
            assert revoke_key(connection, key_id="key_1", now=now).revoked_at == NOW

    with engine.connect() as connection:
        found = load_key(connection, secret_hash)
    assert found is not None
    assert found.revoked_at == NOW


def test_revoke__unknown_key__says_where_to_look(engine: Engine) -> None:
    with pytest.raises(NotFound, match="basis key list"), engine.begin() as connection:
        revoke_key(connection, key_id="key_9", now=NOW)
