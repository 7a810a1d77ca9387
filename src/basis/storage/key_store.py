"""Customers and their API keys."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from basis.rules.errors import InvalidInput, NotFound
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.schema import api_keys, users


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key and the customer it belongs to; never the key itself."""

    id: str
    name: str
    user_id: str
    user_wallet: str
    created_at: str
    revoked_at: str | None


def store_new_key(
    connection: Connection,
    *,
    key_id: str,
    secret_hash: str,
    name: str,
    user_id: str,
    user_wallet: str,
    now: str,
) -> None:
    """Records a key, and its customer if the customer is new.

    Raises:
        InvalidInput: the customer exists with another wallet.
    """
    user = connection.execute(select(users).where(users.c.id == user_id)).first()
    if user is None:
        connection.execute(
            insert(users).values(id=user_id, name=name, wallet=user_wallet, created_at=now)
        )
    elif user_wallet and user.wallet != user_wallet:
        raise InvalidInput(
            f"customer {user_id} has the wallet {user.wallet or 'none'}, not {user_wallet}",
            param="wallet",
        )
    connection.execute(
        insert(api_keys).values(
            id=key_id, user_id=user_id, name=name, secret_hash=secret_hash, created_at=now
        )
    )


def load_key(connection: Connection, secret_hash: str) -> KeyRecord | None:
    """The key of this hash, revoked or not."""
    row = connection.execute(_keys().where(api_keys.c.secret_hash == secret_hash)).first()
    return None if row is None else _as_key(row)


def load_keys(connection: Connection) -> list[KeyRecord]:
    """Every key, oldest first."""
    rows = connection.execute(_keys().order_by(api_keys.c.created_at, api_keys.c.id))
    return [_as_key(row) for row in rows]


def revoke_key(connection: Connection, *, key_id: str, now: str) -> KeyRecord:
    """Revokes the key; one that is revoked already stays as it is.

    Raises:
        NotFound: no key has this id.
    """
    connection.execute(
        update(api_keys)
        .where((api_keys.c.id == key_id) & (api_keys.c.revoked_at.is_(None)))
        .values(revoked_at=now)
    )
    row = connection.execute(_keys().where(api_keys.c.id == key_id)).first()
    if row is None:
        raise NotFound(f"there is no key {key_id!r}; `basis key list` shows them")
    return _as_key(row)


def _keys():  # type: ignore[no-untyped-def]  # SQLAlchemy's Select type spells out each column
    return select(api_keys, users.c.wallet).join(users, users.c.id == api_keys.c.user_id)


@reads_rows_of(api_keys, users)
def _as_key(row: AnyRow) -> KeyRecord:
    return KeyRecord(
        id=row.id,
        name=row.name,
        user_id=row.user_id,
        user_wallet=row.wallet,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
