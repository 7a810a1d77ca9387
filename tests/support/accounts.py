"""Customers with credits, keys with limits and jobs that want a hold, written by the real rules."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from basis.app import RunningOrchestrator
from basis.rules.entries import credits_funded
from basis.rules.errors import BasisError
from basis.rules.job import UserId
from basis.storage.clock import now_iso
from basis.storage.holds import load_available, load_held
from basis.storage.job_store import JobWrite, OpenJob
from basis.storage.key_store import NO_LIMITS, KeyLimits, store_new_key
from basis.storage.ledger_store import store_entries
from basis.storage.payment_store import Payment, store_payment
from basis.storage.secrets import load_hasher, new_api_key
from tests.support.books import NOW, make_open_job
from tests.support.orchestrators import Customer

CREDIT_MICROS = 1_000_000
"""Micro-credits of one credit."""


def open_account(
    connection: Connection,
    user_id: str,
    *,
    credits_raw: int = 0,
    credit_limit: int | None = 0,
) -> None:
    """Records a customer with so many micro-credits, and a key of it without limits."""
    add_key(connection, f"k-{user_id}", user_id=user_id, credit_limit=credit_limit)
    if credits_raw:
        fund(connection, user_id, credits_raw)


def add_key(
    connection: Connection,
    key_id: str,
    *,
    user_id: str,
    parent_id: str | None = None,
    limits: KeyLimits = NO_LIMITS,
    credit_limit: int | None = 0,
) -> None:
    """Records a key, and its customer if that is new."""
    store_new_key(
        connection,
        key_id=key_id,
        secret_hash=f"hash of {key_id}",
        name=key_id,
        user_id=user_id,
        user_wallet="",
        now=NOW,
        parent_id=parent_id,
        limits=limits,
        credit_limit=credit_limit,
    )


def fund(
    connection: Connection, user_id: str, microcredits: int, *, payment: str = "first"
) -> None:
    """Books a payment of the customer's; a negative one takes credits back."""
    entry = credits_funded(
        user_id=UserId(user_id),
        source="operator",
        key=f"{user_id}-{payment}",
        microcredits=microcredits,
    )
    payment_on_record = Payment(
        source="operator",
        key=f"{user_id}-{payment}",
        user_id=user_id,
        microcredits=microcredits,
        created_at=NOW,
        assigned_at=NOW,
    )
    store_payment(connection, payment_on_record)
    store_entries(connection, [entry], now=NOW)


def want(
    number: int,
    *,
    user_id: str = "ann",
    key_id: str | None = None,
    held: int,
    on: str = "2026-11-21",
) -> OpenJob:
    """Job `number`, which wants a hold of `held` micro-credits on that day."""
    return replace(
        make_open_job(number),
        user_id=user_id,
        key_id=f"k-{user_id}" if key_id is None else key_id,
        held_microcredits=held,
        created_at=f"{on}T12:00:00.000Z",
        expires_at=f"{on}T13:00:00.000Z",
    )


def open_jobs(connection: Connection, *jobs: OpenJob) -> list[BasisError | None]:
    """Opens the jobs as one group; the refusal of each, or None."""
    return JobWrite.apply_group(connection, [JobWrite(opened=job) for job in jobs])


def account_state(connection: Connection, user_id: str) -> tuple[int | None, int]:
    """What the customer can spend, None without limit, and what its jobs hold."""
    return load_available(connection, user_id), load_held(connection, user_id)


async def customer_with_key(
    running: RunningOrchestrator,
    key_id: str,
    *,
    user_id: str,
    credits_raw: int = 0,
    credit_limit: int | None = 0,
    parent_id: str | None = None,
    limits: KeyLimits = NO_LIMITS,
) -> Customer:
    """A customer of a running network whose fresh key has these limits; close its `http`."""
    secret = new_api_key()
    secret_hash = load_hasher(running.context.settings.data_folder).hash(secret)

    def store(connection: Connection) -> None:
        store_new_key(
            connection,
            key_id=key_id,
            secret_hash=secret_hash,
            name=key_id,
            user_id=user_id,
            user_wallet="",
            now=now_iso(),
            parent_id=parent_id,
            limits=limits,
            credit_limit=credit_limit,
        )
        if credits_raw:
            fund(connection, user_id, credits_raw, payment=key_id)

    await running.context.writer.write(store)
    return Customer(running.url, secret)
