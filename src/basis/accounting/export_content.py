"""Writes the files of a period from one read transaction, a page of records at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from basis.accounting.export_boosts import UsedBoosts
from basis.accounting.export_cut import Cut
from basis.accounting.export_entries import check_job_entry
from basis.accounting.export_ledger import (
    Balances,
    PeriodLedger,
    compute_closing,
    hash_balances,
    load_job_entries,
    load_whole,
)
from basis.accounting.export_ledger_rows import (
    batch_row,
    entry_row,
    late_member_rows,
    opening_rows,
    payout_rows,
    posting_rows,
)
from basis.accounting.export_offers import UsedOffers
from basis.accounting.export_phases import Sign, UsedPhases
from basis.accounting.export_rows import (
    Row,
    penalty_rows,
    receipt_row,
    terms_row,
    verdict_row,
)
from basis.accounting.export_tables import UsedTables
from basis.accounting.parquet_file import ExportFile, Value
from basis.rules.canonical import sha256_hex
from basis.rules.errors import DamagedRecord
from basis.rules.export_columns import ParquetFile
from basis.rules.export_format import (
    BATCHES,
    ENTRIES,
    LATE_MEMBERS,
    OPENING,
    PAYOUTS,
    PENALTIES,
    POSTINGS,
    RECEIPTS,
    STANDINGS,
    TABLES_FILE,
    TERMS,
    VERDICTS,
)
from basis.rules.manifest import FileRecord
from basis.rules.repairs import REPAIRS
from basis.storage.batch_store import BatchRecord, iterate_batches, load_batch
from basis.storage.epoch_store import load_epoch_book
from basis.storage.export_store import (
    EntryHead,
    ExportRecord,
    iterate_heads,
    load_late_members,
)
from basis.storage.ledger_reading import load_reason
from basis.storage.receipt_store import iterate_receipt_pages

_MOVES = {"rewards_batching": 0, "rewards_pending": 1, "rewards_settled": 1}
"""Kind -> place of the move within its attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodContent:
    """What was written; `files` are sorted by name."""

    files: tuple[FileRecord, ...]
    opening: Balances
    closing: Balances
    totals: dict[str, int]
    activations_until: str
    """Up to when the period tells of pricing epochs."""


def write_content(
    connection: Connection,
    folder: Path,
    *,
    cut: Cut,
    previous: ExportRecord | None,
    sign: Sign,
    on_progress: Callable[[int, int], None] | None = None,
) -> PeriodContent:
    """Writes every file of the period but its manifest into `folder`, durable.

    `sign` signs the files of phases as they are published.

    Raises:
        DamagedRecord: a record cannot be published as it is, or the balances are not those that
            the period before closed with.
        InvalidInput: an amount is too large.
    """
    content = _Content(connection, folder, cut)
    told_until = previous.activations_until if previous is not None else ""
    activations_until = content.write_receipts(on_progress, told_until=told_until)
    moved = content.write_entries(sign)
    content.write_batches(moved)
    closing = compute_closing(connection, receipts_to=cut.receipts.to, entries_to=cut.entries.to)
    opening = content.ledger.opening(closing)
    expected = previous.closing_hash if previous is not None else hash_balances({})
    if hash_balances(opening) != expected:
        raise DamagedRecord(
            "the balances do not follow from the entries: find out why with `basis recompute`"
        )
    content.write_opening(opening)
    return PeriodContent(
        files=tuple(sorted(content.files, key=lambda file: file.name)),
        opening=opening,
        closing=closing,
        totals=content.ledger.totals,
        activations_until=activations_until,
    )


class NumberedRows:
    """The different rows of a file, numbered from 1 as they first occur."""

    def __init__(self, folder: Path, file: ParquetFile) -> None:
        self._file = ExportFile(folder, file)
        self._names = [column.name for column in file.columns[1:]]
        self._numbers: dict[tuple[Value, ...], int] = {}

    def number_of(self, row: Row) -> int:
        """The number of the row with these values in the file's columns."""
        key = tuple(row[name] for name in self._names)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._numbers) + 1
            self._file.add({"number": number, **dict(zip(self._names, key, strict=True))})
        return number

    def close(self) -> FileRecord:
        """What the manifest says of the file."""
        return self._file.close()


