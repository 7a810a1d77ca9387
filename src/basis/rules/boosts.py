"""By how much holdings multiply the points of an owner's GPUs.

Each unit of a holding (one NFT, or so much stake) boosts a few GPUs; how strongly follows from the
whole holding, by steps. A GPU takes at most one boost, and the greatest boosts go to the strongest
GPUs. A worker's boost is the mean over its GPUs, floored; a worker without a GPU has none.
What the sources leave open is ours: that stake is counted in units as NFTs are, that boosts are
never joined on one GPU, that unknown cards come last.

What holds, and is tested:
- the order in which workers and holdings come does not matter;
- a greater holding never lessens any boost;
- no unit boosts more than `gpus_per_unit` GPUs;
- an owner that spreads its GPUs and its holdings over several wallets gains nothing in the sum over
  its GPUs, nor if stronger GPUs count for more; a worker's floor takes less than 1 bps of it.
It does not hold that joining gains nothing: the steps pay for that. And GPUs are claimed, not
measured: who claims fewer than it has puts its boost on all that it does.
Source: mission P6 (NFTs, three GPUs each), P7 (stake); docs/decisions/0014-boosts.md.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from basis.rules.boost_tables import BoostTables, boost_tables_of_version, compute_step
from basis.rules.errors import InvalidInput
from basis.rules.gpus import (
    ClaimedGpu,
    GpuTable,
    compute_rank,
    gpu_table_of_version,
    parse_gpu,
)
from basis.rules.holdings import MAX_DECIMALS, Measure, SnapshotHash
from basis.rules.job import WorkerId
from basis.rules.units import WHOLE_BPS, Bps, mul_div_floor
from basis.rules.wallet import Wallet

ASSIGNMENT_VERSION = 1
MAX_GPU_LIMIT = 2**31 - 1
"""Where a grant's limit stops to grow: far more GPUs than an owner can claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerClaim:
    """The GPUs that a worker says it has, as `gpus.split_claim` reads them."""

    worker_id: WorkerId
    gpus: tuple[ClaimedGpu, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the wallet held by one snapshot, with the snapshot's decimals."""

    measure: Measure
    snapshot_hash: SnapshotHash
    amount_raw: int
    decimals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a source gives: so many GPUs may take a boost of `boost_bps`."""

    source: Source
    boost_bps: Bps
    gpu_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuRun:
    """Like GPUs of a worker that stand together: `count` of them, the first at `index`.

    `name` is the GPU table's, "" for a card that it does not know. `measure` is what boosts them;
    None, with 10000 bps, for those that nothing is left for.
    """

    worker_id: WorkerId
    index: int
    count: int
    name: str
    boost_bps: Bps = WHOLE_BPS
    measure: Measure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoostAssignment:
    """Who of an owner's GPUs gets which boost, and all that it follows from.

    `grants` stand by boost, greatest first; `runs` from the strongest GPU to the weakest; `workers`
    holds the boost of each worker that has a GPU, by id.
    """

    tables_version: str
    wallet: Wallet
    grants: tuple[Grant, ...]
    runs: tuple[GpuRun, ...]
    workers: tuple[tuple[WorkerId, Bps], ...]
    assignment_version: int = ASSIGNMENT_VERSION

    def boost_of(self, worker_id: str) -> Bps:
        """The worker's boost; 10000 for one without a GPU."""
        for known, boost_bps in self.workers:
            if known == worker_id:
                return boost_bps
        return WHOLE_BPS


def compute_grant(tables: BoostTables, source: Source) -> Grant:
    """What a source gives under the set's rule for its measure, whatever the rule's dates.

    Raises:
        InvalidInput: a negative amount, decimals out of range, or no rule for the measure.
    """
    if source.amount_raw < 0 or not 0 <= source.decimals <= MAX_DECIMALS:
        raise InvalidInput(
            f"{source.amount_raw} with {source.decimals} decimals are held", param="amountRaw"
        )
    for rule in tables.rules:
        if rule.measure is source.measure:
            held_raw = mul_div_floor(source.amount_raw, 10**rule.decimals, 10**source.decimals)
            return Grant(
                source=source,
                boost_bps=compute_step(rule, held_raw),
                gpu_limit=min(held_raw // rule.unit_raw * rule.gpus_per_unit, MAX_GPU_LIMIT),
            )
    raise InvalidInput(f"no rule for {source.measure.value}", param="measure")


def compute_assignment(
    tables: BoostTables,
    *,
    wallet: Wallet,
    claims: Iterable[WorkerClaim],
    sources: Iterable[Source],
    gpus: GpuTable | None = None,
) -> BoostAssignment:
    """Which of the owner's GPUs gets which boost, with all that it follows from.

    `sources` are those in force, at most one for a measure; `claims` one for a worker; `gpus` is
    the order that the tables name, if it is none of those that this version knows.

    Raises:
        InvalidInput: a worker or a measure stands twice, or what `compute_grant` refuses.
    """
    grants = _arrange_grants(tables, sources)
    table = gpus if gpus is not None else gpu_table_of_version(tables.gpus_version)
    runs = tuple(_give_out(grants, _arrange_runs(table, claims)))
    return BoostAssignment(
        tables_version=tables.version,
        wallet=wallet,
        grants=grants,
        runs=runs,
        workers=_worker_boosts(runs),
    )


def recompute_assignment(
    recorded: BoostAssignment,
    *,
    tables: BoostTables | None = None,
    gpus: GpuTable | None = None,
) -> BoostAssignment:
    """The assignment that follows from what `recorded` says was held and claimed.

    By the tables that it names, unless others are given.

    Raises:
        InvalidInput: tables that were never published, or doubled workers or measures.
    """
    by_worker = itertools.groupby(
        sorted(recorded.runs, key=lambda run: (run.worker_id, run.index)),
        key=lambda run: run.worker_id,
    )
    claims = [
        WorkerClaim(
            worker_id=worker_id,
            gpus=tuple(
                ClaimedGpu(name=run.name, memory_mib=0) for run in runs for _ in range(run.count)
            ),
        )
        for worker_id, runs in by_worker
    ]
    return compute_assignment(
        boost_tables_of_version(recorded.tables_version) if tables is None else tables,
        wallet=recorded.wallet,
        claims=claims,
        sources=[grant.source for grant in recorded.grants],
        gpus=gpus,
    )


def _arrange_grants(tables: BoostTables, sources: Iterable[Source]) -> tuple[Grant, ...]:
    grants = [compute_grant(tables, source) for source in sources]
    if len({grant.source.measure for grant in grants}) < len(grants):
        raise InvalidInput("a measure has two sources", param="sources")
    grants.sort(key=lambda grant: (-grant.boost_bps, grant.source.measure.value))
    return tuple(grants)


def _arrange_runs(table: GpuTable, claims: Iterable[WorkerClaim]) -> list[GpuRun]:
    """The runs of all workers, from the strongest GPU to the weakest, none of them boosted."""
    ranked: list[tuple[int, GpuRun]] = []
    known: dict[str, tuple[str, int]] = {}  # an owner's cards have few different names
    seen: set[str] = set()
    for claim in claims:
        if claim.worker_id in seen:
            raise InvalidInput(f"{claim.worker_id} claims its GPUs twice", param="claims")
        seen.add(claim.worker_id)
        index = 0
        for gpu in claim.gpus:
            if gpu.name not in known:
                known[gpu.name] = _find_card(table, gpu.name)
        for (name, rank), like in itertools.groupby(known[gpu.name] for gpu in claim.gpus):
            count = sum(1 for _ in like)
            run = GpuRun(worker_id=claim.worker_id, index=index, count=count, name=name)
            ranked.append((rank, run))
            index += count
    ranked.sort(key=lambda pair: (pair[0], pair[1].worker_id, pair[1].index))
    return [run for _rank, run in ranked]


def _find_card(table: GpuTable, claimed: str) -> tuple[str, int]:
    """The table's name of a card, and its place; unknown ones share "" and the last place."""
    gpu = parse_gpu(table, claimed)
    return ("" if gpu is None else gpu.name), compute_rank(table, claimed)


def _give_out(grants: Sequence[Grant], runs: Iterable[GpuRun]) -> Iterator[GpuRun]:
    """`runs` with their boosts, cut where one grant ends and the next begins."""
    left = [grant for grant in grants if grant.boost_bps > WHOLE_BPS]
    limits = [grant.gpu_limit for grant in left]
    current = 0
    for run in runs:
        while run.count:
            while current < len(left) and not limits[current]:
                current += 1
            if current == len(left):
                yield run
                break
            taken = min(run.count, limits[current])
            limits[current] -= taken
            yield replace(
                run,
                count=taken,
                boost_bps=left[current].boost_bps,
                measure=left[current].source.measure,
            )
            run = replace(run, index=run.index + taken, count=run.count - taken)


def _worker_boosts(runs: Iterable[GpuRun]) -> tuple[tuple[WorkerId, Bps], ...]:
    sums: defaultdict[WorkerId, int] = defaultdict(int)
    counts: defaultdict[WorkerId, int] = defaultdict(int)
    for run in runs:
        sums[run.worker_id] += run.boost_bps * run.count
        counts[run.worker_id] += run.count
    return tuple(
        (worker_id, Bps(sums[worker_id] // counts[worker_id])) for worker_id in sorted(sums)
    )
