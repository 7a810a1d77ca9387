"""What a period publishes of boosts, by the rules: each record is held to its hash, and each
assignment to what it says was held and claimed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, zip_longest
from typing import Final, NamedTuple, cast

from basis.audit.difference import Difference, differs, expect_equal
from basis.audit.folder import Export
from basis.audit.parquet import iterate_rows
from basis.rules.assignments import compute_assignment_hash, parse_assignment
from basis.rules.boosts import BoostAssignment, recompute_assignment
from basis.rules.canonical import canonical_json
from basis.rules.errors import BasisError
from basis.rules.export_columns import ParquetFile
from basis.rules.export_context import (
    ASSIGNMENTS,
    BOOSTED_GPUS,
    BOOSTED_WORKERS,
    GRANTS,
    HOLDINGS,
    SNAPSHOTS,
)
from basis.rules.holdings import (
    HoldingKind,
    HoldingsSnapshot,
    Measure,
    compute_snapshot_hash,
    recover_signer,
    snapshot_of,
)
from basis.rules.wallet import Wallet

TAKES_EFFECT_AFTER_S: Final = 60
"""From a snapshot's recording to the first job that it counts for."""
Row = tuple[object, ...]


class _SnapshotRow(NamedTuple):
    """A row of snapshots.parquet, in the order of its columns."""

    number: int
    hash: bytes
    measure: str
    kind: str
    chain_id: int
    contract: str
    token_ids: str
    decimals: int
    block_number: int
    block_hash: str
    block_time_s: int
    signer: str
    signature: str
    recorded_at: str
    effective_at: str

    @property
    def name(self) -> str:
        """How messages name it."""
        return f"holdings snapshot number {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A snapshot that is what its hash says; `amounts` has the wallets that hold something."""

    number: int
    hash: str
    measure: Measure
    decimals: int
    effective_at: str
    amounts: Mapping[Wallet, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedAssignment:
    """An assignment that follows from its own record, under its number."""

    number: int
    assignment: BoostAssignment


@dataclass(slots=True)
class SnapshotBook:
    """The snapshots of the periods before, since one stands in each period that it counts in."""

    _known: dict[int, _SnapshotRow] = field(default_factory=dict[int, _SnapshotRow])

    def load(self, export: Export) -> list[Snapshot]:
        """The snapshots of a period in the order of their numbers.

        Raises:
            Difference: one is not what its hash says, or is not as it was published before.
        """
        found: list[Snapshot] = []
        holdings = _Groups(export, HOLDINGS)
        for values in iterate_rows(export.path(SNAPSHOTS.name), SNAPSHOTS):
            row = _SnapshotRow(*values)  # type: ignore[arg-type]  # as the columns are
            if found and not (
                found[-1].number < row.number and found[-1].effective_at <= row.effective_at
            ):
                raise Difference(f"{row.name} does not stand in its order")
            expect_equal(
                row.name,
                "effective_at",
                recorded=row.effective_at,
                recomputed=_effective_at(row.recorded_at),
            )
            found.append(_read_snapshot(row, holdings.of(row.number)))
            if self._known.setdefault(row.number, row) != row:
                raise Difference(f"{row.name} is not as it was published before")
        holdings.finish()
        return found


def load_assignments(export: Export) -> dict[str, PublishedAssignment]:
    """The assignments of a period by their hashes.

    Raises:
        Difference: one does not follow from what it says was held and claimed.
    """
    found: dict[str, PublishedAssignment] = {}
    parts = [_Groups(export, file) for file in (GRANTS, BOOSTED_GPUS, BOOSTED_WORKERS)]
    for values in iterate_rows(export.path(ASSIGNMENTS.name), ASSIGNMENTS):
        number, digest, version, wallet = cast("tuple[int, bytes, str, str]", values)
        name = f"boost assignment number {number}"
        if number != len(found) + 1:
            raise Difference(f"{name} does not stand in its order")
        try:
            assignment = _read_assignment(version, wallet, *(part.of(number) for part in parts))
            tables = export.tables.boosts.get(version)
            gpus = export.tables.gpus.get(tables.gpus_version) if tables is not None else None
            if tables is None or gpus is None:
                raise Difference(f"{name}: its tables {version[:80]!r} are not published")
            again = recompute_assignment(assignment, tables=tables, gpus=gpus)
        except (BasisError, ValueError) as error:
            raise Difference(f"{name} cannot be recomputed: {error}") from error
        _expect_same(name, assignment, again)
        expect_equal(
            name,
            "hash",
            recorded=digest.hex(),
            recomputed=str(compute_assignment_hash(assignment)),
        )
        found[digest.hex()] = PublishedAssignment(number=number, assignment=assignment)
    for part in parts:
        part.finish()
    return found


class _Groups:
    """The rows of a file by the number in their first column, which ascends."""

    def __init__(self, export: Export, file: ParquetFile) -> None:
        self._file = file
        self._groups: Iterator[tuple[object, Iterator[Row]]] = groupby(
            iterate_rows(export.path(file.name), file), key=lambda row: row[0]
        )
        self._number, self._rows = next(self._groups, (None, iter(())))

    def of(self, number: int) -> list[Row]:
        """The rows of this number, if it is the next one; none if it is not."""
        if self._number != number:
            return []
        rows = list(self._rows)
        self._number, self._rows = next(self._groups, (None, iter(())))
        return rows

    def finish(self) -> None:
        """Refuses rows that nobody asked for."""
        if self._number is not None:
            raise Difference(
                f"{self._file.name} has rows of number {self._number}, which is not there or not "
                f"in its order"
            )


def _read_snapshot(row: _SnapshotRow, holdings: list[Row]) -> Snapshot:
    try:
        snapshot = snapshot_of(
            {
                "snapshotVersion": 1,
                "measure": row.measure,
                "kind": row.kind,
                "chainId": row.chain_id,
                "contract": row.contract,
                "tokenIds": row.token_ids.split(",") if row.token_ids else [],
                "decimals": row.decimals,
                "blockNumber": row.block_number,
                "blockHash": row.block_hash,
                "blockTimeS": row.block_time_s,
                "signer": row.signer,
                "holdings": [
                    {"wallet": wallet, "amountRaw": amount} for _number, wallet, amount in holdings
                ],
            }
        )
        _check_signature(row, snapshot)
    except BasisError as error:
        raise Difference(f"{row.name} cannot be: {error.message}") from error
    again = compute_snapshot_hash(snapshot)
    expect_equal(row.name, "hash", recorded=row.hash.hex(), recomputed=str(again))
    return Snapshot(
        number=row.number,
        hash=again,
        measure=snapshot.measure,
        decimals=snapshot.decimals,
        effective_at=row.effective_at,
        amounts={one.wallet: one.amount_raw for one in snapshot.holdings if one.amount_raw},
    )


def _check_signature(row: _SnapshotRow, snapshot: HoldingsSnapshot) -> None:
    if snapshot.kind is not HoldingKind.FILE:
        expect_equal(row.name, "signature", recorded=row.signature, recomputed="")
        return
    found = recover_signer(snapshot, row.signature)
    expect_equal(row.name, "signer", recorded=row.signer, recomputed=str(found))


def _read_assignment(
    version: str, wallet: str, grants: list[Row], gpus: list[Row], workers: list[Row]
) -> BoostAssignment:
    for rows in (grants, gpus):
        if [row[1] for row in rows] != list(range(1, len(rows) + 1)):
            raise ValueError("its grants or GPUs do not stand in their order")
    names = ("measure", "snapshotHash", "amountRaw", "decimals", "boostBps", "gpuLimit")
    members = {
        "assignmentVersion": 1,
        "tablesVersion": version,
        "wallet": wallet,
        "grants": [
            dict(zip(names, [_hex(value) for value in row[2:]], strict=True)) for row in grants
        ],
        "gpus": [
            dict(
                zip(
                    ("workerId", "index", "count", "name", "boostBps", "measure"),
                    row[2:],
                    strict=True,
                )
            )
            for row in gpus
        ],
        "workers": [
            {"workerId": worker_id, "boostBps": boost_bps} for _n, worker_id, boost_bps in workers
        ],
    }
    return parse_assignment(canonical_json(members).decode())


def _hex(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


def _expect_same(name: str, recorded: BoostAssignment, again: BoostAssignment) -> None:
    expect_equal(name, "wallet", recorded=recorded.wallet, recomputed=again.wallet)
    for place, (old, new) in enumerate(zip(recorded.grants, again.grants, strict=True), start=1):
        where = f"{name}, grant {place}"
        if old.source != new.source:
            raise Difference(f"{name}: its grants do not stand in their order")
        expect_equal(where, "boost_bps", recorded=old.boost_bps, recomputed=new.boost_bps)
        expect_equal(where, "gpu_limit", recorded=old.gpu_limit, recomputed=new.gpu_limit)
    for place, (run, due) in enumerate(zip_longest(recorded.runs, again.runs), start=1):
        if run == due:
            continue
        where = f"{name}, GPUs {place}"
        if run is not None and due is not None and run.count == due.count:
            expect_equal(where, "boost_bps", recorded=run.boost_bps, recomputed=due.boost_bps)
        raise differs(where, "content", recorded=run, recomputed=due)
    mine, due_to = dict(recorded.workers), dict(again.workers)
    for worker_id in sorted(mine.keys() | due_to.keys()):
        expect_equal(
            f"{name}, worker {worker_id}",
            "boost_bps",
            recorded=mine.get(worker_id),
            recomputed=due_to.get(worker_id),
        )
    if recorded.workers != again.workers:
        raise Difference(f"{name}: its workers do not stand in their order")


def _effective_at(recorded_at: str) -> str:
    moment = datetime.fromisoformat(recorded_at) + timedelta(seconds=TAKES_EFFECT_AFTER_S)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
