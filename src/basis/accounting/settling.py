"""Closes batches over what is payable, and moves them on. Dry-run: nothing is signed or sent.

Each function runs inside one write transaction, so that a batch, its receipts and its ledger entry
change together. Source: mission N8, N9.
"""

from __future__ import annotations

from sqlalchemy import Connection

from basis.accounting.posting import TOKEN_ADDRESS_PENDING
from basis.rules.batch import (
    NO_BATCH,
    assemble_batch,
    compute_batch_hash,
)
from basis.rules.entries import rewards_moved
from basis.rules.job import BATCH_STEPS, REWARD_STEPS, BatchStatus, RewardStatus, advance
from basis.rules.receipt import CHAIN_ID
from basis.rules.units import BASIS
from basis.storage.batch_store import (
    BatchRecord,
    load_batch,
    load_newest_batch,
    store_batch,
    store_batch_status,
)
from basis.storage.ledger_store import store_entries
from basis.storage.receipt_store import load_payable

MAX_BATCH_RECEIPTS = 100_000
"""Receipts of one batch; what is left over goes into the next one."""


def close_batch(connection: Connection, *, now: str) -> BatchRecord | None:
    """The batch of everything payable; the newest one again if nothing new is; None if none ever.

    Closing twice is a no-op the second time, because the first one took every pending reward.
    """
    newest = load_newest_batch(connection)
    payable = load_payable(connection, limit=MAX_BATCH_RECEIPTS)
    if not payable:
        return newest
    batch = assemble_batch(
        payable,
        previous_hash=newest.hash if newest is not None else NO_BATCH,
        chain_id=CHAIN_ID,
        token_symbol=BASIS.symbol,
        token_address=TOKEN_ADDRESS_PENDING,
    )
    batch_hash = compute_batch_hash(batch)
    store_batch(connection, batch, batch_hash=batch_hash, is_dry_run=True, now=now)
    record = load_batch(connection, batch_hash)
    _move_rewards(
        connection, record, old=RewardStatus.PENDING, new=RewardStatus.BATCHING, attempt=1, now=now
    )
    return record


def fail_batch(connection: Connection, name: str, *, reason: str, now: str) -> BatchRecord:
    """Marks a batch as failed: its rewards are pending again, the batch stays on record.

    The receipts still point to it: only `retry_batch` takes them up, never another batch.

    Raises:
        NotFound: no such batch.
        IllegalTransition: it is confirmed, or has failed already.
    """
    batch = load_batch(connection, name)
    status = advance(BATCH_STEPS, old=batch.status, new=BatchStatus.FAILED)
    rewards = advance(REWARD_STEPS, old=RewardStatus.BATCHING, new=RewardStatus.PENDING)
    store_batch_status(
        connection,
        batch_hash=batch.hash,
        status=status,
        attempt=batch.attempt,
        reason=reason,
        reward_status=rewards,
    )
    _move_rewards(
        connection,
        batch,
        old=RewardStatus.BATCHING,
        new=RewardStatus.PENDING,
        attempt=batch.attempt,
        now=now,
    )
    return load_batch(connection, batch.hash)


def retry_batch(connection: Connection, name: str, *, now: str) -> BatchRecord:
    """Takes up a failed batch again, with the same receipts and so the same hash.

    Its receipts kept pointing to it meanwhile, so no other batch can have paid them (I5).

    Raises:
        NotFound: no such batch.
        IllegalTransition: it has not failed.
    """
    batch = load_batch(connection, name)
    status = advance(BATCH_STEPS, old=batch.status, new=BatchStatus.PENDING)
    rewards = advance(REWARD_STEPS, old=RewardStatus.PENDING, new=RewardStatus.BATCHING)
    attempt = batch.attempt + 1
    store_batch_status(
        connection,
        batch_hash=batch.hash,
        status=status,
        attempt=attempt,
        reason="",
        reward_status=rewards,
    )
    _move_rewards(
        connection,
        batch,
        old=RewardStatus.PENDING,
        new=RewardStatus.BATCHING,
        attempt=attempt,
        now=now,
    )
    return load_batch(connection, batch.hash)


def _move_rewards(
    connection: Connection,
    batch: BatchRecord,
    *,
    old: RewardStatus,
    new: RewardStatus,
    attempt: int,
    now: str,
) -> None:
    entry = rewards_moved(
        cause=f"{batch.hash}/{attempt}",
        asset=batch.token_symbol,
        payouts=batch.payouts,
        old=old,
        new=new,
    )
    store_entries(connection, [entry], now=now)
