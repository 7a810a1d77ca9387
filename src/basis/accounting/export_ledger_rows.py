"""Turns ledger entries, batches and balances into the rows of an export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from basis.accounting.export_rows import Row
from basis.rules.entries import CREDITS_FUNDED
from basis.rules.ledger import Entry
from basis.storage.amounts import read_amount
from basis.storage.batch_store import BatchRecord
from basis.storage.export_store import EntryHead


def entry_row(head: EntryHead, *, reason: str) -> Row:
    """The row of an entry that is no job's; the name of a payment is nobody's business."""
    return {
        "seq": head.seq,
        "id": head.id,
        "kind": head.kind,
        "cause": "" if head.kind == CREDITS_FUNDED else head.cause,
        "reason": reason,
        "created_at": head.created_at,
    }


def posting_rows(entry: Entry, *, seq: int) -> Iterator[Row]:
    """Its postings, sorted."""
    for posting in sorted(entry.postings, key=lambda one: (one.account, one.asset)):
        yield {
            "entry_seq": seq,
            "account": posting.account,
            "asset": posting.asset,
            "amount_raw": posting.amount_raw,
        }


def batch_row(batch: BatchRecord, *, moves_before: int) -> Row:
    """What never changes of a batch; what became of it is in its ledger entries."""
    return {
        "number": batch.seq,
        "hash": batch.hash,
        "previous_hash": batch.previous_hash,
        "total_raw": batch.total_raw,
        "receipt_count": batch.receipt_count,
        "chain_id": batch.chain_id,
        "token_symbol": batch.token_symbol,
        "token_address": batch.token_address,
        "is_dry_run": batch.is_dry_run,
        "created_at": batch.created_at,
        "moves_before": moves_before,
    }


def payout_rows(batch: BatchRecord) -> Iterator[Row]:
    """What a batch pays, as it is recorded, sorted."""
    for payout in batch.payouts:
        yield {
            "batch_number": batch.seq,
            "wallet": payout.wallet,
            "amount_raw": payout.amount_raw,
            "receipts": payout.receipt_count,
        }


def late_member_rows(
    batch: BatchRecord, members: Sequence[tuple[int, str, str, str]]
) -> Iterator[Row]:
    """Receipts of earlier periods that a batch holds."""
    for seq, receipt_hash, wallet, reward_raw in members:
        yield {
            "batch_number": batch.seq,
            "receipt_seq": seq,
            "receipt_hash": receipt_hash,
            "worker_wallet": wallet,
            "reward_raw": read_amount(reward_raw, field="reward_raw"),
        }


def opening_rows(balances: Mapping[tuple[str, str], int]) -> Iterator[Row]:
    """Every balance, sorted."""
    for (account, asset), amount_raw in sorted(balances.items()):
        yield {"account": account, "asset": asset, "amount_raw": amount_raw}
