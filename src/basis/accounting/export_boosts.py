"""What the boosts of a period follow from: snapshots of holdings, and the assignments named.

Of snapshots, those that counted at some time between the first and the last receipt with points,
whole: whoever has them sees also that an owner without a boost held nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection

from basis.accounting.boost_snapshots import load_heads_by_measure
from basis.accounting.export_rows import Row
from basis.accounting.parquet_file import ExportFile
from basis.rules.boost_tables import BOOST_TABLES, boost_tables_in_force
from basis.rules.boosts import BoostAssignment
from basis.rules.errors import DamagedRecord, NotFound
from basis.rules.export_context import (
    ASSIGNMENTS,
    BOOSTED_GPUS,
    BOOSTED_WORKERS,
    GRANTS,
    HOLDINGS,
    SNAPSHOTS,
)
from basis.rules.manifest import FileRecord
from basis.storage.holdings_store import (
    SnapshotHead,
    SnapshotRecord,
    load_assignment,
    load_snapshot,
)
from basis.storage.receipt_store import StoredReceipt


class UsedBoosts:
    """Collects what the receipts of a period name, and writes it beside them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers: dict[str, int] = {}
        self._first = ""
        self._last = ""

    def add(self, receipt: StoredReceipt) -> None:
        """Takes one receipt."""
        points, at = receipt.details.points, receipt.core.created_at
        if points is None:
            return
        self._first = min(self._first or at, at)
        self._last = max(self._last, at)
        if points.assignment:
            self._numbers.setdefault(points.assignment, len(self._numbers) + 1)

    @property
    def versions(self) -> set[str]:
        """The boost tables that were in force at some time of these receipts."""
        begun = boost_tables_in_force(self._first)
        return {
            tables.version
            for tables in BOOST_TABLES
            if tables is begun or self._first < tables.effective_from <= self._last
        }

    def write(self, folder: Path) -> list[FileRecord]:
        """Writes the files of snapshots and of assignments.

        Raises:
            DamagedRecord: a receipt names an assignment that is not on record, or a snapshot or an
                assignment is not what its hash says.
        """
        return [*self._write_snapshots(folder), *self._write_assignments(folder)]

    def _write_snapshots(self, folder: Path) -> list[FileRecord]:
        snapshots, holdings = ExportFile(folder, SNAPSHOTS), ExportFile(folder, HOLDINGS)
        for head in sorted(self._heads(), key=lambda one: one.seq):
            recorded = load_snapshot(self._connection, head.hash)
            snapshots.add(snapshot_row(recorded))
            for holding in recorded.snapshot.holdings:
                holdings.add(
                    {
                        "snapshot": head.seq,
                        "wallet": holding.wallet,
                        "amount": str(holding.amount_raw),
                    }
                )
        return [snapshots.close(), holdings.close()]

    def _heads(self) -> Iterator[SnapshotHead]:
        """Of each measure, those that came to count between the first and the last receipt, and
        the one that counted at the first."""
        if not self._last:
            return
        for heads in load_heads_by_measure(self._connection).values():
            begun = [head for head in heads if head.effective_at <= self._first]
            yield from begun[-1:]
            yield from (head for head in heads if self._first < head.effective_at <= self._last)

    def _write_assignments(self, folder: Path) -> list[FileRecord]:
        assignments, grants = ExportFile(folder, ASSIGNMENTS), ExportFile(folder, GRANTS)
        gpus, workers = ExportFile(folder, BOOSTED_GPUS), ExportFile(folder, BOOSTED_WORKERS)
        for name, number in self._numbers.items():
            try:
                assignment = load_assignment(self._connection, name).assignment
            except NotFound as error:
                raise DamagedRecord(
                    f"a receipt names the boost assignment {name[:64]}, which is not on record"
                ) from error
            assignments.add(
                {
                    "number": number,
                    "hash": name,
                    "tables": assignment.tables_version,
                    "wallet": assignment.wallet,
                }
            )
            for row in grant_rows(assignment):
                grants.add({"assignment": number, **row})
            for row in gpu_rows(assignment):
                gpus.add({"assignment": number, **row})
            for worker_id, boost_bps in assignment.workers:
                workers.add({"assignment": number, "worker_id": worker_id, "boost_bps": boost_bps})
        return [file.close() for file in (assignments, grants, gpus, workers)]


def snapshot_row(recorded: SnapshotRecord) -> Row:
    """The row of a snapshot, without its holdings."""
    snapshot = recorded.snapshot
    return {
        "number": recorded.head.seq,
        "hash": recorded.head.hash,
        "measure": snapshot.measure.value,
        "kind": snapshot.kind.value,
        "chain_id": snapshot.chain_id,
        "contract": snapshot.contract,
        "token_ids": ",".join(map(str, snapshot.token_ids)),
        "decimals": snapshot.decimals,
        "block_number": snapshot.block_number,
        "block_hash": snapshot.block_hash,
        "block_time_s": snapshot.block_time_s,
        "signer": snapshot.signer,
        "signature": recorded.signature,
        "recorded_at": recorded.recorded_at,
        "effective_at": recorded.head.effective_at,
    }


def grant_rows(assignment: BoostAssignment) -> Iterator[Row]:
    """The rows of its grants, without the assignment's number."""
    for place, grant in enumerate(assignment.grants, start=1):
        yield {
            "place": place,
            "measure": grant.source.measure.value,
            "snapshot": grant.source.snapshot_hash,
            "amount": str(grant.source.amount_raw),
            "decimals": grant.source.decimals,
            "boost_bps": grant.boost_bps,
            "gpu_limit": grant.gpu_limit,
        }


def gpu_rows(assignment: BoostAssignment) -> Iterator[Row]:
    """The rows of its GPUs, without the assignment's number."""
    for place, run in enumerate(assignment.runs, start=1):
        yield {
            "place": place,
            "worker_id": run.worker_id,
            "first": run.index,
            "count": run.count,
            "name": run.name,
            "boost_bps": run.boost_bps,
            "measure": "" if run.measure is None else run.measure.value,
        }
