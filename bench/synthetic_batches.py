"""Batches, entries and balances of a synthetic export."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import duckdb
from tests.support.books import NOW

from basis.accounting.export_ledger_rows import batch_row, payout_rows, posting_rows
from basis.accounting.parquet_file import ExportFile
from basis.audit.sql_ledger import moved_by_jobs, sum_jobs
from basis.rules.batch import NO_BATCH, Batch, BatchHash, Payout, compute_batch_hash
from basis.rules.entries import rewards_moved
from basis.rules.export_format import (
    BATCHES,
    ENTRIES,
    LATE_MEMBERS,
    OPENING,
    PAYOUTS,
    PENALTIES,
    POSTINGS,
)
from basis.rules.export_market import MARKET_FILES
from basis.rules.job import BatchStatus, RewardStatus
from basis.rules.ledger import Entry
from basis.rules.receipt import CHAIN_ID, ReceiptHash
from basis.rules.units import BASIS, AmountRaw
from basis.rules.wallet import Wallet
from basis.storage.batch_store import BatchRecord
from bench.synthetic_receipts import BATCH


def write_batches(connection: duckdb.DuckDBPyConnection, folder: Path) -> tuple[list[Entry], int]:
    """The entries that close the batches of the receipts, and the number of the last entry.

    A full batch is closed right after its last job, and one that is not full after all jobs.
    """
    files = {file: ExportFile(folder, file) for file in (BATCHES, PAYOUTS, ENTRIES, POSTINGS)}
    for empty in (LATE_MEMBERS, OPENING, PENALTIES, *MARKET_FILES):
        ExportFile(folder, empty).close()
    moves: list[Entry] = []
    previous = NO_BATCH
    last, last_entry = connection.execute(
        "SELECT coalesce(max(batch_number), 0), max(entry_seq) FROM receipts"
    ).fetchall()[0]
    for number in range(1, last + 1):
        batch = _batch(connection, number, previous)
        previous = batch.hash
        moves.append(
            rewards_moved(
                cause=f"{batch.hash}/1",
                asset=BASIS.symbol,
                payouts=batch.payouts,
                old=RewardStatus.PENDING,
                new=RewardStatus.BATCHING,
            )
        )
        files[BATCHES].add(batch_row(batch, moves_before=0))
        for row in payout_rows(batch):
            files[PAYOUTS].add(row)
        entry = moves[-1]
        newest = connection.execute(
            f"SELECT max(entry_seq) FROM receipts WHERE batch_number = {number}"
        ).fetchall()[0][0]
        seq = (newest if batch.receipt_count == BATCH else last_entry) + 1
        last_entry = max(last_entry, seq)
        files[ENTRIES].add(
            {
                "seq": seq,
                "id": entry.id,
                "kind": entry.kind,
                "cause": entry.cause,
                "reason": "",
                "created_at": NOW,
            }
        )
        for row in posting_rows(entry, seq=seq):
            files[POSTINGS].add(row)
    for file in files.values():
        file.close()
    return moves, last_entry


def _batch(connection: duckdb.DuckDBPyConnection, number: int, previous: BatchHash) -> BatchRecord:
    chosen = f"FROM receipts WHERE batch_number = {number}"
    hashes = connection.execute(f"SELECT lower(hex(hash)) AS h {chosen} ORDER BY h").fetchall()
    sums = connection.execute(
        "SELECT worker_wallet, sum(worker_reward_raw), count(*) FROM receipts "
        "JOIN standings ON standings.number = standing_number "
        f"WHERE batch_number = {number} GROUP BY 1 ORDER BY 1"
    ).fetchall()
    batch = Batch(
        previous_hash=previous,
        chain_id=CHAIN_ID,
        token_symbol=BASIS.symbol,
        token_address="",
        receipt_hashes=tuple(ReceiptHash(one) for (one,) in hashes),
        payouts=tuple(
            Payout(
                wallet=Wallet(wallet), amount_raw=AmountRaw(int(amount_raw)), receipt_count=count
            )
            for wallet, amount_raw, count in sums
        ),
    )
    return BatchRecord(
        seq=number,
        hash=compute_batch_hash(batch),
        previous_hash=previous,
        status=BatchStatus.PENDING,
        attempt=1,
        is_dry_run=True,
        total_raw=batch.total_raw,
        receipt_count=len(hashes),
        payouts=batch.payouts,
        chain_id=CHAIN_ID,
        token_symbol=BASIS.symbol,
        token_address="",
        reason="",
        created_at=NOW,
    )


def close_balances(
    connection: duckdb.DuckDBPyConnection, moves: list[Entry]
) -> tuple[list[tuple[str, str, int]], dict[str, int]]:
    """The closing balances, sorted, and all that was added to some account, by asset."""
    balances: defaultdict[tuple[str, str], int] = defaultdict(int)
    added: defaultdict[str, int] = defaultdict(int)
    sum_jobs(connection)
    for account, asset, amount_raw in connection.execute(moved_by_jobs(connection)).fetchall():
        balances[(account, asset)] += int(amount_raw)
        added[asset] += max(int(amount_raw), 0)
    for entry in moves:
        for posting in entry.postings:
            balances[(posting.account, posting.asset)] += posting.amount_raw
            added[posting.asset] += max(posting.amount_raw, 0)
    held = [(*key, amount_raw) for key, amount_raw in sorted(balances.items()) if amount_raw]
    return held, {asset: added[asset] for asset in sorted(added)}
