"""The reference's look at receipts: each recomputed by `rules/` from the facts in its row.

Facts are the counts, times, addresses and versions; every factor, amount, posting and the hash
follows from them. What is checked, and in which order, is the same in `sql_receipts`, so that both
engines name the same figure; only the hash is the reference's alone, and so the last.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import cast

from basis.audit.difference import Difference, differs
from basis.audit.judge import Judge
from basis.audit.postings import JobPostings
from basis.audit.receipt_columns import (
    BATCH,
    CHARGE,
    CORE,
    ENTRY_SEQ,
    FACTORS,
    HAS_ENTRY,
    HELD,
    NAMES,
    PARTS,
    POINTS,
    POINTS_BASE,
    REWARD_PART,
    WALLET,
    Row,
    name_of,
    unusable,
)
from basis.rules.export_format import REWARD_NAMES
from basis.rules.receipt import RECEIPT_VERSION, canonical_core


@dataclass(slots=True)
class Members:
    """The part of a batch that some rows hold."""

    hashes: bytearray = field(default_factory=bytearray)
    payouts: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """Wallet -> amount and number of receipts."""

    def add(self, digest: bytes, wallet: str, reward_raw: int) -> None:
        """Takes one receipt."""
        self.hashes += digest
        amount_raw, count = self.payouts.get(wallet, (0, 0))
        self.payouts[wallet] = (amount_raw + reward_raw, count + 1)

    def join(self, other: Members) -> None:
        """Takes the receipts of another part."""
        self.hashes += other.hashes
        for wallet, (amount_raw, count) in other.payouts.items():
            held_raw, held = self.payouts.get(wallet, (0, 0))
            self.payouts[wallet] = (held_raw + amount_raw, held + count)


class ReceiptCheck:
    """Goes through receipts in their order, and keeps what ledger and batches need of them."""

    def __init__(
        self, judge: Judge, *, chain_id: int, token_symbol: str, cuts: tuple[int, ...]
    ) -> None:
        """`cuts` are numbers of entries, rising, between which jobs' postings are summed apart."""
        self._judge = judge
        self._cuts = cuts
        self.first_entry = 0
        self.last_entry = 0
        """The numbers of the first and the last entry; 0 while there is none."""
        self._constants = (RECEIPT_VERSION, token_symbol, chain_id)
        self._postings: dict[int, JobPostings] = {}
        self.batches: dict[int, Members] = {}

    @property
    def sums(self) -> dict[int, dict[tuple[str, str], int]]:
        """What the entries of the jobs did to each account, by account and asset.

        Apart for each place among the cuts: before the first, the second and so on.
        """
        return {place: postings.sums for place, postings in self._postings.items()}

    @property
    def added(self) -> dict[str, int]:
        """All that they added to some account, by asset."""
        added: defaultdict[str, int] = defaultdict(int)
        for postings in self._postings.values():
            for asset, amount_raw in postings.added.items():
                added[asset] += amount_raw
        return added

    def check(self, rows: Iterable[Row], *, first_seq: int, late: Mapping[int, Row]) -> int:
        """How many rows there were, all of them as they follow, numbered from `first_seq` on.

        `late` has the rows of later batches that name one of these receipts, by its number.

        Raises:
            Difference: the first row that is not.
        """
        seq = first_seq
        for row in rows:
            if row[0] != seq:
                raise Difference(
                    f"receipt number {seq} is missing: number {row[0]} stands in its place"
                )
            self._check_row(row, late.get(seq))
            seq += 1
        return seq - first_seq

    def _check_row(self, row: Row, late: Row | None) -> None:
        job = self._judge.judge(row)
        _expect(row, FACTORS, job.factors)
        _expect(row, CHARGE, (job.microcredits, max(job.microcredits, cast("int", row[HELD]))))
        _expect_same(row, REWARD_NAMES, PARTS(row), job.parts)
        reward_raw = job.parts[REWARD_PART]
        _expect(row, POINTS_BASE, job.points.base)
        _expect(row, POINTS, (job.points.reason, job.points.amount_raw))
        _expect(row, HAS_ENTRY, (job.has_entry,))
        self._check_hash(row)
        if job.has_entry:
            self._postings_at(row).add(row, job.postings)
        elif row[ENTRY_SEQ]:
            raise differs(name_of(row), "entry_seq", recorded=row[ENTRY_SEQ], recomputed=0)
        self._take_member(row, late, reward_raw)

    def _postings_at(self, row: Row) -> JobPostings:
        """Where the row's entry belongs, which comes after the entry of every row before."""
        seq = cast("int", row[ENTRY_SEQ])
        if seq <= self.last_entry:
            raise Difference(
                f"{name_of(row)} has the ledger entry number {seq}, after number {self.last_entry}"
            )
        self.first_entry = self.first_entry or seq
        self.last_entry = seq
        place = bisect_left(self._cuts, seq)
        if place not in self._postings:
            self._postings[place] = JobPostings()
        return self._postings[place]

    def _check_hash(self, row: Row) -> None:
        core = row[CORE]
        if (core[0], core[17], core[19]) != self._constants:
            raise unusable(row, f"version {core[0]}, token {core[17]!r} on chain {core[19]}")
        digest = sha256(canonical_core(*core)).digest()  # type: ignore[arg-type]  # as the columns are
        if digest != row[1]:
            recorded = cast("bytes", row[1]).hex()
            raise differs(name_of(row), "hash", recorded=recorded, recomputed=digest.hex())

    def _take_member(self, row: Row, late: Row | None, reward_raw: int) -> None:
        number = cast("int", row[BATCH])
        wallet = cast("str", row[WALLET])
        if number:
            if late is not None:
                raise Difference(f"{name_of(row)} is in batch {number} and in batch {late[0]} (I5)")
            if not reward_raw:
                raise Difference(f"{name_of(row)} is in batch {number}, but has no reward to pay")
            digest = cast("bytes", row[1])
            self.batches.setdefault(number, Members()).add(digest, wallet, reward_raw)
        elif late is not None and late[2:] != (row[1], wallet, reward_raw):
            raise Difference(f"{name_of(row)} is not as batch {late[0]} says that it is")


def _expect(row: Row, where: slice, recomputed: tuple[object, ...]) -> None:
    _expect_same(row, NAMES[where], row[where], recomputed)


def _expect_same(
    row: Row, names: Sequence[str], recorded: tuple[object, ...], recomputed: tuple[object, ...]
) -> None:
    if recorded == recomputed:
        return
    for name, old, new in zip(names, recorded, recomputed, strict=True):
        if old != new:
            raise differs(name_of(row), name, recorded=old, recomputed=new)
