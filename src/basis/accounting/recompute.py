"""Recomputes everything that a data folder says was owed, and names the first difference.

It trusts nothing that can be derived: hash, charge, factors, breakdown, search columns and ledger
entry of each receipt, hash and payouts of each batch, every balance from the entries alone, and
every worker's earnings from the receipts. Receipts are numbered without a gap, so one that was
taken out is noticed, unless it was the newest.

It cannot see what nothing else on record depends on: whether an unpaid job failed or was cancelled,
reasons, attempts and evidence, a measurement moved within its step, a batch's reason and time, a
worker taken off the roster.
Source: invariants I1, I2, I5, I6, I9, I10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection

from basis.accounting.posting import JobFacts, compute_finished_job
from basis.rules.batch import (
    NO_BATCH,
    BatchHash,
    PayableReceipt,
    assemble_batch,
    compute_batch_hash,
)
from basis.rules.catalog import ModelKind
from basis.rules.entries import rewards_moved
from basis.rules.errors import BasisError
from basis.rules.factors import Measurements
from basis.rules.job import BatchStatus, JobStatus, RewardStatus
from basis.rules.ledger import Entry, EntryId, fold_balances
from basis.rules.units import Bps, Micros
from basis.rules.wallet import Wallet
from basis.storage.batch_store import BatchRecord, load_batches
from basis.storage.ledger_store import count_postings, iterate_entries, load_balances
from basis.storage.receipt_store import StoredReceipt, iterate_receipts, load_batched
from basis.storage.worker_store import load_workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the recompute found. `difference` is None when every figure is equal."""

    receipt_count: int
    batch_count: int
    entry_count: int
    difference: str | None

    @property
    def is_equal(self) -> bool:
        """Whether everything agreed."""
        return self.difference is None


class _Difference(Exception):
    """The first figure that differs; carries the sentence that says so."""


def recompute(
    connection: Connection, *, on_progress: Callable[[int], None] | None = None
) -> Verdict:
    """Replays all records in `connection`, which should be one read transaction.

    `on_progress` is called with the number of receipts done.
    """
    replay = _Replay(connection, on_progress)
    difference = None
    try:
        replay.run()
    except _Difference as found:
        difference = str(found)
    except (msgspec.MsgspecError, ValueError) as error:
        difference = (
            f"after {replay.receipt_count} receipts, {replay.batch_count} batches and "
            f"{replay.entry_count} ledger entries stands a record that cannot be read: {error}"
        )
    return Verdict(
        receipt_count=replay.receipt_count,
        batch_count=replay.batch_count,
        entry_count=replay.entry_count,
        difference=difference,
    )


