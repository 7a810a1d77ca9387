"""Counts the points of a phase from the receipts of the periods that are given.

A phase may reach over several periods, and over some that nobody has. Where all of its receipts are
here, their number, their hash, their tables and every wallet's points must be those of its file.
Where some are not, no wallet may have fewer points in the file than the receipts here gave it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple, cast

from basis.audit.difference import Difference, expect_equal
from basis.audit.folder import Export
from basis.audit.phase_records import PublishedPhase
from basis.audit.standings import Standing, load_standings
from basis.rules.errors import DamagedExport
from basis.rules.export_format import RECEIPTS
from basis.rules.phase_steps import CountedReceipts
from basis.rules.phases import PhasePool

_COLUMNS: Final = ["seq", "hash", "created_at", "standing_number", "points_raw"]


class _Receipt(NamedTuple):
    """What counts of a receipt."""

    seq: int
    hash: bytes
    created_at: datetime
    standing: Standing
    points_raw: int


@dataclass(slots=True)
class _Count:
    """What the receipts here come to, in the order in which a phase counts them."""

    digest: Any = field(default_factory=sha256)
    points: defaultdict[tuple[str, str], int] = field(
        default_factory=lambda: defaultdict[tuple[str, str], int](int)
    )
    tables: set[str] = field(default_factory=set[str])
    count: int = 0
    late_count: int = 0

    def add(self, pool: str, receipt: _Receipt, *, is_late: bool) -> None:
        """Takes one receipt."""
        self.digest.update(f"{receipt.hash.hex()}\n".encode())
        self.points[(pool, receipt.standing.worker_wallet)] += int(receipt.points_raw)
        self.tables.add(receipt.standing.points_table)
        self.count += 1
        self.late_count += is_late


def holds_all(exports: Sequence[Export], *, last_seq: int, count: int, here: int) -> bool:
    """Whether every receipt up to `last_seq` is here, or as many as the phase counted."""
    first, last = exports[0].manifest.receipts.after, exports[-1].manifest.receipts.to
    return here == count or (first == 0 and last_seq <= last)


def check_points(exports: Sequence[Export], published: PublishedPhase) -> str:
    """What could be checked of the points of a phase that is shared out, in words.

    Raises:
        Difference: they are not those of its receipts.
    """
    phase = published.phase
    if phase is None or phase.counted is None:
        raise AssertionError("a final phase has counted")
    counted = _Count()
    for pool in sorted(phase.terms.pools, key=lambda one: one.name):
        _count_pool(exports, published, phase.counted, pool, counted)
    is_whole = holds_all(
        exports,
        last_seq=phase.counted.last_seq,
        count=phase.counted.count,
        here=counted.count,
    )
    published_points = {(pool, str(owner)): raw for (pool, owner), raw in phase.points.items()}
    for pool, wallet in sorted(counted.points.keys() | published_points.keys()):
        recorded = published_points.get((pool, wallet), 0)
        here = counted.points.get((pool, wallet), 0)
        if recorded < here or (is_whole and recorded != here):
            name = f"{published.name}, pool {pool}"
            expect_equal(name, f"points of {wallet}", recorded=recorded, recomputed=here)
    if not is_whole:
        if counted.count > phase.counted.count:
            raise Difference(
                f"{published.name} counted {phase.counted.count} receipts, but {counted.count} of "
                f"its time are here"
            )
        return (
            f"{published.name}: {counted.count} of its {phase.counted.count} receipts are in these "
            f"periods; the points of the others are taken from its signed file"
        )
    expect_equal(
        published.name,
        "receipts",
        recorded=phase.counted,
        recomputed=CountedReceipts(
            closing=phase.counted.closing,
            count=counted.count,
            late_count=counted.late_count,
            last_seq=phase.counted.last_seq,
            hash=counted.digest.hexdigest(),
            tables=tuple(sorted(counted.tables - {""})),
        ),
    )
    return f"{published.name}: all of its {counted.count} receipts are in these periods"


def _count_pool(
    exports: Sequence[Export],
    published: PublishedPhase,
    recorded: CountedReceipts,
    pool: PhasePool,
    counted: _Count,
) -> None:
    starts_at = datetime.fromisoformat(published.terms.starts_at)
    ends_at = datetime.fromisoformat(published.terms.ends_at)
    earlier = [
        (datetime.fromisoformat(one.starts_at), datetime.fromisoformat(one.ends_at))
        for one in published.earlier
        if one.points_asset == pool.points_asset
    ]
    swept_seq = max(
        (one.last_seq for one in published.earlier if one.points_asset == pool.points_asset),
        default=recorded.last_seq,
    )
    for receipt in _read_receipts(exports, pool.points_asset, recorded.last_seq):
        is_own = starts_at <= receipt.created_at < ends_at
        is_late = receipt.seq > swept_seq and any(
            since <= receipt.created_at < until for since, until in earlier
        )
        if is_own or is_late:
            counted.add(pool.name, receipt, is_late=not is_own)


def _read_receipts(
    exports: Sequence[Export], points_asset: str, last_seq: int
) -> Iterator[_Receipt]:
    """The receipts with points of this kind, up to a number, in the order of their numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    # What the stubs of pyarrow do not know is typed as anything.
    compute: Any = pc
    parquet: Any = pq
    for export in exports:
        path = export.path(RECEIPTS.name)
        standings = load_standings(export.folder)
        try:
            with parquet.ParquetFile(path) as opened:
                for batch in opened.iter_batches(columns=_COLUMNS):
                    some = batch.filter(compute.not_equal(batch.column("points_raw"), 0))
                    lists = [some.column(name).to_pylist() for name in _COLUMNS]
                    for seq, digest, created_at, number, points_raw in zip(*lists, strict=True):
                        standing = standings[cast("int", number) - 1]
                        if standing.points_asset == points_asset and seq <= last_seq:
                            yield _Receipt(seq, digest, created_at, standing, points_raw)
        except (pa.ArrowException, OSError) as error:
            raise DamagedExport(f"{path} cannot be read: {error}") from error
