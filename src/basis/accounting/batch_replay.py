"""Holds one recorded batch to the receipts that point to it and to the batch before.

Nothing in this version submits or confirms a batch, and there is no token to send: so each batch is
a dry run that is pending or has failed, and any other state is a difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from basis.accounting.difference import Difference, expect_equal
from basis.accounting.posting import TOKEN_ADDRESS_PENDING
from basis.rules.batch import BatchHash, assemble_batch, compute_batch_hash
from basis.rules.entries import rewards_moved
from basis.rules.errors import BasisError
from basis.rules.job import BatchStatus, RewardStatus
from basis.rules.ledger import Entry
from basis.rules.receipt import CHAIN_ID
from basis.rules.units import BASIS
from basis.storage.batch_store import BatchRecord
from basis.storage.receipt_store import BatchMember, load_members

_REWARDS_BY_STATUS = {
    BatchStatus.PENDING: RewardStatus.BATCHING,
    BatchStatus.FAILED: RewardStatus.PENDING,
}


def replay_batch(
    connection: Connection, batch: BatchRecord, *, previous_hash: BatchHash
) -> Iterator[Entry]:
    """The ledger entries that the batch must have left, once it is found to be as its receipts are.

    The receipts must have been replayed before: only their columns for searching are read.

    Raises:
        Difference: it is not.
    """
    name = f"batch {batch.hash} (number {batch.seq})"
    members = load_members(connection, batch.hash)
    _check_figures(name, batch, members, previous_hash=previous_hash)
    due = _REWARDS_BY_STATUS.get(batch.status)
    if due is None or not batch.is_dry_run:
        kind = "a dry run" if batch.is_dry_run else "no dry run"
        raise Difference(
            f"{name} is {batch.status.value} and {kind}, but no batch can have been sent yet"
        )
    for member in members:
        if member.reward_status is not due:
            raise Difference(
                f"{name} is {batch.status.value}, but receipt {member.payable.receipt_hash} "
                f"is {member.reward_status.value}"
            )
    if batch.reason and batch.status is not BatchStatus.FAILED:
        raise Difference(f"{name} is {batch.status.value}, but has failed for {batch.reason!r}")
    newest_at = max(member.created_at for member in members)
    if batch.created_at < newest_at:
        raise Difference(
            f"{name} was closed at {batch.created_at}, before its receipt of {newest_at}"
        )
    return _moves_of(batch)


def _check_figures(
    name: str, batch: BatchRecord, members: Sequence[BatchMember], *, previous_hash: BatchHash
) -> None:
    try:
        again = assemble_batch(
            (member.payable for member in members),
            previous_hash=previous_hash,
            chain_id=CHAIN_ID,
            token_symbol=BASIS.symbol,
            token_address=TOKEN_ADDRESS_PENDING,
        )
    except BasisError as error:
        raise Difference(f"{name} cannot be recomputed: {error.message}") from error
    figures = {
        "previous hash": (batch.previous_hash, previous_hash),
        "chain": (batch.chain_id, again.chain_id),
        "token": (batch.token_symbol, again.token_symbol),
        "token address": (batch.token_address, again.token_address),
        "payouts": (batch.payouts, again.payouts),
        "total": (batch.total_raw, again.total_raw),
        "receipt count": (batch.receipt_count, len(again.receipt_hashes)),
        "hash": (batch.hash, compute_batch_hash(again)),
    }
    for what, (recorded, recomputed) in figures.items():
        expect_equal(name, what, recorded=recorded, recomputed=recomputed)


def _moves_of(batch: BatchRecord) -> Iterator[Entry]:
    """One entry for each attempt that began, one for each that failed."""
    for attempt in range(1, batch.attempt + 1):
        yield _move(batch, attempt, old=RewardStatus.PENDING, new=RewardStatus.BATCHING)
        if attempt < batch.attempt or batch.status is BatchStatus.FAILED:
            yield _move(batch, attempt, old=RewardStatus.BATCHING, new=RewardStatus.PENDING)


def _move(batch: BatchRecord, attempt: int, *, old: RewardStatus, new: RewardStatus) -> Entry:
    return rewards_moved(
        cause=f"{batch.hash}/{attempt}",
        asset=batch.token_symbol,
        payouts=batch.payouts,
        old=old,
        new=new,
    )
