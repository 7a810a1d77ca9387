"""Recomputes everything that a data folder says was owed, and names the first difference.

It trusts nothing that can be derived: hash, charge, factors, breakdown, search columns and ledger
entry of each receipt, hash, payouts and state of each batch, every balance from the entries alone,
and every worker's earnings from the receipts. What a figure does not follow from is held to what
can be: a status to its reasons, a catalog to those that were published, a kind to the model,
attempts and evidence to the worker, measured times to the latency, a batch's time to its receipts,
a receipt to a worker that is on record, credits that came in to their payments, and prices that a
worker asked to the offer that its owner signed. Receipts are numbered without a gap, so one that
was taken out is noticed.

It cannot see what nothing else on record depends on:
- the newest receipts, if they were taken out together with their entries and sums: their numbers
  are missed by nothing yet. A batch that holds them fixes them.
- a measurement moved within the step of its factor, a reason changed into another that the same
  status allows, attempts into another number, a chat into a completion, the counts that a worker
  claimed and the name of its runtime, a field of the details that this version does not know: the
  hash covers none of them, and no figure changes.
- the terms and kinds of an operator's own model: its table is not published, only the table's
  digest is. So an empty answer to a text can be called an embedding there, and charged as one.
- when entries were booked, a batch dated later than it was closed, a worker that earned nothing.
And whoever rewrites every record consistently has other books, not wrong ones: only a hash that
somebody else has kept tells them apart.
Memory stays flat: receipts and entries are read by the page, and only sums are kept, one per
account and worker, beside the members of one batch.
Source: invariants I1, I2, I5, I6, I9, I10, I12.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from basis.accounting.batch_replay import replay_batch
from basis.accounting.boost_replay import BoostReplay
from basis.accounting.difference import Difference, expect_equal
from basis.accounting.funding_replay import replay_funding
from basis.accounting.ledger_replay import LedgerReplay
from basis.accounting.offer_replay import OfferReplay
from basis.accounting.phase_replay import replay_phases
from basis.accounting.receipt_replay import replay_receipt
from basis.rules.batch import NO_BATCH
from basis.rules.errors import DamagedRecord
from basis.rules.job import JobStatus
from basis.rules.ledger import Entry
from basis.rules.units import WHOLE_BPS
from basis.storage.batch_store import iterate_batches
from basis.storage.epoch_store import load_epoch_book
from basis.storage.job_store import find_ended_open_job, load_open_jobs
from basis.storage.receipt_store import StoredReceipt, iterate_receipt_pages
from basis.storage.usage_store import load_usage, sum_usage
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
    except Difference as found:
        difference = str(found)
    except DamagedRecord as damaged:
        difference = damaged.message
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
        self._ledger = LedgerReplay(connection)
        self._batch_hashes: set[str] = set()
        self._earned_raw: defaultdict[str, int] = defaultdict(int)
        self._usage: dict[tuple[str, str, str, str], list[int]] = {}
        self._epochs = load_epoch_book(connection)
        self._boosts = BoostReplay(connection)
        self._offers = OfferReplay(connection, epochs=self._epochs)
        self.receipt_count = 0
        self.batch_count = 0

    @property
    def entry_count(self) -> int:
        return self._ledger.entry_count

    def run(self) -> None:
        self._replay_receipts()
        self._replay_batches()
        self._replay_funding()
        for entry in replay_phases(self._connection):
            self._ledger.expect([entry])
        self._ledger.finish()
        self._compare_usage()
        load_open_jobs(self._connection)  # each must be readable
        job_id = find_ended_open_job(self._connection)
        if job_id:
            raise Difference(f"job {job_id} is open, although it has its receipt")

    def _replay_receipts(self) -> None:
        recorded_raw = {worker.id: worker.earned_raw for worker in load_workers(self._connection)}
        for page in iterate_receipt_pages(self._connection):
            entries: list[Entry] = []
            for receipt in page:
                self._expect_next(receipt)
                again = replay_receipt(receipt, epochs=self._epochs)
                self._expect_boost(receipt)
                self._offers.expect(receipt)
                if again.entry is not None:
                    entries.append(again.entry)
                worker_id = receipt.core.worker_id
                if worker_id and worker_id not in recorded_raw:
                    raise Difference(
                        f"receipt {receipt.recorded_hash} names the worker {worker_id}, "
                        f"which is not on record"
                    )
                self._earned_raw[worker_id] += receipt.core.worker_reward_raw
                if receipt.batch_hash is not None:
                    self._batch_hashes.add(receipt.batch_hash)
                self.receipt_count += 1
            self._add_usage(page)
            self._ledger.expect(entries)
            if self._on_progress is not None:
                self._on_progress(self.receipt_count)
        for worker_id, earned_raw in recorded_raw.items():
            expect_equal(
                f"worker {worker_id}",
                "earned sum",
                recorded=earned_raw,
                recomputed=self._earned_raw[worker_id],
            )

    def _expect_boost(self, receipt: StoredReceipt) -> None:
        points, core = receipt.details.points, receipt.core
        if points is None:
            return
        name = f"receipt {receipt.recorded_hash}"
        if receipt.status is not JobStatus.COMPLETED:
            expect_equal(name, "boost", recorded=points.boost_bps, recomputed=WHOLE_BPS)
            return
        self._boosts.expect(
            name,
            worker_id=core.worker_id,
            wallet=core.worker_wallet,
            accepted_at=core.created_at,
            boost_bps=points.boost_bps,
            assignment=points.assignment,
        )

    def _add_usage(self, page: Sequence[StoredReceipt]) -> None:
        for key, row in sum_usage(page).items():
            before = self._usage.get(key, [0] * len(row))
            self._usage[key] = [one + other for one, other in zip(before, row, strict=True)]

    def _compare_usage(self) -> None:
        recorded = {
            (day.day, day.user_id, day.key_id, day.model_id): [
                day.requests,
                day.completed,
                day.prompt_tokens,
                day.output_tokens,
                day.microcredits,
            ]
            for day in load_usage(self._connection)
        }
        for key in sorted(recorded.keys() | self._usage.keys()):
            expect_equal(
                f"usage of {' / '.join(key)}",
                "requests, completed, prompt tokens, output tokens and micro-credits",
                recorded=recorded.get(key),
                recomputed=self._usage.get(key),
            )

    def _expect_next(self, receipt: StoredReceipt) -> None:
        if receipt.seq != self.receipt_count + 1:
            raise Difference(
                f"receipt number {self.receipt_count + 1} is missing: "
                f"number {receipt.seq} stands in its place"
            )

    def _replay_funding(self) -> None:
        for entries in replay_funding(self._connection):
            self._ledger.expect(entries)

    def _replay_batches(self) -> None:
        previous_hash = NO_BATCH
        for batch in iterate_batches(self._connection):
            for move in replay_batch(self._connection, batch, previous_hash=previous_hash):
                self._ledger.expect([move])
            self._batch_hashes.discard(batch.hash)
            previous_hash = batch.hash
            self.batch_count += 1
        for unknown in sorted(self._batch_hashes):
            raise Difference(f"receipts point to the batch {unknown}, which is not on record")
