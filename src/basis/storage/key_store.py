"""Customers and their API keys.

A customer is an account: its credits belong to it, not to its keys. A key may be limited, and may
have sub-keys, whose spending counts for its own limits too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
from sqlalchemy import Connection, insert, select, update

from basis.rules.errors import InvalidInput, NotFound
from basis.storage.account_store import store_changes
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.schema import api_keys, users


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimits:
    """What a key may do; None and empty are without limit."""

    credits_per_day: int | None = None
    """Micro-credits, by the day in UTC."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    """Of prompts and answers; a request counts with as many as it may come to."""
    models: tuple[str, ...] = ()
    expires_at: str | None = None
    prefers: str = ""
    """What decides between workers where the request does not say: price, speed or quality."""


NO_LIMITS = KeyLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key and the customer it belongs to; never the key itself.

    `parent_id` is set of a sub-key; `parent_limits` are those of its parent, None of other keys.
    """

    id: str
    name: str
    user_id: str
    user_wallet: str
    created_at: str
    revoked_at: str | None
    parent_id: str | None = None
    limits: KeyLimits = NO_LIMITS
    parent_limits: KeyLimits | None = None


def store_new_key(
    connection: Connection,
    *,
    key_id: str,
    secret_hash: str,
    name: str,
    user_id: str,
    user_wallet: str,
    now: str,
    parent_id: str | None = None,
    limits: KeyLimits = NO_LIMITS,
    credit_limit: int | None = 0,
) -> None:
    """Records a key, and its customer if the customer is new.

    `credit_limit` is how far a new customer's balance may go below zero, in micro-credits; None is
    as far as it likes: billed afterwards.

    Raises:
        InvalidInput: the customer exists with another wallet; the parent belongs to another
            customer or is a sub-key itself.
        NotFound: there is no such parent.
    """
    user = connection.execute(select(users).where(users.c.id == user_id)).first()
    if parent_id is not None:
        _validate_parent(connection, parent_id, user_id=user_id)
    if user is None:
        connection.execute(
            insert(users).values(
                id=user_id,
                name=name,
                wallet=user_wallet,
                created_at=now,
                credit_limit=credit_limit,
            )
        )
    elif user_wallet and user.wallet != user_wallet:
        raise InvalidInput(
            f"customer {user_id} has the wallet {user.wallet or 'none'}, not {user_wallet}",
            param="wallet",
        )
    connection.execute(
        insert(api_keys).values(
            id=key_id,
            user_id=user_id,
            name=name,
            secret_hash=secret_hash,
            created_at=now,
            parent_id=parent_id,
            **_limit_columns(limits),
        )
    )


def store_limits(connection: Connection, *, key_id: str, limits: KeyLimits, now: str) -> KeyRecord:
    """Gives a key other limits and records what changed; running jobs keep what they were given.

    Raises:
        NotFound: no key has this id.
    """
    key = load_key_by_id(connection, key_id)
    before, after = _limit_texts(key.limits), _limit_texts(limits)
    store_changes(
        connection,
        user_id=key.user_id,
        key_id=key_id,
        changes={field: (before[field], after[field]) for field in before},
        now=now,
    )
    connection.execute(
        update(api_keys).where(api_keys.c.id == key_id).values(**_limit_columns(limits))
    )
    return load_key_by_id(connection, key_id)


def load_key(connection: Connection, secret_hash: str) -> KeyRecord | None:
    """The key of this hash, revoked or not; a sub-key of a revoked key is revoked with it."""
    row = connection.execute(_keys().where(api_keys.c.secret_hash == secret_hash)).first()
    if row is None:
        return None
    key = _as_key(row)
    if key.parent_id is None:
        return key
    parent = load_key_by_id(connection, key.parent_id)
    return replace(key, parent_limits=parent.limits, revoked_at=key.revoked_at or parent.revoked_at)


def load_key_by_id(connection: Connection, key_id: str) -> KeyRecord:
    """The key of this id.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(_keys().where(api_keys.c.id == key_id)).first()
    if row is None:
        raise NotFound(f"there is no key {key_id!r}; `basis key list` shows them")
    return _as_key(row)


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
    return load_key_by_id(connection, key_id)


def _limit_columns(limits: KeyLimits) -> dict[str, object]:
    return {
        "credits_per_day": limits.credits_per_day,
        "requests_per_minute": limits.requests_per_minute,
        "tokens_per_minute": limits.tokens_per_minute,
        "models": msgspec.json.encode(limits.models).decode(),
        "expires_at": limits.expires_at,
        "prefers": limits.prefers,
    }


def _limit_texts(limits: KeyLimits) -> dict[str, str]:
    """The limits in the words of the record of changes; "none" is without."""
    columns = {**_limit_columns(limits), "models": " ".join(limits.models)}
    return {name: "none" if value in {None, ""} else str(value) for name, value in columns.items()}


def _validate_parent(connection: Connection, parent_id: str, *, user_id: str) -> None:
    parent = load_key_by_id(connection, parent_id)
    if parent.user_id != user_id:
        raise InvalidInput(
            f"the key {parent_id} belongs to another customer than {user_id}", param="parent"
        )
    if parent.parent_id is not None:
        raise InvalidInput(f"the key {parent_id} is a sub-key and has none itself", param="parent")
    if parent.revoked_at is not None:
        raise InvalidInput(f"the key {parent_id} is revoked", param="parent")


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
        parent_id=row.parent_id,
        limits=KeyLimits(
            credits_per_day=row.credits_per_day,
            requests_per_minute=row.requests_per_minute,
            tokens_per_minute=row.tokens_per_minute,
            models=msgspec.json.decode(row.models, type=tuple[str, ...]),
            expires_at=row.expires_at,
            prefers=row.prefers,
        ),
    )
