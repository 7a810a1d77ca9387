"""Which boost a worker has now: the snapshots in force, applied to its owner's linked GPUs.

The gateway asks once per job, at its end:

    boost = await boosts.of(held.session, accepted_at=job.created_at)

and the link tells `on_linked` and `on_unlinked`. What is decided then stays on the receipt: a later
snapshot, or another machine, changes later jobs only. The record that the answer names is durable
before the answer is given.

Of a snapshot, each job sees the one that had taken effect when it was accepted. The store is looked
at every `_BELIEVED_NS`, which is shorter than a snapshot takes to have effect
(`holdings_store.TAKES_EFFECT_AFTER_S`), so that another process may record it. An owner's GPUs are
those that its linked workers claim at the job's end, and those of the worker itself.
Source: mission P6, P7; docs/decisions/0014-boosts.md.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from sqlalchemy import Engine

from basis.accounting.boost_snapshots import (
    HeadsByMeasure,
    Holdings,
    find_in_force,
    find_source,
    load_heads_by_measure,
    load_holdings,
)
from basis.rules.assignments import NO_ASSIGNMENT, AssignmentHash, compute_assignment_hash
from basis.rules.boost_tables import BoostTables, boost_tables_in_force
from basis.rules.boosts import BoostAssignment, Source, WorkerClaim, compute_assignment
from basis.rules.gpus import ClaimedGpu, gpu_table_of_version, split_claim
from basis.rules.holdings import SnapshotHash
from basis.rules.job import WorkerId
from basis.rules.units import WHOLE_BPS, Bps
from basis.rules.wallet import Wallet
from basis.storage.clock import now_iso
from basis.storage.holdings_store import store_assignment
from basis.storage.writer import GroupCommitWriter
from basis.wire.frames import Hardware

_BELIEVED_NS: Final = 20_000_000_000
"""How long the list of snapshots is believed without a look into the store."""
_HOLDINGS_KEPT: Final = 4
"""Snapshots whose holdings are in memory: one per measure in force, and the one before."""
_ASSIGNMENTS_KEPT: Final = 10_000
_GPU: Final = "gpu"


class Machine(Protocol):
    """A worker as it is linked: `dispatch.session.WorkerSession` is one."""

    @property
    def worker_id(self) -> str:
        """The worker's id."""
        ...

    @property
    def wallet(self) -> str:
        """Where its rewards go: the owner."""
        ...

    @property
    def hardware(self) -> Hardware:
        """What it claims to run on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Boost:
    """What a receipt keeps: the multiplier, and the assignment that explains it.

    `assignment` is "" where no snapshot in force has a holding of the owner's: then 10000.
    """

    boost_bps: Bps
    assignment: AssignmentHash


NO_BOOST: Final = Boost(boost_bps=WHOLE_BPS, assignment=NO_ASSIGNMENT)


@dataclass(frozen=True, slots=True)
class _Assigned:
    boosts: Mapping[WorkerId, Bps]
    hash: AssignmentHash


_Unlinked = tuple[str, Hardware] | None
_Key = tuple[str, str, tuple[SnapshotHash, ...], int, _Unlinked]
"""Tables, wallet, snapshots in force, the last change of the owner's links, and the worker itself
if it is not linked as it was: all that an assignment follows from."""


class BoostBook:
    """Event loop's thread only."""

    def __init__(
        self,
        engine: Engine,
        writer: GroupCommitWriter,
        *,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`clock` gives nanoseconds, and never goes back."""
        self._engine = engine
        self._writer = writer
        self._clock = clock
        self._linked: defaultdict[str, dict[str, Hardware]] = defaultdict(dict)
        self._wallet_of: dict[str, str] = {}
        self._changes = 0
        self._changed: dict[str, int] = {}
        """Wallet -> the number of the last change of its linked workers; none without any."""
        self._heads: HeadsByMeasure = {}
        self._looked_at: int | None = None
        self._look = asyncio.Lock()
        self._holdings: OrderedDict[SnapshotHash, Holdings] = OrderedDict()
        self._assigned: OrderedDict[_Key, _Assigned] = OrderedDict()
        self._making: dict[_Key, asyncio.Task[_Assigned]] = {}

    def on_linked(self, machine: Machine) -> None:
        """The worker is connected, with this hardware, for this owner."""
        self.on_unlinked(machine.worker_id)
        self._linked[machine.wallet][machine.worker_id] = machine.hardware
        self._wallet_of[machine.worker_id] = machine.wallet
        self._count_change(machine.wallet)

    def on_unlinked(self, worker_id: str) -> None:
        """The worker is gone: its GPUs leave their boosts to the owner's others."""
        wallet = self._wallet_of.pop(worker_id, None)
        if wallet is not None:
            del self._linked[wallet][worker_id]
            self._count_change(wallet)
            if not self._linked[wallet]:
                del self._linked[wallet], self._changed[wallet]

    async def of(self, machine: Machine, *, accepted_at: str) -> Boost:
        """The boost of `machine` for a job accepted at this ISO 8601 time.

        The assignment that it names is durable once this returns.

        Raises:
            StorageUnavailable: the assignment could not be recorded.
            DamagedRecord: a snapshot in the store is not what basis wrote.
        """
        await self._look_into_store()
        tables = boost_tables_in_force(accepted_at)
        if tables is None:
            return NO_BOOST
        sources = await self._sources(tables, machine.wallet, accepted_at)
        if not sources:
            return NO_BOOST
        assigned = await self._assign(tables, machine, sources)
        boost_bps = assigned.boosts.get(WorkerId(machine.worker_id), WHOLE_BPS)
        return Boost(boost_bps=boost_bps, assignment=assigned.hash)

    def _count_change(self, wallet: str) -> None:
        self._changes += 1
        self._changed[wallet] = self._changes

    async def _sources(self, tables: BoostTables, wallet: str, accepted_at: str) -> list[Source]:
        """What the owner holds by the snapshots in force; nothing stands for a holding of 0."""
        sources: list[Source] = []
        for head in find_in_force(self._heads, tables, at=accepted_at):
            source = find_source(head, await self._holdings_of(head.hash), wallet)
            if source is not None:
                sources.append(source)
        return sources

    async def _assign(
        self, tables: BoostTables, machine: Machine, sources: list[Source]
    ) -> _Assigned:
        linked = self._linked.get(machine.wallet, {})
        is_linked = linked.get(machine.worker_id) == machine.hardware
        key: _Key = (
            tables.version,
            machine.wallet,
            tuple(source.snapshot_hash for source in sources),
            self._changed.get(machine.wallet, 0),
            None if is_linked else (machine.worker_id, machine.hardware),
        )
        known = self._assigned.get(key)
        if known is not None:
            self._assigned.move_to_end(key)
            return known
        making = self._making.get(key)
        if making is None:
            claims = {**linked, machine.worker_id: machine.hardware}
            work = self._make(key, tables, Wallet(machine.wallet), claims, sources)
            making = self._making[key] = asyncio.create_task(work)
            making.add_done_callback(lambda _done: self._making.pop(key))
        # One caller that leaves must not take the others' answer with it.
        return await asyncio.shield(making)

    async def _make(
        self,
        key: _Key,
        tables: BoostTables,
        wallet: Wallet,
        claims: Mapping[str, Hardware],
        sources: list[Source],
    ) -> _Assigned:
        assignment = await asyncio.to_thread(_compute, tables, wallet, claims, sources)
        now = now_iso()
        await self._writer.write(
            lambda connection: store_assignment(connection, assignment, now=now)
        )
        made = _Assigned(dict(assignment.workers), compute_assignment_hash(assignment))
        self._assigned[key] = made
        if len(self._assigned) > _ASSIGNMENTS_KEPT:
            self._assigned.popitem(last=False)
        return made

    async def _look_into_store(self) -> None:
        if self._is_believed():
            return
        async with self._look:
            if not self._is_believed():
                looked_at = self._clock()
                self._heads = await asyncio.to_thread(self._load_heads)
                self._looked_at = looked_at

    def _is_believed(self) -> bool:
        return self._looked_at is not None and self._clock() - self._looked_at < _BELIEVED_NS

    async def _holdings_of(self, snapshot_hash: SnapshotHash) -> Holdings:
        known = self._holdings.get(snapshot_hash)
        if known is None:
            known = await asyncio.to_thread(self._load_holdings, snapshot_hash)
            self._holdings[snapshot_hash] = known
            if len(self._holdings) > _HOLDINGS_KEPT:
                self._holdings.popitem(last=False)
        return known

    def _load_heads(self) -> HeadsByMeasure:
        with self._engine.connect() as connection:
            return load_heads_by_measure(connection)

    def _load_holdings(self, snapshot_hash: SnapshotHash) -> Holdings:
        with self._engine.connect() as connection:
            return load_holdings(connection, snapshot_hash)


def _compute(
    tables: BoostTables, wallet: Wallet, claims: Mapping[str, Hardware], sources: list[Source]
) -> BoostAssignment:
    """In a thread: an owner may have a thousand machines."""
    table = gpu_table_of_version(tables.gpus_version)
    cards: dict[tuple[str, int], tuple[ClaimedGpu, ...]] = {}
    workers: list[WorkerClaim] = []
    for worker_id, hardware in claims.items():
        count = hardware.count if hardware.kind == _GPU else 0
        claim = (hardware.name, count)
        if claim not in cards:
            cards[claim] = tuple(split_claim(table, name=hardware.name, count=count, memory_mib=0))
        workers.append(WorkerClaim(worker_id=WorkerId(worker_id), gpus=cards[claim]))
    return compute_assignment(tables, wallet=wallet, claims=workers, sources=sources)