class _Content:
    def __init__(self, connection: Connection, folder: Path, cut: Cut) -> None:
        self._connection = connection
        self._folder = folder
        self._cut = cut
        self._batch_numbers = {str(batch.hash): batch.seq for batch in self._closed_batches()}
        self.ledger = PeriodLedger()
        self.files: list[FileRecord] = []

    def write_receipts(
        self, on_progress: Callable[[int, int], None] | None, *, told_until: str
    ) -> str:
        """Receipts with their entries, verdicts, and the tables that they name.

        Up to when these tell of pricing epochs: not less than the periods before `told_until`.
        """
        numbers = self._cut.receipts
        receipts = ExportFile(self._folder, RECEIPTS)
        verdicts = ExportFile(self._folder, VERDICTS)
        terms = NumberedRows(self._folder, TERMS)
        standings = NumberedRows(self._folder, STANDINGS)
        penalties = ExportFile(self._folder, PENALTIES)
        tables = UsedTables(load_epoch_book(self._connection), told_until=told_until)
        offers = UsedOffers(self._connection, self._folder)
        boosts = UsedBoosts(self._connection)
        done = 0
        for page in iterate_receipt_pages(self._connection, after=numbers.after, to=numbers.to):
            entries = load_job_entries(self._connection, page)
            for receipt in page:
                entry, head = entries.get(receipt.core.job_id, (None, None))
                check_job_entry(receipt, entry)
                if entry is not None:
                    self.ledger.add(entry)
                row = receipt_row(
                    receipt,
                    terms_number=terms.number_of(terms_row(receipt)),
                    batch_number=self._batch_numbers.get(receipt.batch_hash or "", 0),
                    entry_seq=head.seq if head is not None else 0,
                    entry_at=head.created_at if head is not None else None,
                )
                receipts.add({**row, "standing_number": standings.number_of(row)})
                verdicts.add(verdict_row(receipt))
                for row in penalty_rows(receipt):
                    penalties.add(row)
                tables.add(receipt.details)
                offers.add(receipt)
                boosts.add(receipt)
            done += len(page)
            if on_progress is not None:
                on_progress(done, numbers.to - numbers.after)
        self.files += [file.close() for file in (receipts, standings, verdicts, terms, penalties)]
        self.files += offers.close()
        self.files += boosts.write(self._folder)
        tables.add_boosts(boosts.versions)
        self.files.append(self._write_tables(tables))
        return tables.activations_until

    def write_entries(self, sign: Sign) -> dict[str, int]:
        """The other entries, and the phases that they are of.

        How many moves each batch that moved had before, by its hash.
        """
        numbers = self._cut.entries
        entries = ExportFile(self._folder, ENTRIES)
        postings = ExportFile(self._folder, POSTINGS)
        phases = UsedPhases(self._connection)
        moved: dict[str, int] = {}
        for heads in iterate_heads(self._connection, after=numbers.after, to=numbers.to):
            whole = load_whole(self._connection, heads)
            for head, entry in zip(heads, whole, strict=True):
                self.ledger.add(entry)
                entries.add(entry_row(head, reason=self._reason_of(head)))
                phases.add(head)
                for row in posting_rows(entry, seq=head.seq):
                    postings.add(row)
                if head.kind in _MOVES:
                    batch_hash, place = _place_of(head)
                    moved[batch_hash] = min(place, moved.get(batch_hash, place))
        self.files += [entries.close(), postings.close(), *phases.write(self._folder, sign)]
        return moved

    def write_batches(self, moved: dict[str, int]) -> None:
        """Batches that were closed or moved, what they pay, and their earlier receipts."""
        batches = ExportFile(self._folder, BATCHES)
        payouts = ExportFile(self._folder, PAYOUTS)
        members = ExportFile(self._folder, LATE_MEMBERS)
        older = [
            load_batch(self._connection, batch_hash)
            for batch_hash in moved
            if batch_hash not in self._batch_numbers
        ]
        for batch in (*sorted(older, key=lambda one: one.seq), *self._closed_batches()):
            batches.add(batch_row(batch, moves_before=moved.get(batch.hash, 0)))
            for row in payout_rows(batch):
                payouts.add(row)
            if batch.seq > self._cut.batches.after:
                late = load_late_members(
                    self._connection, batch_hash=batch.hash, up_to=self._cut.receipts.after
                )
                for row in late_member_rows(batch, late):
                    members.add(row)
        self.files += [batches.close(), payouts.close(), members.close()]

    def write_opening(self, opening: Balances) -> None:
        """The balances that the period begins with."""
        balances = ExportFile(self._folder, OPENING)
        for row in opening_rows(opening):
            balances.add(row)
        self.files.append(balances.close())

    def _reason_of(self, head: EntryHead) -> str:
        """Why an operator booked the entry by hand; "" of all others."""
        return load_reason(self._connection, head.id) if head.kind in REPAIRS else ""

    def _closed_batches(self) -> list[BatchRecord]:
        numbers = self._cut.batches
        closed: list[BatchRecord] = []
        for batch in iterate_batches(self._connection, after=numbers.after):
            if batch.seq > numbers.to:
                break
            closed.append(batch)
        return closed

    def _write_tables(self, tables: UsedTables) -> FileRecord:
        data = tables.encode()
        path = self._folder.joinpath(TABLES_FILE)
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return FileRecord(name=TABLES_FILE, bytes=len(data), rows=0, sha256=sha256_hex(data))


def _place_of(head: EntryHead) -> tuple[str, int]:
    """The batch that an entry moves, and how many moves the batch had before it."""
    batch_hash, _slash, attempt = head.cause.partition("/")
    if not (attempt.isascii() and attempt.isdigit() and len(attempt) < 10):
        raise DamagedRecord(f"the entry {head.id} is of no attempt of a batch: {head.cause[:80]}")
    return batch_hash, 2 * (int(attempt) - 1) + _MOVES[head.kind]
