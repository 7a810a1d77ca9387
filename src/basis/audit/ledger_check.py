"""The reference's look at the ledger: entries that are no job's, and every balance.

An entry that moves a batch is recomputed from what the batch pays. Of the others the cause is
outside the export, a payment for instance: their ids, their sums of zero, their shape and what they
do to the balances are checked, and they are counted as taken from the publisher.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import groupby
from typing import Final, cast

from basis.audit.batch_check import BatchBook, BatchRow
from basis.audit.difference import Difference, expect_equal
from basis.audit.entry_check import EntryBook, withheld_cause
from basis.audit.floors import TAKING, Balances, RunningBalances, check_floors
from basis.audit.folder import Export
from basis.audit.parquet import iterate_rows
from basis.rules.entries import CREDITS_FUNDED, rewards_moved
from basis.rules.errors import BasisError
from basis.rules.export_format import ENTRIES, OPENING, POSTINGS
from basis.rules.job import RewardStatus
from basis.rules.ledger import AccountPath, Entry, Posting, entry_id, make_entry
from basis.rules.manifest import compute_balances_hash

_STEPS: Final = {
    "rewards_batching": (RewardStatus.PENDING, RewardStatus.BATCHING),
    "rewards_pending": (RewardStatus.BATCHING, RewardStatus.PENDING),
    "rewards_settled": (RewardStatus.BATCHING, RewardStatus.SETTLED),
}
JOB_ENTRY: Final = "job_completed"
PostingRow = tuple[int, str, str, int]


class LedgerBook:
    """Balances through the periods of a network: each begins with what the one before ended."""

    def __init__(self) -> None:
        self._closing: Balances | None = None
        self._entries = EntryBook()
        self.entry_count = 0
        self.given: Counter[str] = Counter()
        """Entries whose cause is outside the exports, by kind."""

    def check(
        self,
        export: Export,
        batches: BatchBook,
        *,
        job_sums: dict[int, Balances],
        job_totals: dict[str, int],
        cuts: tuple[int, ...],
    ) -> None:
        """Holds a period's entries and balances to each other; `job_sums` is what its jobs posted,
        by their place among `cuts`.

        Raises:
            Difference: the first that differs.
        """
        balances = RunningBalances(self._open(export), job_sums, cuts=cuts)
        self._entries.is_whole |= export.manifest.number == 1
        totals: defaultdict[str, int] = defaultdict(int, job_totals)
        moves = {
            number: row.moves_before
            for number, row in ((row.number, row) for row in batches.by_hash.values())
        }
        for name, seq, digest, entry, reason in _read_entries(export):
            self.entry_count += 1
            self._entries.check_once(name, digest)
            if entry.kind in _STEPS:
                row = _moved_batch(entry, batches, moves)
                _check_move(entry, row, batches)
                moves[row.number] += 1
                if reason:
                    raise Difference(f"{name} has a reason")
            else:
                self._entries.check(name, entry, reason=reason)
                self.given[entry.kind] += 1
            balances.apply(name, seq, entry)
            for posting in entry.postings:
                totals[posting.asset] += max(posting.amount_raw, 0)
        for row in batches.by_hash.values():
            if moves[row.number] == 0:
                raise Difference(f"the ledger lacks the entry by which {row.name} was closed")
            batches.store_moves(row, moves[row.number])
        self._close(export, balances.finish(), {asset: totals[asset] for asset in sorted(totals)})

    def _open(self, export: Export) -> Balances:
        rows = cast(
            "list[tuple[str, str, int]]", list(iterate_rows(export.path(OPENING.name), OPENING))
        )
        keys = [(account, asset) for account, asset, _amount in rows]
        if keys != sorted(set(keys)) or any(not amount_raw for *_key, amount_raw in rows):
            raise Difference(f"{export.name}: the opening balances do not stand in their order")
        expect_equal(
            export.name,
            "opening balances",
            recorded=export.manifest.opening_sha256,
            recomputed=compute_balances_hash(rows),
        )
        opening = {(account, asset): amount_raw for account, asset, amount_raw in rows}
        if self._closing is None and export.manifest.number == 1:
            self._closing = {}
        if self._closing is not None:
            _expect_balances(export.name, opening, self._closing)
        return opening

    def _close(self, export: Export, balances: Balances, totals: dict[str, int]) -> None:
        closing = {key: amount_raw for key, amount_raw in balances.items() if amount_raw != 0}
        check_floors(export.name, sorted(closing.items()))
        sums: defaultdict[str, int] = defaultdict(int)
        for (_account, asset), amount_raw in closing.items():
            sums[asset] += amount_raw
        for asset, total in sorted(sums.items()):
            expect_equal(
                export.name, f"sum of all balances in {asset} (I2)", recorded=total, recomputed=0
            )
        expect_equal(
            export.name,
            "closing balances",
            recorded=export.manifest.closing_sha256,
            recomputed=compute_balances_hash(
                (account, asset, amount) for (account, asset), amount in sorted(closing.items())
            ),
        )
        expect_equal(
            export.name, "totals", recorded=dict(export.manifest.totals), recomputed=totals
        )
        self._closing = closing


def find_cuts(export: Export) -> tuple[int, ...]:
    """The numbers of a period's entries that can take from an account on which jobs post."""
    rows = cast(
        "Iterator[tuple[int, bytes, str, str, str, str]]",
        iterate_rows(export.path(ENTRIES.name), ENTRIES),
    )
    return tuple(sorted(seq for seq, _id, kind, *_rest in rows if kind in TAKING))


