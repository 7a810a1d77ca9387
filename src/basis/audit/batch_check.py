"""The reference's look at batches: what they hold, what they pay, their hash and their chain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, cast

from basis.audit.difference import Difference, expect_equal
from basis.audit.folder import Export
from basis.audit.parquet import iterate_columns, iterate_rows, read_range
from basis.audit.receipt_check import Members
from basis.rules.batch import NO_BATCH, Batch, BatchHash, Payout, compute_batch_hash
from basis.rules.export_columns import ParquetFile
from basis.rules.export_format import BATCHES, LATE_MEMBERS, PAYOUTS
from basis.rules.receipt import ReceiptHash
from basis.rules.units import AmountRaw
from basis.rules.wallet import Wallet

_DIGEST: Final = 32


class BatchRow(NamedTuple):
    """A row of batches.parquet, in the order of its columns."""

    number: int
    hash: bytes
    previous_hash: bytes
    total_raw: int
    receipt_count: int
    chain_id: int
    token_symbol: str
    token_address: str
    is_dry_run: bool
    created_at: str
    moves_before: int

    @property
    def name(self) -> str:
        """How messages name it."""
        return f"batch {self.number} ({self.hash.hex()})"


class BatchState(NamedTuple):
    """What is known of a batch from the periods before."""

    row: BatchRow
    payouts: tuple[Payout, ...]
    moves: int


class BatchBook:
    """The batches of a network through its periods: `begin` one, `finish` each batch in it."""

    def __init__(self) -> None:
        self._known: dict[int, BatchState] = {}
        self._last_hash: bytes | None = None
        self._export: Export | None = None
        self._rows: dict[int, BatchRow] = {}
        self._open: set[int] = set()
        self.by_hash: dict[str, BatchRow] = {}
        self.count = 0

    @property
    def _period(self) -> Export:
        if self._export is None:
            raise AssertionError("no period has begun")
        return self._export

    def begin(self, export: Export) -> None:
        """Takes the batches of a period, and holds them to what is known of them already.

        Raises:
            Difference: one is missing, or is not as it was.
        """
        numbers = export.manifest.batches
        self._export = export
        self._rows = {row.number: row for row in _read_batches(export)}
        self.by_hash = {row.hash.hex(): row for row in self._rows.values()}
        self._open = {number for number in self._rows if number > numbers.after}
        expected = set(range(numbers.after + 1, numbers.to + 1))
        for number in sorted(self._open ^ expected):
            raise Difference(f"{export.name}: batch number {number} is missing or not of it")
        for number, row in self._rows.items():
            if number <= numbers.after:
                self._check_known(row)
        _expect_only(export, PAYOUTS, set(self._rows))
        _expect_only(export, LATE_MEMBERS, self._open)

    def finish(self, number: int, members: Members) -> None:
        """Holds a batch to all of its receipts.

        Raises:
            Difference: it is no batch of this period, or not as they are.
        """
        row = self._rows.get(number)
        if row is None or number not in self._open:
            raise Difference(
                f"{self._period.name}: receipts are in batch {number}, which does not end here"
            )
        self._open.remove(number)
        for late in read_range(
            self._period.path(LATE_MEMBERS.name),
            LATE_MEMBERS,
            column="batch_number",
            first=number,
            last=number,
        ):
            _batch, seq, digest, wallet, reward_raw = cast("tuple[int, int, bytes, str, int]", late)
            if reward_raw <= 0 or seq > self._period.manifest.receipts.after:
                raise Difference(f"{row.name} holds receipt number {seq}, which it cannot")
            members.add(digest, wallet, reward_raw)
        self._check_figures(row, members)
        self.count += 1

    def finish_rest(self) -> None:
        """Holds every batch that no receipt of its own period is in to the late ones."""
        for number in sorted(self._open):
            self.finish(number, Members())
        last = self._rows.get(self._period.manifest.batches.to)
        if last is not None and last.number > self._period.manifest.batches.after:
            self._last_hash = last.hash

    def payouts_of(self, row: BatchRow) -> tuple[Payout, ...]:
        """What a batch of this period pays, as published."""
        rows = read_range(
            self._period.path(PAYOUTS.name),
            PAYOUTS,
            column="batch_number",
            first=row.number,
            last=row.number,
        )
        return tuple(
            Payout(
                wallet=Wallet(cast("str", wallet)),
                amount_raw=AmountRaw(cast("int", amount_raw)),
                receipt_count=cast("int", count),
            )
            for _number, wallet, amount_raw, count in rows
        )

    def store_moves(self, row: BatchRow, moves: int) -> None:
        """Keeps how far a batch has come, for the periods after."""
        self._known[row.number] = BatchState(row, self.payouts_of(row), moves)

    def _check_known(self, row: BatchRow) -> None:
        known = self._known.get(row.number)
        if known is None:
            return
        same = known.row._replace(moves_before=known.moves)
        if same != row or known.payouts != self.payouts_of(row):
            raise Difference(f"{row.name} is not as it was published before")

    def _check_figures(self, row: BatchRow, members: Members) -> None:
        hashes = [
            members.hashes[start : start + _DIGEST].hex()
            for start in range(0, len(members.hashes), _DIGEST)
        ]
        payouts = tuple(
            Payout(wallet=Wallet(wallet), amount_raw=AmountRaw(amount_raw), receipt_count=count)
            for wallet, (amount_raw, count) in sorted(members.payouts.items())
        )
        if not hashes:
            raise Difference(f"{row.name} holds no receipt")
        if len(set(hashes)) != len(hashes):
            raise Difference(f"{row.name} holds a receipt twice (I5)")
        previous = self._previous_of(row)
        manifest = self._period.manifest
        batch = Batch(
            previous_hash=BatchHash(previous.hex()),
            chain_id=manifest.chain_id,
            token_symbol=manifest.token_symbol,
            token_address=row.token_address,
            receipt_hashes=tuple(ReceiptHash(one) for one in sorted(hashes)),
            payouts=payouts,
        )
        figures = {
            "previous_hash": (row.previous_hash.hex(), previous.hex()),
            "chain_id": (row.chain_id, batch.chain_id),
            "token_symbol": (row.token_symbol, batch.token_symbol),
            "receipt_count": (row.receipt_count, len(hashes)),
            "payouts": (self.payouts_of(row), payouts),
            "total_raw": (row.total_raw, batch.total_raw),
            "hash": (row.hash.hex(), compute_batch_hash(batch)),
        }
        for what, (recorded, recomputed) in figures.items():
            expect_equal(row.name, what, recorded=recorded, recomputed=recomputed)

    def _previous_of(self, row: BatchRow) -> bytes:
        if row.number == 1:
            return bytes.fromhex(NO_BATCH)
        before = self._rows.get(row.number - 1)
        if before is not None:
            return before.hash
        # Of the batch before the first period that is given, only its hash is known.
        return self._last_hash if self._last_hash is not None else row.previous_hash


def _expect_only(export: Export, file: ParquetFile, numbers: set[int]) -> None:
    """Refuses rows of batches that are not among these."""
    for columns in iterate_columns(export.path(file.name), file):
        for number in sorted(set(cast("Sequence[int]", columns["batch_number"])) - numbers):
            raise Difference(
                f"{export.name}: {file.name} has a row of batch {number}, which is not there"
            )


def _read_batches(export: Export) -> Iterator[BatchRow]:
    last = 0
    for values in iterate_rows(export.path(BATCHES.name), BATCHES):
        row = BatchRow(*values)  # type: ignore[arg-type]  # as the columns are
        if row.number <= last:
            raise Difference(f"{export.name}: batch {row.number} does not stand in its order")
        if (row.number > export.manifest.batches.after) != (row.moves_before == 0):
            raise Difference(f"{row.name} has {row.moves_before} moves before this period")
        last = row.number
        yield row
