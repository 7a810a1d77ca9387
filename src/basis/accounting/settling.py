"""Closes batches over what is payable, and moves them on. Dry-run: nothing is signed or sent.

A batch, its receipts and its ledger entry change together, in one write transaction. No receipt can
be written meanwhile, so what can be done before it is: a batch is drafted from a read transaction,
and recorded in the write transaction if it still is the next one. Source: mission N8, N9.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from basis.accounting.posting import TOKEN_ADDRESS_PENDING
from basis.rules.batch import (
    NO_BATCH,
    Batch,
    BatchHash,
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
from basis.storage.database import begin_write
from basis.storage.ledger_store import store_entries
from basis.storage.receipt_store import load_payable

MAX_BATCH_RECEIPTS = 50_000
"""Receipts of one batch; what is left over goes into another one.

A job's receipt cannot be written while a batch is. While one of this size was closed, the slowest
receipt took 0.44, 0.35 and 0.44 s on two busy cores (`python -m bench.books --receipts 50000`,
three runs); while one of 100,000 was, 1.17 s.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDraft:
    """The next batch as it follows from what was on record when it was drafted."""

    batch: Batch
    batch_hash: BatchHash
    last_seq: int
    """It pays every receipt up to this one that was payable."""
    newest_receipt_at: str


class Overtaken(Exception):
    """What the draft was made from has changed since: draft again."""


def close_batch(engine: Engine, *, now: str, limit: int = MAX_BATCH_RECEIPTS) -> BatchRecord | None:
    """The batch of everything payable; the newest one again if nothing new is; None if none ever.

    More receipts than `limit` are closed in several batches, of which the newest is given. Closing
    twice is a no-op the second time, because the first one took every pending reward.

    Raises:
        StorageUnavailable: another process kept the write lock; this batch was not recorded.
    """
    while True:
        with engine.connect() as connection:
            draft = draft_batch(connection, limit=limit)
            if draft is None:
                return load_newest_batch(connection)
        try:
            with begin_write(engine) as connection:
                record = record_batch(connection, draft, now=now)
        except Overtaken:
            continue
        if record.receipt_count < limit:
            return record


def draft_batch(connection: Connection, *, limit: int = MAX_BATCH_RECEIPTS) -> BatchDraft | None:
    """The batch of the oldest `limit` payable receipts; None if nothing is payable."""
    payable = load_payable(connection, limit=limit)
    if not payable.receipts:
        return None
    batch = assemble_batch(
        payable.receipts,
        previous_hash=_newest_hash(connection),
        chain_id=CHAIN_ID,
        token_symbol=BASIS.symbol,
        token_address=TOKEN_ADDRESS_PENDING,
    )
    return BatchDraft(
        batch=batch,
        batch_hash=compute_batch_hash(batch),
        last_seq=payable.last_seq,
        newest_receipt_at=payable.newest_at,
    )


def record_batch(connection: Connection, draft: BatchDraft, *, now: str) -> BatchRecord:
    """The drafted batch, now on record with its receipts and its ledger entry.

    Its time is `now`, or that of its newest receipt if the clock was set back since.

    Raises:
        Overtaken: what it was drafted from has changed; the transaction must be rolled back.
    """
    if draft.batch.previous_hash != _newest_hash(connection):
        raise Overtaken(f"a batch was closed before {draft.batch_hash} was: close again")
    members = store_batch(
        connection,
        draft.batch,
        batch_hash=draft.batch_hash,
        last_seq=draft.last_seq,
        is_dry_run=True,
        now=max(now, draft.newest_receipt_at),
    )
    if members != len(draft.batch.receipt_hashes):
        raise Overtaken(f"receipts of {draft.batch_hash} are not payable any more: close again")
    record = load_batch(connection, draft.batch_hash)
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


def _newest_hash(connection: Connection) -> BatchHash:
    newest = load_newest_batch(connection)
    return newest.hash if newest is not None else NO_BATCH


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
