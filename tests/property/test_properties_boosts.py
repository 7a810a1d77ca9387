"""Boosts under any fleet and holdings: order, growth, limits, and nothing gained by splitting."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from basis.rules.boost_tables import BOOST_TABLES
from basis.rules.boosts import (
    BoostAssignment,
    Source,
    WorkerClaim,
    compute_assignment,
    recompute_assignment,
)
from basis.rules.gpus import GPU_TABLES, ClaimedGpu, compute_rank
from basis.rules.holdings import Measure, SnapshotHash
from basis.rules.job import WorkerId
from basis.rules.units import WHOLE_BPS
from basis.rules.wallet import parse_wallet

TABLES = BOOST_TABLES[-1]
GPUS = GPU_TABLES[-1]
WALLET = parse_wallet("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
NAMES = ["H100", "A100", "RTX 4090", "RTX 3090", "RTX 3060", "Voodoo 3", "GeForce RTX 4090"]
UNIT = 10**18

nft_counts = st.integers(min_value=0, max_value=25)
stakes = st.integers(min_value=0, max_value=300_000).map(lambda whole: whole * UNIT)


@st.composite
def fleets(draw: st.DrawFn, *, most: int = 6) -> list[WorkerClaim]:
    """An owner's workers, each with a name of its own and up to ten GPUs."""
    machines = draw(st.lists(st.lists(st.sampled_from(NAMES), max_size=10), max_size=most))
    return [
        WorkerClaim(
            worker_id=WorkerId(f"worker-{number}"),
            gpus=tuple(ClaimedGpu(name=name, memory_mib=0) for name in names),
        )
        for number, names in enumerate(machines)
    ]


def assign(claims: list[WorkerClaim], nfts: int, stake_raw: int) -> BoostAssignment:
    held = ((Measure.NFT, nfts, 0), (Measure.STAKE, stake_raw, 18))
    return compute_assignment(
        TABLES,
        wallet=WALLET,
        claims=claims,
        sources=[
            Source(
                measure=measure,
                snapshot_hash=SnapshotHash("ab" * 32),
                amount_raw=amount_raw,
                decimals=decimals,
            )
            for measure, amount_raw, decimals in held
        ],
    )


def each_gpu(assignment: BoostAssignment) -> dict[tuple[str, int], int]:
    """(worker, index) -> boost of that GPU."""
    boosts = [
        ((run.worker_id, run.index + offset), run.boost_bps)
        for run in assignment.runs
        for offset in range(run.count)
    ]
    assert len(dict(boosts)) == len(boosts)
    return dict(boosts)


def worth(assignment: BoostAssignment) -> int:
    """The boosts of all GPUs, where a stronger GPU does more work."""
    return sum(
        run.boost_bps * run.count * (len(GPUS.by_key) + 1 - compute_rank(GPUS, run.name))
        for run in assignment.runs
    )


@given(fleets(), nft_counts, stakes, st.randoms(use_true_random=False))
def test_compute_assignment__order_of_workers__does_not_matter(
    claims: list[WorkerClaim], nfts: int, stake_raw: int, chance: random.Random
) -> None:
    shuffled = list(claims)
    chance.shuffle(shuffled)
    assert assign(shuffled, nfts, stake_raw) == assign(claims, nfts, stake_raw)


@given(fleets(), nft_counts, nft_counts, stakes, stakes)
def test_compute_assignment__more_held__never_lessens_a_boost(
    claims: list[WorkerClaim], nfts: int, more_nfts: int, stake_raw: int, more_stake_raw: int
) -> None:
    less = assign(claims, nfts, stake_raw)
    more = assign(claims, nfts + more_nfts, stake_raw + more_stake_raw)
    before, after = each_gpu(less), each_gpu(more)
    assert all(after[gpu] >= boost_bps for gpu, boost_bps in before.items())
    assert all(more.boost_of(worker) >= boost_bps for worker, boost_bps in less.workers)


@given(fleets(), nft_counts, stakes)
def test_compute_assignment__any_holding__boosts_at_most_three_gpus_a_unit(
    claims: list[WorkerClaim], nfts: int, stake_raw: int
) -> None:
    boosted: Counter[Measure | None] = Counter()
    for run in assign(claims, nfts, stake_raw).runs:
        boosted[run.measure] += run.count
        assert (run.boost_bps > WHOLE_BPS) is (run.measure is not None)
    assert boosted[Measure.NFT] <= 3 * nfts
    assert boosted[Measure.STAKE] <= 3 * (stake_raw // (1_000 * UNIT))


@given(fleets(), nft_counts, stakes)
def test_compute_assignment__every_gpu__is_listed_once_and_the_stronger_gets_more(
    claims: list[WorkerClaim], nfts: int, stake_raw: int
) -> None:
    assignment = assign(claims, nfts, stake_raw)
    assert each_gpu(assignment).keys() == {
        (claim.worker_id, index) for claim in claims for index in range(len(claim.gpus))
    }
    ranks = [(compute_rank(GPUS, run.name), -run.boost_bps) for run in assignment.runs]
    assert ranks == sorted(ranks)
    assert [-boost_bps for _, boost_bps in ranks] == sorted(
        (run.boost_bps for run in assignment.runs), reverse=True
    )


@given(fleets(), nft_counts, stakes)
def test_compute_assignment__each_worker__has_the_floored_mean_of_its_gpus(
    claims: list[WorkerClaim], nfts: int, stake_raw: int
) -> None:
    assignment = assign(claims, nfts, stake_raw)
    boosts = each_gpu(assignment)
    for claim in claims:
        own = [boosts[(claim.worker_id, index)] for index in range(len(claim.gpus))]
        mean = sum(own) // len(own) if own else WHOLE_BPS
        assert assignment.boost_of(claim.worker_id) == mean


@given(fleets(), nft_counts, nft_counts, stakes, stakes, st.integers(0, 63))
def test_compute_assignment__owner_split_in_two__gains_nothing(
    claims: list[WorkerClaim], nfts: int, other_nfts: int, stake: int, other_stake: int, cut: int
) -> None:
    """Whatever worker goes to which wallet, and however the holdings are divided."""
    here = [claim for number, claim in enumerate(claims) if cut >> number & 1]
    there = [claim for claim in claims if claim not in here]
    split = (assign(here, nfts, stake), assign(there, other_nfts, other_stake))
    whole = assign(claims, nfts + other_nfts, stake + other_stake)
    assert sum(sum(each_gpu(part).values()) for part in split) <= sum(each_gpu(whole).values())
    assert sum(worth(part) for part in split) <= worth(whole)


@given(fleets(), nft_counts, stakes)
def test_recompute_assignment__any__gives_the_same(
    claims: list[WorkerClaim], nfts: int, stake_raw: int
) -> None:
    assignment = assign(claims, nfts, stake_raw)
    assert recompute_assignment(assignment) == assignment
