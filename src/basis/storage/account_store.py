"""Customers as accounts: what they may spend, how far below zero they may go, what was changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from basis.rules.entries import customer_account
from basis.rules.errors import NotFound
from basis.rules.units import CREDIT
from basis.storage.amounts import read_signed_amount
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.holds import load_available, load_held
from basis.storage.schema import (
    account_changes,
    api_keys,
    balances,
    open_jobs,
    usage_days,
    users,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """A customer. `credit_limit` is in micro-credits; None is billed afterwards, without limit."""

    id: str
    name: str
    wallet: str
    created_at: str
    credit_limit: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credits:
    """What a customer has, in micro-credits; `available` is None where nothing limits it."""

    balance: int
    held: int
    available: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySpending:
    """What a key and its sub-keys spent on a day and hold now, in micro-credits."""

    spent: int
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """A limit that the operator changed; `key_id` is "" where it is the account's own."""

    created_at: str
    key_id: str
    field: str
    before: str
    after: str


def load_account(connection: Connection, user_id: str) -> AccountRecord:
    """The customer of this id.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(select(users).where(users.c.id == user_id)).first()
    if row is None:
        raise NotFound(
            f"there is no customer {user_id[:80]!r}; `basis account list` shows them, and `basis "
            f"key create --user` makes one"
        )
    return _as_account(row)


def has_account(connection: Connection, user_id: str) -> bool:
    """Whether there is a customer of this id."""
    return connection.execute(select(users.c.id).where(users.c.id == user_id)).first() is not None


def load_accounts(connection: Connection) -> list[AccountRecord]:
    """Every customer, oldest first."""
    ordered = select(users).order_by(users.c.created_at, users.c.id)
    return [_as_account(row) for row in connection.execute(ordered)]


def load_credits(connection: Connection, user_id: str) -> Credits:
    """What the customer has, holds and may spend at this moment."""
    query = select(balances).where(
        balances.c.asset == CREDIT.symbol, balances.c.account == customer_account(user_id)
    )
    row = connection.execute(query).first()
    return Credits(
        balance=_as_balance(row) if row is not None else 0,
        held=load_held(connection, user_id),
        available=load_available(connection, user_id),
    )


def load_key_spending(connection: Connection, key_id: str, *, day: str) -> KeySpending:
    """What counts for the daily budget of a key: its own and its sub-keys' jobs of `day`."""
    family = select(api_keys.c.id).where(
        (api_keys.c.id == key_id) | (api_keys.c.parent_id == key_id)
    )
    spent = select(func.coalesce(func.sum(usage_days.c.microcredits), 0)).where(
        usage_days.c.key_id.in_(family), usage_days.c.day == day
    )
    held = select(func.coalesce(func.sum(open_jobs.c.held_microcredits), 0)).where(
        open_jobs.c.key_id.in_(family), func.substr(open_jobs.c.created_at, 1, 10) == day
    )
    return KeySpending(
        spent=connection.execute(spent).scalar_one(), held=connection.execute(held).scalar_one()
    )


def store_credit_limit(
    connection: Connection, user_id: str, credit_limit: int | None, *, now: str
) -> AccountRecord:
    """Sets how far below zero the customer may go. What it holds already is held on.

    Raises:
        NotFound: there is no such customer.
    """
    before = load_account(connection, user_id)
    store_changes(
        connection,
        user_id=user_id,
        key_id="",
        changes={"credit_limit": (_spell(before.credit_limit), _spell(credit_limit))},
        now=now,
    )
    connection.execute(update(users).where(users.c.id == user_id).values(credit_limit=credit_limit))
    return load_account(connection, user_id)


def store_changes(
    connection: Connection,
    *,
    user_id: str,
    key_id: str,
    changes: Mapping[str, tuple[str, str]],
    now: str,
) -> None:
    """Records what is changed: by field the value before and after; equal ones are left out."""
    rows = [
        {
            "created_at": now,
            "user_id": user_id,
            "key_id": key_id,
            "field": field,
            "before": before,
            "after": after,
        }
        for field, (before, after) in changes.items()
        if before != after
    ]
    if rows:
        connection.execute(insert(account_changes), rows)


def load_changes(connection: Connection, user_id: str) -> list[AccountChange]:
    """What was changed of a customer and its keys, oldest first."""
    ordered = (
        select(account_changes)
        .where(account_changes.c.user_id == user_id)
        .order_by(account_changes.c.seq)
    )
    return [_as_change(row) for row in connection.execute(ordered)]


def _spell(credit_limit: int | None) -> str:
    return "none" if credit_limit is None else str(credit_limit)


@reads_rows_of(users)
def _as_account(row: AnyRow) -> AccountRecord:
    return AccountRecord(
        id=row.id,
        name=row.name,
        wallet=row.wallet,
        created_at=row.created_at,
        credit_limit=row.credit_limit,
    )


@reads_rows_of(balances)
def _as_balance(row: AnyRow) -> int:
    return read_signed_amount(row.amount_raw, field="amount_raw")


@reads_rows_of(account_changes)
def _as_change(row: AnyRow) -> AccountChange:
    return AccountChange(
        created_at=row.created_at,
        key_id=row.key_id,
        field=row.field,
        before=row.before,
        after=row.after,
    )
