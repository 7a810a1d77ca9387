"""The reference's look at boosts: each receipt's, by what its worker's owner held at that time.

Receipts that tell the same story are checked once for each window of time and row group. What is
taken from the publisher: that a snapshot is what the chain says, which any archive node tells, and
which of an owner's other workers were linked.
"""

from __future__ import annotations

from collections.abc import Iterator

from basis.audit.boost_records import (
    PublishedAssignment,
    SnapshotBook,
    load_assignments,
)
from basis.audit.boost_stories import Receipts, Story, find_receipt, iterate_groups
from basis.audit.boost_windows import Window, cut_windows
from basis.audit.difference import Difference, expect_equal
from basis.audit.folder import Export
from basis.audit.snapshot_history import SnapshotHistory
from basis.rules.boosts import BoostAssignment, Source
from basis.rules.gpus import GpuTable, parse_gpu, split_claim
from basis.rules.holdings import SnapshotHash
from basis.rules.job import WorkerId
from basis.rules.units import WHOLE_BPS
from basis.rules.wallet import Wallet


class BoostBook:
    """The boosts of a network through its periods."""

    def __init__(self) -> None:
        self._snapshots = SnapshotBook()
        self._history = SnapshotHistory()

    def check(self, export: Export) -> None:
        """Recomputes the assignments of a period, and holds every receipt to them.

        Raises:
            Difference: the first that is not as it follows.
        """
        snapshots = self._snapshots.load(export)
        assignments = load_assignments(export)
        windows = cut_windows(export.tables, snapshots)
        _expect_counted(export, windows)
        named: set[str] = set()
        first = last = ""
        for receipts in iterate_groups(export):
            begun, ended = receipts.times
            first = min(first or begun, begun or first)
            last = max(last, ended)
            flaws = sorted(_find_flaws(export, receipts, windows, assignments, named))
            if flaws:
                seq, words = flaws[0]
                raise Difference(f"{find_receipt(export, seq)}{words}")
        for digest, published in assignments.items():
            if digest not in named:
                raise Difference(
                    f"boost assignment number {published.number} is named by no receipt"
                )
        self._history.add(export.name, snapshots, first=first, last=last)


def _find_flaws(
    export: Export,
    receipts: Receipts,
    windows: list[Window],
    assignments: dict[str, PublishedAssignment],
    named: set[str],
) -> Iterator[tuple[int, str]]:
    """The number of the first receipt of each story that is wrong, and what is wrong with it."""
    for window in windows:
        for story in receipts.stories(since=window.since, until=window.until):
            named.add(story.assignment)
            try:
                _check_story(export, story, window, assignments.get(story.assignment))
            except Difference as found:
                yield story.seq, str(found)


def _check_story(
    export: Export, story: Story, window: Window, published: PublishedAssignment | None
) -> None:
    """Raises a Difference that begins after the receipt's name."""
    sources = _sources(window, story.wallet) if story.status == "completed" else []
    if not sources or window.tables is None:
        expect_equal("", "boost", recorded=story.boost_bps, recomputed=WHOLE_BPS)
        expect_equal("", "assignment", recorded=story.assignment, recomputed="")
        return
    if published is None:
        what = "not boosted" if not story.assignment else f"boosted by {story.assignment[:64]}"
        raise Difference(
            f": its worker's owner {story.wallet} held what counts, and was {what}, which is no "
            f"boost assignment of this period"
        )
    assignment = published.assignment
    expect_equal("", "owner", recorded=assignment.wallet, recomputed=story.wallet)
    version = window.tables.version
    expect_equal("", "boost tables", recorded=assignment.tables_version, recomputed=version)
    held = [grant.source for grant in assignment.grants]
    if _sorted(held) != _sorted(sources):
        raise Difference(
            f": boost assignment number {published.number} counts other holdings than "
            f"{story.wallet} had by the snapshots that counted then"
        )
    expect_equal(
        "",
        "boost",
        recorded=story.boost_bps,
        recomputed=assignment.boost_of(story.worker_id),
    )
    gpus = export.tables.gpus[window.tables.gpus_version]
    expect_equal(
        "",
        "GPUs in the assignment",
        recorded=_assigned_cards(assignment, story.worker_id),
        recomputed=_claimed_cards(gpus, story),
    )


def _sources(window: Window, wallet: str) -> list[Source]:
    """What the wallet held by the snapshots that counted; nothing stands for a holding of 0."""
    return [
        Source(
            measure=measure,
            snapshot_hash=SnapshotHash(snapshot.hash),
            amount_raw=snapshot.amounts[Wallet(wallet)],
            decimals=snapshot.decimals,
        )
        for measure, snapshot in window.snapshots.items()
        if Wallet(wallet) in snapshot.amounts
    ]


def _sorted(sources: list[Source]) -> list[Source]:
    return sorted(sources, key=lambda source: source.measure)


def _assigned_cards(assignment: BoostAssignment, worker_id: str) -> list[str]:
    runs = [run for run in assignment.runs if run.worker_id == WorkerId(worker_id)]
    return [run.name for run in sorted(runs, key=lambda run: run.index) for _ in range(run.count)]


def _claimed_cards(table: GpuTable, story: Story) -> list[str]:
    """The cards that the receipt says its worker claimed, as the table calls them."""
    cards = split_claim(table, name=story.gpu_name, count=story.gpu_count, memory_mib=0)
    known = [parse_gpu(table, card.name) for card in cards]
    return ["" if gpu is None else gpu.name for gpu in known]


def _expect_counted(export: Export, windows: list[Window]) -> None:
    """Refuses a period whose tables name an order of GPUs that is not published."""
    for window in windows:
        if window.tables is not None and window.tables.gpus_version not in export.tables.gpus:
            raise Difference(
                f"{export.name}: the GPU table {window.tables.gpus_version[:80]!r} is not among "
                f"what was published"
            )
