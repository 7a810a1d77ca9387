"""Folds every entry anew and holds the balances on record to the sums; or writes them anew.

Balances are a projection of the entries and nothing else, so they can be replaced. Entries are
never touched: one that is wrong is named, and nothing is built on it. What is kept in memory is one
sum per account and asset.
Source: invariants I1, I2, I4, I10; docs/decisions/0016-ledger.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

from basis.accounting.difference import Difference, expect_equal
from basis.rules.accounts import account_of_path, bound_of, validate_floors
from basis.rules.errors import BasisError, DamagedRecord
from basis.rules.ledger import AccountPath, Entry, entry_id
from basis.storage.database import begin_write
from basis.storage.ledger_store import (
    count_postings,
    iterate_entries,
    load_balances,
    newest_seq,
    replace_balances,
)

OnProgress = Callable[[int], None]
"""Told the number of entries done."""
_PROGRESS_STEP = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """What a rebuild found, and whether it wrote the balances anew."""

    entry_count: int
    posting_count: int
    balance_count: int
    difference: str | None
    is_repaired: bool


@dataclass(slots=True)
class _Fold:
    """The sums of the entries so far."""

    sums: defaultdict[tuple[AccountPath, str], int] = field(
        default_factory=lambda: defaultdict[tuple[AccountPath, str], int](int)
    )
    entry_count: int = 0
    posting_count: int = 0

    def add(self, entries: Iterable[Entry], on_progress: OnProgress | None) -> None:
        for entry in entries:
            _validate_entry(entry, known=self.sums)
            for posting in entry.postings:
                self.sums[(posting.account, posting.asset)] += posting.amount_raw
            self.entry_count += 1
            self.posting_count += len(entry.postings)
            if on_progress is not None and self.entry_count % _PROGRESS_STEP == 0:
                on_progress(self.entry_count)


def check_balances(connection: Connection, *, on_progress: OnProgress | None = None) -> Rebuild:
    """Compares the balances with the sums of the entries, in one read transaction."""
    fold = _Fold()
    difference = None
    try:
        _fold_all(connection, fold, on_progress)
        _compare(fold.sums, load_balances(connection))
        validate_floors(sorted(fold.sums.items()))
    except Difference as found:
        difference = str(found)
    except BasisError as error:
        difference = error.message
    return _as_rebuild(fold, difference, is_repaired=False)


def repair_balances(engine: Engine, *, on_progress: OnProgress | None = None) -> Rebuild:
    """Writes every balance anew from the entries; `difference` is the first that it mended.

    The entries are folded before the store is locked, then those that came meanwhile.

    Raises:
        DamagedRecord: an entry is wrong, which no balance can mend; nothing was written.
        StorageUnavailable: another process kept the write lock; nothing was written.
    """
    fold = _Fold()
    try:
        with engine.connect() as connection:
            _fold_all(connection, fold, on_progress)
            last_seq = newest_seq(connection)
        with begin_write(engine) as connection:
            fold.add(iterate_entries(connection, after_seq=last_seq), None)
            difference = _first_difference(connection, fold.sums)
            if difference is not None:
                replace_balances(connection, {key: raw for key, raw in fold.sums.items() if raw})
    except Difference as found:
        raise DamagedRecord(
            f"{found}: balances cannot be rebuilt on that; restore a backup"
        ) from found
    return _as_rebuild(fold, difference, is_repaired=difference is not None)


def _fold_all(connection: Connection, fold: _Fold, on_progress: OnProgress | None) -> None:
    fold.add(iterate_entries(connection), on_progress)
    recorded = count_postings(connection)
    expect_equal(
        "the ledger", "number of postings", recorded=recorded, recomputed=fold.posting_count
    )


def _validate_entry(entry: Entry, *, known: Mapping[tuple[AccountPath, str], int]) -> None:
    name = f"entry {entry.id} ({entry.kind} of {entry.cause})"
    expected = entry_id(kind=entry.kind, cause=entry.cause)
    expect_equal(name, "id", recorded=entry.id, recomputed=expected)
    totals: defaultdict[str, int] = defaultdict(int)
    for posting in entry.postings:
        totals[posting.asset] += posting.amount_raw
        if (posting.account, posting.asset) not in known:
            try:
                account_of_path(posting.account)
                bound_of(posting.account, posting.asset)
            except BasisError as error:
                raise Difference(f"{name}: {error.message}") from error
    for asset, total in totals.items():
        expect_equal(name, f"sum of its postings in {asset}", recorded=total, recomputed=0)


def _compare(
    sums: Mapping[tuple[AccountPath, str], int], held: Mapping[tuple[AccountPath, str], int]
) -> None:
    for account, asset in sorted(sums.keys() | held.keys()):
        expect_equal(
            f"balance of {account} in {asset}",
            "sum",
            recorded=held.get((account, asset), 0),
            recomputed=sums.get((account, asset), 0),
        )


def _first_difference(
    connection: Connection, sums: Mapping[tuple[AccountPath, str], int]
) -> str | None:
    try:
        _compare(sums, load_balances(connection))
    except Difference as found:
        return str(found)
    except DamagedRecord as damaged:
        return damaged.message
    return None


def _as_rebuild(fold: _Fold, difference: str | None, *, is_repaired: bool) -> Rebuild:
    return Rebuild(
        entry_count=fold.entry_count,
        posting_count=fold.posting_count,
        balance_count=sum(1 for balance_raw in fold.sums.values() if balance_raw),
        difference=difference,
        is_repaired=is_repaired,
    )
