"""The reference's look at phases: what their entries post, and whose points shared their pools.

An entry of a phase follows from its terms or its file to the last posting. The points in a file are
those of receipts: of as many of them as the periods hold that are given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, cast

from basis.audit.difference import Difference, differs, expect_equal
from basis.audit.folder import Export
from basis.audit.parquet import iterate_rows
from basis.audit.phase_history import check_named
from basis.audit.phase_points import check_points
from basis.audit.phase_records import PublishedPhase, load_phases
from basis.rules.errors import BasisError
from basis.rules.export_format import ENTRIES, POSTINGS
from basis.rules.ledger import Entry
from basis.rules.phase_entries import (
    CAUSE_PREFIX,
    PHASE_ENTRIES,
    phase_opened,
    phase_shared,
    vesting_released,
)
from basis.rules.phase_steps import Phase
from basis.rules.vesting import due_dates

Postings = dict[tuple[str, str], int]


class _EntryRow(NamedTuple):
    """A row of entries.parquet, in the order of its columns."""

    seq: int
    id: bytes
    kind: str
    cause: str
    reason: str
    created_at: str

    @property
    def name(self) -> str:
        """How messages name it."""
        return f"ledger entry number {self.seq} ({self.kind} of {self.cause[:80]})"


class PhaseBook:
    """The phases of a network through its periods: `check` each, then `finish`."""

    def __init__(self) -> None:
        self._known: dict[str, PublishedPhase] = {}
        self._causes: set[str] = set()

    def check(self, export: Export) -> None:
        """Holds the phases of a period to themselves, and its entries to them.

        Raises:
            Difference: the first figure that is not the one that follows.
        """
        phases = load_phases(export)
        for phase_id, published in phases.items():
            self._remember(phase_id, published)
        named: set[str] = set()
        for row, postings in _read_entries(export):
            phase_id = row.cause.removeprefix(CAUSE_PREFIX).split("/")[0]
            published = phases.get(phase_id)
            if published is None:
                raise Difference(f"{row.name} is of no phase that is published")
            if row.cause in self._causes:
                raise Difference(f"{row.name} stands twice")
            self._causes.add(row.cause)
            named.add(phase_id)
            _expect_postings(row, postings, _expected_entry(row, published))
        for phase_id in sorted(phases.keys() - named):
            raise Difference(f"phase {phase_id} is named by no entry of {export.name}")

    def finish(self, exports: Sequence[Export]) -> tuple[str, ...]:
        """Holds the points of each phase to the receipts; what could be checked of it, in words.

        Raises:
            Difference: a wallet has other points than its receipts gave, or two phases share the
                same ones.
        """
        _check_overlaps(list(self._known.values()))
        shared = [one for one in self._known.values() if one.phase is not None]
        _check_earlier(shared)
        taken = [note for one in shared for note in check_named(exports, one, self._known)]
        return (*(check_points(exports, one) for one in shared), *taken)

    def _remember(self, phase_id: str, published: PublishedPhase) -> None:
        known = self._known.get(phase_id)
        if known is not None:
            expect_equal(published.name, "terms", recorded=published.terms, recomputed=known.terms)
        if known is not None and known.phase is not None:
            if published.phase is not None and published != known:
                raise Difference(f"{published.name} is not as it was published before")
            return
        self._known[phase_id] = published


def _expected_entry(row: _EntryRow, published: PublishedPhase) -> Entry:
    """The entry that must stand here, once its time is found to be possible."""
    terms, phase = published.terms, published.phase
    if row.kind == "phase_opened":
        if phase is not None:
            expect_equal(row.name, "time", recorded=row.created_at, recomputed=phase.opened_at)
        return _with_cause(row, phase_opened(terms))
    if phase is None:
        raise Difference(f"{row.name}: the file of {published.name} is not published")
    if row.kind == "phase_shared":
        expect_equal(row.name, "time", recorded=row.created_at, recomputed=phase.final_at)
        return _with_cause(row, phase_shared(terms.id, phase.result()))
    return _expected_release(row, phase)


def _expected_release(row: _EntryRow, phase: Phase) -> Entry:
    number = row.cause.rsplit("/", 1)[-1]
    dates = due_dates(phase.terms.vesting)
    if not (number.isascii() and number.isdigit() and len(number) < 5):
        raise Difference(f"{row.name} releases no part")
    if not 1 <= int(number) <= len(dates):
        raise Difference(f"{row.name} releases a part that is none of {len(dates)}")
    due = max(dates[int(number) - 1], phase.final_at)
    if row.created_at < due:
        raise Difference(f"{row.name} is of {row.created_at}, before it was due at {due}")
    amounts = phase.result().wallet_amounts()
    try:
        entry = vesting_released(phase.terms, amounts, number=int(number))
    except BasisError as error:
        raise Difference(f"{row.name} cannot be: {error.message}") from error
    return _with_cause(row, entry)


def _with_cause(row: _EntryRow, entry: Entry) -> Entry:
    expect_equal(row.name, "cause", recorded=row.cause, recomputed=entry.cause)
    return entry


def _expect_postings(row: _EntryRow, recorded: Postings, entry: Entry) -> None:
    due = {(str(one.account), one.asset): int(one.amount_raw) for one in entry.postings}
    for account, asset in sorted(recorded.keys() | due.keys()):
        mine, other = recorded.get((account, asset)), due.get((account, asset))
        if mine != other:
            raise differs(
                row.name, f"posting of {account} in {asset}", recorded=mine, recomputed=other
            )


def _read_entries(export: Export) -> Iterator[tuple[_EntryRow, Postings]]:
    """The entries of phases with their postings, in their order."""
    rows = [
        row
        for row in (
            _EntryRow(*values)  # type: ignore[arg-type]  # as the columns are
            for values in iterate_rows(export.path(ENTRIES.name), ENTRIES)
        )
        if row.kind in PHASE_ENTRIES or row.cause.startswith(CAUSE_PREFIX)
    ]
    wanted = {row.seq for row in rows}
    postings: dict[int, Postings] = {}
    for seq, group in groupby(
        iterate_rows(export.path(POSTINGS.name), POSTINGS), key=lambda values: values[0]
    ):
        if seq in wanted:
            own = cast("Iterator[tuple[int, str, str, int]]", group)
            postings[cast("int", seq)] = {
                (account, asset): amount_raw for _seq, account, asset, amount_raw in own
            }
    for row in rows:
        if row.kind not in PHASE_ENTRIES or not row.cause.startswith(CAUSE_PREFIX):
            raise Difference(f"{row.name} has the cause of a phase, or should have")
        yield row, postings.get(row.seq, {})


def _check_overlaps(phases: list[PublishedPhase]) -> None:
    """A point is redeemed once: two phases of the same points share no time."""
    for index, one in enumerate(phases):
        for other in phases[:index]:
            mine, theirs = one.terms, other.terms
            shared = {pool.points_asset for pool in mine.pools} & {
                pool.points_asset for pool in theirs.pools
            }
            if shared and mine.starts_at < theirs.ends_at and theirs.starts_at < mine.ends_at:
                raise Difference(
                    f"{one.name} and {other.name} both count {' and '.join(sorted(shared))} of the "
                    f"same time"
                )


def _check_earlier(phases: list[PublishedPhase]) -> None:
    """Holds what a phase says of those before it to what they say themselves."""
    for one in phases:
        listed = {(row.points_asset, row.earlier): row for row in one.earlier}
        for other in phases:
            phase, before = one.phase, other.phase
            if phase is None or before is None or phase.counted is None or before.counted is None:
                continue
            for asset in sorted({pool.points_asset for pool in one.terms.pools}):
                due = None
                has_asset = asset in {pool.points_asset for pool in other.terms.pools}
                if has_asset and before.counted.closing < phase.counted.closing:
                    due = (other.terms.starts_at, other.terms.ends_at, before.counted.last_seq)
                row = listed.get((asset, str(other.terms.id)))
                expect_equal(
                    one.name,
                    f"earlier {other.name} of {asset}",
                    recorded=row[3:] if row is not None else None,
                    recomputed=due,
                )
