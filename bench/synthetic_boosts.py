"""The boosts of a large export: owners with NFTs, a snapshot a day, and what follows from it.

Of four owners one holds one NFT, one holds five, and two hold nothing. Each has one worker with one
card, so its boost is that of the NFTs that it holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from basis.accounting.export_boosts import gpu_rows, grant_rows, snapshot_row
from basis.accounting.parquet_file import ExportFile
from basis.rules.assignments import compute_assignment_hash
from basis.rules.boost_tables import BOOST_TABLES
from basis.rules.boosts import BoostAssignment, Source, WorkerClaim, compute_assignment
from basis.rules.export_context import (
    ASSIGNMENTS,
    BOOSTED_GPUS,
    BOOSTED_WORKERS,
    CONTEXT_FILES,
    GRANTS,
    HOLDINGS,
    SNAPSHOTS,
)
from basis.rules.gpus import ClaimedGpu
from basis.rules.holdings import (
    HoldingKind,
    HoldingsSnapshot,
    Measure,
    arrange_holdings,
    compute_snapshot_hash,
)
from basis.rules.job import WorkerId
from basis.rules.wallet import Wallet
from basis.storage.holdings_store import SnapshotHead, SnapshotRecord

BEGIN = datetime(2026, 11, 24, tzinfo=UTC)
"""When the first snapshot takes effect, and the first job is accepted."""
CARD = "NVIDIA GeForce RTX 4090"
BOOSTS_BPS = (10_000, 10_000, 11_000, 12_500)
"""By an owner's place, counted from 1, modulo 4."""
_HELD = (0, 0, 1, 5)
_VERSION = BOOST_TABLES[-1].version


class Boosts:
    """Snapshots of these days, and an assignment of each holder on each of them."""

    def __init__(self, wallets: list[Wallet], *, days: int) -> None:
        self._wallets = wallets
        self._snapshots = [self._snapshot(day) for day in range(days)]
        self._assignments = {
            (place, day): self._assign(place, wallet, snapshot)
            for day, snapshot in enumerate(self._snapshots)
            for place, wallet in enumerate(wallets, start=1)
            if _HELD[(place - 1) % len(_HELD)]
        }

    def rows(self) -> Iterator[tuple[int, int, str]]:
        """Place, day and hash of every assignment."""
        for (place, day), assignment in self._assignments.items():
            yield place, day, compute_assignment_hash(assignment)

    def write(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        """Writes what the receipts name, and every snapshot."""
        found = connection.execute("SELECT DISTINCT points_assignment FROM standings").fetchall()
        named = {str(name) for (name,) in found}
        files = {file: ExportFile(folder, file) for file in CONTEXT_FILES}
        for day, snapshot in enumerate(self._snapshots):
            files[SNAPSHOTS].add(snapshot_row(_record(day, snapshot)))
            for one in snapshot.holdings:
                row = {"snapshot": day + 1, "wallet": one.wallet, "amount": str(one.amount_raw)}
                files[HOLDINGS].add(row)
        number = 0
        for assignment in self._assignments.values():
            digest = compute_assignment_hash(assignment)
            if digest not in named:
                continue
            number += 1
            files[ASSIGNMENTS].add(
                {
                    "number": number,
                    "hash": digest,
                    "tables": assignment.tables_version,
                    "wallet": assignment.wallet,
                }
            )
            for file, rows in ((GRANTS, grant_rows), (BOOSTED_GPUS, gpu_rows)):
                for row in rows(assignment):
                    files[file].add({"assignment": number, **row})
            for worker_id, boost_bps in assignment.workers:
                files[BOOSTED_WORKERS].add(
                    {"assignment": number, "worker_id": worker_id, "boost_bps": boost_bps}
                )
        for file in files.values():
            file.close()

    def _snapshot(self, day: int) -> HoldingsSnapshot:
        return HoldingsSnapshot(
            measure=Measure.NFT,
            kind=HoldingKind.ERC721,
            chain_id=8453,
            contract=self._wallets[0],
            token_ids=(),
            decimals=0,
            block_number=day,
            block_hash=f"0x{day:064x}",
            block_time_s=day,
            holdings=arrange_holdings(
                {wallet: _HELD[place % len(_HELD)] for place, wallet in enumerate(self._wallets)}
            ),
        )

    def _assign(self, place: int, wallet: Wallet, snapshot: HoldingsSnapshot) -> BoostAssignment:
        source = Source(
            measure=Measure.NFT,
            snapshot_hash=compute_snapshot_hash(snapshot),
            amount_raw=_HELD[(place - 1) % len(_HELD)],
            decimals=0,
        )
        claim = WorkerClaim(
            worker_id=WorkerId(f"worker-{place}"), gpus=(ClaimedGpu(name=CARD, memory_mib=0),)
        )
        return compute_assignment(BOOST_TABLES[-1], wallet=wallet, claims=[claim], sources=[source])


def _record(day: int, snapshot: HoldingsSnapshot) -> SnapshotRecord:
    effective_at = BEGIN + timedelta(days=day)
    return SnapshotRecord(
        head=SnapshotHead(
            seq=day + 1,
            hash=compute_snapshot_hash(snapshot),
            measure=snapshot.measure,
            effective_at=_iso(effective_at),
        ),
        snapshot=snapshot,
        signature="",
        recorded_at=_iso(effective_at - timedelta(seconds=60)),
    )


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
