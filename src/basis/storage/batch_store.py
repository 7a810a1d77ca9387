"""Settlement batches and the receipts that point to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, insert, select, update

from basis.rules.batch import Batch, BatchHash, Payout
from basis.rules.errors import NotFound
from basis.rules.job import BatchStatus, RewardStatus
from basis.rules.wallet import Wallet
from basis.storage.amounts import read_amount
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.receipt_store import IS_PAYABLE
from basis.storage.schema import batches, receipts


class PayoutRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A payout as published."""

    wallet: str
    amount_raw: str
    receipt_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord:
    """A batch as recorded. `attempt` counts its retries from 1."""

    seq: int
    hash: BatchHash
    previous_hash: BatchHash
    status: BatchStatus
    attempt: int
    is_dry_run: bool
    total_raw: int
    receipt_count: int
    payouts: tuple[Payout, ...]
    chain_id: int
    token_symbol: str
    token_address: str
    reason: str
    created_at: str


def store_batch(
    connection: Connection,
    batch: Batch,
    *,
    batch_hash: BatchHash,
    last_seq: int,
    is_dry_run: bool,
    now: str,
) -> int:
    """Records a new batch and points every payable receipt up to `last_seq` to it; how many.

    One statement over a range, not one per receipt: the write lock is held meanwhile.
    """
    payouts = [
        PayoutRecord(
            wallet=payout.wallet,
            amount_raw=str(payout.amount_raw),
            receipt_count=payout.receipt_count,
        )
        for payout in batch.payouts
    ]
    connection.execute(
        insert(batches).values(
            hash=batch_hash,
            previous_hash=batch.previous_hash,
            status=BatchStatus.PENDING.value,
            attempt=1,
            is_dry_run=is_dry_run,
            total_raw=str(batch.total_raw),
            receipt_count=len(batch.receipt_hashes),
            payouts=msgspec.json.encode(payouts).decode(),
            chain_id=batch.chain_id,
            token_symbol=batch.token_symbol,
            token_address=batch.token_address,
            reason="",
            created_at=now,
        )
    )
    taken = connection.execute(
        update(receipts)
        .where(IS_PAYABLE)
        .where(receipts.c.seq <= last_seq)
        .values(reward_status=RewardStatus.BATCHING.value, batch_hash=batch_hash)
    )
    return taken.rowcount


def store_batch_status(
    connection: Connection,
    *,
    batch_hash: BatchHash,
    status: BatchStatus,
    attempt: int,
    reason: str,
    reward_status: RewardStatus,
) -> None:
    """Moves a batch, and with it the rewards of its receipts."""
    connection.execute(
        update(batches)
        .where(batches.c.hash == batch_hash)
        .values(status=status.value, attempt=attempt, reason=reason)
    )
    connection.execute(
        update(receipts)
        .where(receipts.c.batch_hash == batch_hash)
        .values(reward_status=reward_status.value)
    )


def load_batch(connection: Connection, name: str) -> BatchRecord:
    """The batch of this hash, beginning of a hash (8 digits or more) or number.

    Raises:
        NotFound: there is none, or the beginning is ambiguous.
        DamagedRecord: it cannot be read.
    """
    query = select(batches)
    if name.isascii() and name.isdigit() and len(name) < 8:
        query = query.where(batches.c.seq == int(name))
    elif len(name) >= 8:
        query = query.where(batches.c.hash.startswith(name, autoescape=True))
    else:
        raise NotFound(f"{name!r} names no batch: give its number or 8 digits of its hash")
    rows = connection.execute(query.limit(2)).all()
    if len(rows) != 1:
        raise NotFound(f"{'no' if not rows else 'more than one'} batch is named {name[:80]!r}")
    return _as_batch(rows[0])


def load_batches(
    connection: Connection, *, limit: int, before_seq: int | None = None
) -> list[BatchRecord]:
    """At most `limit` batches, newest first."""
    query = select(batches).order_by(batches.c.seq.desc()).limit(limit)
    if before_seq is not None:
        query = query.where(batches.c.seq < before_seq)
    return [_as_batch(row) for row in connection.execute(query)]


def iterate_batches(connection: Connection, *, after: int = 0) -> Iterator[BatchRecord]:
    """Every batch numbered above `after`, in the order in which they were closed."""
    last_seq = after
    while True:
        query = select(batches).where(batches.c.seq > last_seq).order_by(batches.c.seq).limit(1)
        row = connection.execute(query).first()
        if row is None:
            return
        yield _as_batch(row)
        last_seq = row.seq


def load_newest_batch(connection: Connection) -> BatchRecord | None:
    """The batch that was closed last, whatever became of it."""
    newest: Sequence[BatchRecord] = load_batches(connection, limit=1)
    return newest[0] if newest else None


@reads_rows_of(batches)
def _as_batch(row: AnyRow) -> BatchRecord:
    payouts = msgspec.json.decode(row.payouts, type=list[PayoutRecord])
    return BatchRecord(
        seq=int(row.seq),
        hash=BatchHash(row.hash),
        previous_hash=BatchHash(row.previous_hash),
        status=BatchStatus(row.status),
        attempt=int(row.attempt),
        is_dry_run=row.is_dry_run,
        total_raw=read_amount(row.total_raw, field="total_raw"),
        receipt_count=int(row.receipt_count),
        payouts=tuple(
            Payout(
                wallet=Wallet(payout.wallet),
                amount_raw=read_amount(payout.amount_raw, field="amountRaw"),
                receipt_count=payout.receipt_count,
            )
            for payout in payouts
        ),
        chain_id=int(row.chain_id),
        token_symbol=row.token_symbol,
        token_address=row.token_address,
        reason=row.reason,
        created_at=row.created_at,
    )