class _Replay:
    def __init__(self, connection: Connection, on_progress: Callable[[int], None] | None) -> None:
        self._connection = connection
        self._on_progress = on_progress
        self._expected: dict[EntryId, Entry] = {}
        self._earned_raw: dict[str, int] = {}
        self.receipt_count = 0
        self.batch_count = 0
        self.entry_count = 0

    def run(self) -> None:
        batched_receipts: dict[str, int] = {}
        for receipt in iterate_receipts(self._connection):
            if receipt.seq != self.receipt_count + 1:
                raise _Difference(
                    f"receipt number {self.receipt_count + 1} is missing: "
                    f"number {receipt.seq} stands in its place"
                )
            self._check_receipt(receipt)
            if receipt.batch_hash is not None:
                batched_receipts[receipt.batch_hash] = (
                    batched_receipts.get(receipt.batch_hash, 0) + 1
                )
            self.receipt_count += 1
            if self._on_progress is not None and self.receipt_count % 500 == 0:
                self._on_progress(self.receipt_count)
        previous_hash = NO_BATCH
        for batch in reversed(load_batches(self._connection, limit=1_000_000)):
            self._check_batch(batch, previous_hash)
            batched_receipts.pop(batch.hash, None)
            previous_hash = batch.hash
            self.batch_count += 1
        for unknown in batched_receipts:
            raise _Difference(f"receipts point to the batch {unknown}, which is not on record")
        self._check_ledger()
        for worker in load_workers(self._connection):
            earned_raw = self._earned_raw.get(worker.id, 0)
            _expect(f"worker {worker.id}", "earned sum", worker.earned_raw, earned_raw)

    def _check_receipt(self, receipt: StoredReceipt) -> None:
        name = f"receipt {receipt.recorded_hash} (job {receipt.core.job_id})"
        try:
            again = compute_finished_job(_facts_of(receipt))
        except BasisError as error:
            raise _Difference(f"{name} cannot be recomputed: {error.message}") from error
        _expect(name, "core", receipt.core, again.core)
        _expect(name, "hash", receipt.recorded_hash, again.receipt_hash)
        _expect(name, "breakdown", receipt.details.breakdown, again.details.breakdown)
        if receipt.misfiled_column:
            raise _Difference(f"{name}: column {receipt.misfiled_column} contradicts the core")
        earns = again.reward_status is not RewardStatus.NONE
        has_fresh_status = receipt.reward_status is again.reward_status
        if earns != (receipt.reward_status is not RewardStatus.NONE) or (
            receipt.batch_hash is None and not has_fresh_status
        ):
            raise _Difference(f"{name}: reward status is {receipt.reward_status.value}")
        worker_id = receipt.core.worker_id
        self._earned_raw[worker_id] = (
            self._earned_raw.get(worker_id, 0) + receipt.core.worker_reward_raw
        )
        if again.entry is not None:
            self._expected[again.entry.id] = again.entry

    def _check_batch(self, batch: BatchRecord, previous_hash: BatchHash) -> None:
        name = f"batch {batch.hash} (number {batch.seq})"
        members = load_batched(self._connection, batch.hash)
        try:
            again = assemble_batch(
                (
                    PayableReceipt(
                        receipt_hash=member.recorded_hash,
                        worker_wallet=Wallet(member.core.worker_wallet),
                        reward_raw=member.core.worker_reward_raw,
                    )
                    for member in members
                ),
                previous_hash=previous_hash,
                chain_id=batch.chain_id,
                token_symbol=batch.token_symbol,
                token_address=batch.token_address,
            )
        except BasisError as error:
            raise _Difference(f"{name} cannot be recomputed: {error.message}") from error
        _expect(name, "previous hash", batch.previous_hash, previous_hash)
        _expect(name, "payouts", batch.payouts, again.payouts)
        _expect(name, "total", batch.total_raw, again.total_raw)
        _expect(name, "receipt count", batch.receipt_count, len(again.receipt_hashes))
        _expect(name, "hash", batch.hash, compute_batch_hash(again))
        if batch.is_dry_run and batch.status in {BatchStatus.SUBMITTED, BatchStatus.CONFIRMED}:
            raise _Difference(f"{name} is a dry run, which cannot be {batch.status.value}")
        self._check_reward_states(name, batch, members)
        for entry in _moves_of(batch):
            self._expected[entry.id] = entry

    def _check_reward_states(
        self, name: str, batch: BatchRecord, members: list[StoredReceipt]
    ) -> None:
        due = {
            BatchStatus.PENDING: RewardStatus.BATCHING,
            BatchStatus.SUBMITTED: RewardStatus.BATCHING,
            BatchStatus.CONFIRMED: RewardStatus.SETTLED,
            BatchStatus.FAILED: RewardStatus.PENDING,
        }[batch.status]
        for member in members:
            if member.reward_status is not due:
                raise _Difference(
                    f"{name} is {batch.status.value}, but receipt {member.recorded_hash} "
                    f"is {member.reward_status.value}"
                )

    def _check_ledger(self) -> None:
        recorded: list[Entry] = []
        for entry in iterate_entries(self._connection):
            expected = self._expected.pop(entry.id, None)
            if expected is None:
                raise _Difference(
                    f"ledger entry {entry.id} ({entry.kind} of {entry.cause}) has no cause on "
                    f"record, or stands twice"
                )
            _expect(f"ledger entry {entry.id}", "content", entry, expected)
            recorded.append(entry)
            self.entry_count += 1
        for missing in self._expected.values():
            raise _Difference(f"the ledger lacks the {missing.kind} entry of {missing.cause}")
        postings = sum(len(entry.postings) for entry in recorded)
        _expect("the ledger", "number of postings", count_postings(self._connection), postings)
        folded = fold_balances(recorded)
        held = load_balances(self._connection)
        for key in sorted(folded.keys() | held.keys()):
            _expect(f"balance of {key[0]} in {key[1]}", "sum", held.get(key), folded.get(key))
        totals: dict[str, int] = {}
        for (_account, asset), amount_raw in folded.items():
            totals[asset] = totals.get(asset, 0) + amount_raw
        for asset, total_raw in totals.items():
            _expect(f"all balances in {asset}", "sum", total_raw, 0)


def _facts_of(receipt: StoredReceipt) -> JobFacts:
    core, details = receipt.core, receipt.details
    return JobFacts(
        job_id=core.job_id,
        user_id=core.user_id,
        user_wallet=core.user_wallet,
        model_id=core.model_id,
        kind=ModelKind(details.kind) if details.kind else None,
        multiplier_bps=core.model_multiplier_bps,
        versions=details.versions,
        created_at=core.created_at,
        status=JobStatus(receipt.status),
        prompt_tokens=core.prompt_tokens,
        output_tokens=core.output_tokens,
        latency_ms=core.latency_ms,
        worker_id=core.worker_id,
        worker_wallet=core.worker_wallet,
        measured=Measurements(
            online_minutes=details.measured.online_minutes,
            first_token_us=Micros(details.measured.first_token_us),
            inter_token_us=Micros(details.measured.inter_token_us),
            prompt_tokens=core.prompt_tokens,
            quality_bps=Bps(details.measured.quality_bps),
        ),
        finish_reason=details.finish_reason,
        failure_reason=details.failure_reason,
        attempts=details.attempts,
        evidence=details.evidence,
    )


def _moves_of(batch: BatchRecord) -> Iterator[Entry]:
    """The ledger entries that the attempts of a batch must have left."""
    pending, batching = RewardStatus.PENDING, RewardStatus.BATCHING
    for attempt in range(1, batch.attempt + 1):
        cause = f"{batch.hash}/{attempt}"
        yield rewards_moved(
            cause=cause,
            asset=batch.token_symbol,
            payouts=batch.payouts,
            old=pending,
            new=batching,
        )
        if attempt < batch.attempt or batch.status is BatchStatus.FAILED:
            yield rewards_moved(
                cause=cause,
                asset=batch.token_symbol,
                payouts=batch.payouts,
                old=batching,
                new=pending,
            )


def _expect(name: str, what: str, recorded: object, recomputed: object) -> None:
    if recorded != recomputed:
        raise _Difference(f"{name}: {what} is recorded as {recorded}, recomputed as {recomputed}")
