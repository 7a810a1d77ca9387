"""Explains one receipt line by line: from tokens to base units, and where these were booked.

It says what the record says and how that follows; whether it does follow for the whole of the books
is what `accounting/recompute.py` checks. Every formula is arithmetic that anyone can do again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from sqlalchemy import Connection

from basis.accounting.explain_line import ExplainLine
from basis.accounting.explain_price import explain_charge, explain_price, explain_tokens
from basis.accounting.explain_reward import explain_points, explain_reward
from basis.rules.epochs import EpochBook
from basis.rules.errors import DamagedRecord, InvalidInput
from basis.rules.job import RewardStatus
from basis.rules.ledger import Entry, entry_id
from basis.storage.batch_store import BatchRecord, load_batch
from basis.storage.epoch_store import load_epoch_book
from basis.storage.ledger_store import load_entries
from basis.storage.receipt_store import StoredReceipt, load_receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A receipt and the lines that explain it, in the order of the computation."""

    receipt: StoredReceipt
    lines: tuple[ExplainLine, ...]


def load_explanation(connection: Connection, name: str) -> Explanation:
    """The explanation of the receipt of this hash or job id.

    Raises:
        NotFound: there is none.
        DamagedRecord: a record cannot be read, or names a table that is not known.
    """
    receipt = load_receipt(connection, name)
    booked = entry_id(kind="job_completed", cause=receipt.core.job_id)
    return explain(
        receipt,
        epochs=load_epoch_book(connection),
        entry=load_entries(connection, [booked]).get(booked),
        batch=load_batch(connection, receipt.batch_hash) if receipt.batch_hash else None,
    )


def explain(
    receipt: StoredReceipt,
    *,
    epochs: EpochBook,
    entry: Entry | None,
    batch: BatchRecord | None,
) -> Explanation:
    """Every line; `entry` is what the job booked and `batch` the one that has its reward.

    Raises:
        DamagedRecord: the receipt names a table that is not known.
    """
    try:
        lines = (
            *explain_tokens(receipt),
            *explain_price(receipt, epochs),
            *explain_charge(receipt),
            *explain_reward(receipt),
            *explain_points(receipt),
            *_explain_ledger(entry),
            *_explain_batch(receipt, batch),
        )
    except (InvalidInput, KeyError) as error:
        raise DamagedRecord(
            f"receipt {receipt.recorded_hash} cannot be explained: {error}"
        ) from error
    return Explanation(receipt=receipt, lines=lines)


def explanation_json(explanation: Explanation) -> dict[str, object]:
    """The explanation as published."""
    receipt = explanation.receipt
    return {
        "hash": receipt.recorded_hash,
        "jobId": receipt.core.job_id,
        "status": receipt.status.value,
        "createdAt": receipt.core.created_at,
        "modelId": receipt.core.model_id,
        "workerId": receipt.core.worker_id,
        "lines": [asdict(line) for line in explanation.lines],
    }


def _explain_ledger(entry: Entry | None) -> Iterator[ExplainLine]:
    if entry is None:
        yield ExplainLine(
            step="ledger", label="entry", result="none", note="nothing moved, so nothing was booked"
        )
        return
    yield ExplainLine(
        step="ledger",
        label="entry",
        result=entry.id,
        note=f"{entry.kind} of {entry.cause}; its postings sum to zero for each asset",
    )
    for posting in entry.postings:
        yield ExplainLine(
            step="ledger",
            label=posting.account,
            result=str(posting.amount_raw),
            unit=f"base units of {posting.asset}",
        )


def _explain_batch(receipt: StoredReceipt, batch: BatchRecord | None) -> Iterator[ExplainLine]:
    status = receipt.reward_status
    words = {
        RewardStatus.NONE: "it earned nothing, so there is nothing to settle",
        RewardStatus.PENDING: "it waits for the next batch",
        RewardStatus.BATCHING: "it is in a batch that is not confirmed yet",
        RewardStatus.SETTLED: "its batch is confirmed",
    }
    yield ExplainLine(step="batch", label="reward status", result=status.value, note=words[status])
    if batch is not None:
        kind = "dry-run: hashed, nothing is signed or sent" if batch.is_dry_run else "on chain"
        yield ExplainLine(
            step="batch",
            label="batch",
            result=batch.hash,
            note=f"number {batch.seq} of {batch.created_at}, {batch.status.value}, attempt "
            f"{batch.attempt}; {kind}",
        )