def _read_entries(export: Export) -> Iterator[tuple[str, int, bytes, Entry, str]]:
    """Every entry with its name, number, id and reason, once id and sums are found to be right."""
    numbers = export.manifest.entries
    groups = groupby(
        cast("Iterator[PostingRow]", iterate_rows(export.path(POSTINGS.name), POSTINGS)),
        key=lambda row: row[0],
    )
    next_seq, postings = next(groups, (None, iter(())))
    last = numbers.after
    for row in iterate_rows(export.path(ENTRIES.name), ENTRIES):
        seq, digest, kind, cause, reason, _at = cast("tuple[int, bytes, str, str, str, str]", row)
        of = f" of {cause[:80]}" if cause else ""
        name = f"ledger entry number {seq} ({kind}{of})"
        if not last < seq <= numbers.to:
            raise Difference(f"{name} does not stand in its order")
        if kind == JOB_ENTRY:
            raise Difference(f"{name} has no receipt")
        mine: list[PostingRow] = []
        if next_seq == seq:
            mine = list(postings)
            next_seq, postings = next(groups, (None, iter(())))
        yield name, seq, digest, _make_entry(name, kind, cause, digest, mine), reason
        last = seq
    if next_seq is not None:
        raise Difference(f"postings name the ledger entry number {next_seq}, which is not there")


def _make_entry(name: str, kind: str, cause: str, digest: bytes, rows: list[PostingRow]) -> Entry:
    postings = tuple(
        Posting(account=AccountPath(account), asset=asset, amount_raw=amount_raw)
        for _seq, account, asset, amount_raw in rows
    )
    if kind == CREDITS_FUNDED and not cause:
        cause = withheld_cause(postings)
    else:
        identity = entry_id(kind=kind, cause=cause)
        expect_equal(name, "id", recorded=digest.hex(), recomputed=identity)
        if kind == CREDITS_FUNDED:
            raise Difference(f"{name}: the name of its payment is published")
    try:
        entry = make_entry(kind=kind, cause=cause, postings=postings)
    except BasisError as error:
        raise Difference(f"{name} is not balanced (I1): {error.message}") from error
    if entry.postings != postings:
        raise Difference(f"{name}: its postings are not sorted, or one is zero or stands twice")
    return entry


def _moved_batch(entry: Entry, batches: BatchBook, moves: dict[int, int]) -> BatchRow:
    batch_hash, _slash, attempt = entry.cause.partition("/")
    row = batches.by_hash.get(batch_hash)
    if row is None:
        raise Difference(f"the ledger entry {entry.kind} of {entry.cause[:80]} moves no batch")
    done = moves[row.number]
    kinds = ("rewards_batching",) if done % 2 == 0 else ("rewards_pending", "rewards_settled")
    if entry.kind not in kinds or attempt != str(done // 2 + 1):
        raise Difference(
            f"{row.name} has come {done} steps, and cannot come to {entry.kind} of attempt "
            f"{attempt[:20]}"
        )
    return row


def _check_move(entry: Entry, row: BatchRow, batches: BatchBook) -> None:
    old, new = _STEPS[entry.kind]
    again = rewards_moved(
        cause=entry.cause,
        asset=row.token_symbol,
        payouts=batches.payouts_of(row),
        old=old,
        new=new,
    )
    expect_equal(row.name, entry.kind, recorded=entry.postings, recomputed=again.postings)


def _expect_balances(name: str, opening: Balances, closing: Balances) -> None:
    for key in sorted(opening.keys() | closing.keys()):
        expect_equal(
            name,
            f"opening balance of {key[0]} in {key[1]}",
            recorded=opening.get(key, 0),
            recomputed=closing.get(key, 0),
        )
