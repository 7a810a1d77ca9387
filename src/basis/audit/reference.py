"""The first of the two recomputations: every record by the rules themselves, in Python.

Receipts are checked by row group, on several processes; what comes back are sums and the hashes
that batches hold, so memory stays flat. Their order is kept: the first difference is the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final, cast

from basis.audit.batch_check import BatchBook
from basis.audit.boost_check import BoostBook
from basis.audit.difference import Difference
from basis.audit.era_check import EraBook
from basis.audit.findings_check import check_findings
from basis.audit.folder import Export
from basis.audit.jobs_check import check_jobs_once
from basis.audit.judge import Judge
from basis.audit.ledger_check import LedgerBook, find_cuts
from basis.audit.offer_records import check_offers
from basis.audit.parquet import (
    check_statistics,
    count_groups,
    count_rows,
    iterate_columns,
    read_range,
)
from basis.audit.phase_check import PhaseBook
from basis.audit.receipt_check import Members, ReceiptCheck
from basis.audit.receipt_columns import Row
from basis.audit.standings import WholeReceipts, load_standings, unnamed_standing
from basis.audit.tables import PublishedTables
from basis.audit.terms import load_terms
from basis.rules.export_files import ALL_FILES
from basis.rules.export_format import (
    LATE_MEMBERS,
    RECEIPTS,
    STANDINGS,
)
from basis.rules.phase_entries import PHASE_ENTRIES

OnReceipts = Callable[[int], None]
"""Told how many more receipts are done."""
_LATE_SEQ: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceResult:
    """What the reference went through. `given` are entries whose cause is not in the exports;
    `phases` says of each phase how many of its receipts are."""

    receipts: int
    batches: int
    entries: int
    given: dict[str, int]
    phases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A piece of work: some row groups of a period's receipts."""

    folder: Path
    group: int
    tables: PublishedTables
    chain_id: int
    token_symbol: str
    first_seq: int
    last_seq: int
    cuts: tuple[int, ...]
    later: tuple[Path, ...]
    """Late members of the periods after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _PartResult:
    receipts: int
    sums: dict[int, dict[tuple[str, str], int]]
    first_entry: int
    last_entry: int
    added: dict[str, int]
    batches: dict[int, Members]
    standings: set[int]
    """The numbers of those that its receipts have."""
    difference: str | None


def check_by_reference(
    exports: Sequence[Export], *, jobs: int, on_receipts: OnReceipts
) -> ReferenceResult:
    """Recomputes periods that stand in their order, on `jobs` processes.

    Raises:
        Difference: the first figure that is not the one that follows.
    """
    check_jobs_once(exports)
    batches, ledger = BatchBook(), LedgerBook()
    boosts, phases, eras = BoostBook(), PhaseBook(), EraBook()
    receipts = last_entry = 0
    with _workers(exports, jobs) as pool:
        for index, export in enumerate(exports):
            batches.begin(export)
            for file in ALL_FILES:
                if file != RECEIPTS:
                    check_statistics(export.path(file.name), file)
            check_offers(export)
            cuts = find_cuts(export)
            parts = list(_parts(export, exports[index + 1 :], cuts))
            sums: dict[int, dict[tuple[str, str], int]] = {}
            added: dict[str, int] = {}
            pending: dict[int, Members] = {}
            named: set[int] = set()
            results = pool.map(_check_part, parts) if pool is not None else map(_check_part, parts)
            for result in results:
                if result.difference is not None:
                    raise Difference(result.difference)
                last_entry = _follow(export, last_entry, result)
                for place, some in result.sums.items():
                    _join(sums.setdefault(place, {}), some)
                _join(added, result.added)
                named |= result.standings
                _take_members(pending, result.batches, batches)
                receipts += result.receipts
                on_receipts(result.receipts)
            for number in sorted(pending):
                batches.finish(number, pending[number])
            batches.finish_rest()
            _expect_named(export, named)
            eras.check(export)
            check_findings(export)
            boosts.check(export)
            ledger.check(export, batches, job_sums=sums, job_totals=added, cuts=cuts)
            phases.check(export)
        phase_notes = phases.finish(exports)
    return ReferenceResult(
        receipts=receipts,
        batches=batches.count,
        entries=ledger.entry_count,
        given={
            kind: count for kind, count in sorted(ledger.given.items()) if kind not in PHASE_ENTRIES
        },
        phases=phase_notes,
    )


def _workers(exports: Sequence[Export], jobs: int) -> nullcontext[None] | Executor:
    groups = sum(count_groups(export.path(RECEIPTS.name)) for export in exports)
    if jobs < 2 or groups < 2:
        return nullcontext()
    # Spawned, since a fork would inherit the locks of the Parquet reader's threads.
    return ProcessPoolExecutor(max_workers=min(jobs, groups), mp_context=get_context("spawn"))


def _parts(export: Export, later: Sequence[Export], cuts: tuple[int, ...]) -> Iterator[_Part]:
    import pyarrow.parquet as pq

    numbers = export.manifest.receipts
    path = export.path(RECEIPTS.name)
    first = numbers.after + 1
    metadata = pq.read_metadata(path)
    if metadata.num_rows != numbers.to - numbers.after:
        raise Difference(
            f"{export.name} covers {numbers.to - numbers.after} receipts, but has "
            f"{metadata.num_rows}"
        )
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if rows == 0:
            continue
        yield _Part(
            folder=export.folder,
            group=group,
            tables=export.tables,
            chain_id=export.manifest.chain_id,
            token_symbol=export.manifest.token_symbol,
            first_seq=first,
            last_seq=first + rows - 1,
            cuts=cuts,
            later=tuple(one.path(LATE_MEMBERS.name) for one in later),
        )
        first += rows


def _check_part(part: _Part) -> _PartResult:
    seq = part.first_seq
    difference = None
    check: ReceiptCheck | None = None
    whole: WholeReceipts | None = None
    try:
        terms = load_terms(part.folder, part.tables)
        whole = WholeReceipts(load_standings(part.folder), terms)
        judge = Judge(part.tables, terms)
        check = ReceiptCheck(
            judge, chain_id=part.chain_id, token_symbol=part.token_symbol, cuts=part.cuts
        )
        late = _late_rows(part)
        path = part.folder.joinpath(RECEIPTS.name)
        check_statistics(path, RECEIPTS, groups=[part.group])
        for columns in iterate_columns(path, RECEIPTS, groups=[part.group]):
            seq += check.check(whole.rows(columns), first_seq=seq, late=late)
    except Difference as found:
        difference = str(found)
    return _PartResult(
        receipts=seq - part.first_seq,
        sums=check.sums if check is not None else {},
        first_entry=check.first_entry if check is not None else 0,
        last_entry=check.last_entry if check is not None else 0,
        added=dict(check.added) if check is not None else {},
        batches=check.batches if check is not None else {},
        standings=whole.named if whole is not None else set(),
        difference=difference,
    )


def _expect_named(export: Export, named: set[int]) -> None:
    """Refuses a standing that no receipt of the period has."""
    for number in range(1, count_rows(export.path(STANDINGS.name)) + 1):
        if number not in named:
            raise Difference(unnamed_standing(number))


def _follow(export: Export, last_entry: int, part: _PartResult) -> int:
    """The last job's entry so far, once the part's come after it."""
    if not part.first_entry:
        return last_entry
    if part.first_entry <= last_entry:
        raise Difference(
            f"{export.name}: the ledger entry number {part.first_entry} of a job stands after "
            f"number {last_entry}"
        )
    return part.last_entry


def _late_rows(part: _Part) -> dict[int, Row]:
    """The late members among the part's receipts, by their numbers."""
    found: dict[int, Row] = {}
    for path in part.later:
        for row in read_range(
            path, LATE_MEMBERS, column="receipt_seq", first=part.first_seq, last=part.last_seq
        ):
            seq = cast("int", row[_LATE_SEQ])
            if seq in found:
                raise Difference(
                    f"receipt number {seq} is in batch {found[seq][0]} and in batch {row[0]} (I5)"
                )
            found[seq] = row
    return found


def _take_members(
    pending: dict[int, Members], found: dict[int, Members], batches: BatchBook
) -> None:
    """Joins what a part found; batches before the newest one can have no more receipts."""
    for number, members in found.items():
        pending.setdefault(number, Members()).join(members)
    for number in sorted(pending)[:-1]:
        batches.finish(number, pending.pop(number))


def _join(
    sums: dict[object, int] | dict[tuple[str, str], int] | dict[str, int], more: object
) -> None:
    held = cast("dict[object, int]", sums)
    for key, amount_raw in cast("dict[object, int]", more).items():
        held[key] = held.get(key, 0) + amount_raw
