"""Assignments by tables and an order of GPUs that are given, not known by their version."""

from __future__ import annotations

from dataclasses import replace

import pytest

from basis.rules.boost_tables import BOOST_TABLES
from basis.rules.boosts import (
    BoostAssignment,
    Source,
    WorkerClaim,
    compute_assignment,
    recompute_assignment,
)
from basis.rules.errors import InvalidInput
from basis.rules.gpus import ClaimedGpu, GpuTable, gpu_table_of_version
from basis.rules.holdings import Measure, SnapshotHash
from basis.rules.job import WorkerId
from basis.rules.units import Bps
from basis.rules.wallet import Wallet

TABLES = BOOST_TABLES[-1]
ALICE = Wallet("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
ONE_NFT = Source(
    measure=Measure.NFT, snapshot_hash=SnapshotHash("11" * 32), amount_raw=1, decimals=0
)
STRONG, WEAK = "H100", "RTX 3060"


def _upside_down() -> GpuTable:
    """The known cards, the weakest first."""
    known = gpu_table_of_version(TABLES.gpus_version)
    last = len(known.by_key) - 1
    by_key = {
        key: replace(gpu, rank=last - gpu.rank) for key, gpu in reversed(known.by_key.items())
    }
    return replace(known, version="upside-down", by_key=by_key)


def _assign(gpus: GpuTable | None = None) -> BoostAssignment:
    """Three GPUs' worth of boost for four of each kind."""
    return compute_assignment(
        TABLES,
        wallet=ALICE,
        claims=[
            WorkerClaim(
                worker_id=WorkerId(name),
                gpus=tuple(ClaimedGpu(name=card, memory_mib=0) for _ in range(4)),
            )
            for name, card in (("strong", STRONG), ("weak", WEAK))
        ],
        sources=[ONE_NFT],
        gpus=gpus,
    )


def _boosted(assignment: BoostAssignment) -> dict[str, int]:
    return {run.name: run.count for run in assignment.runs if run.measure is Measure.NFT}


def test_compute_assignment__no_order_given__boosts_by_that_of_the_tables() -> None:
    assert _boosted(_assign()) == {STRONG: 3}
    assert _assign() == _assign(gpu_table_of_version(TABLES.gpus_version))


def test_compute_assignment__another_order_given__boosts_by_it() -> None:
    assert _boosted(_assign(_upside_down())) == {WEAK: 3}


def test_recompute_assignment__order_that_it_was_made_by__gives_it_again() -> None:
    made = _assign(_upside_down())

    assert recompute_assignment(made, gpus=_upside_down()) == made
    assert recompute_assignment(made) == _assign()


def test_recompute_assignment__tables_that_are_given__come_before_those_it_names() -> None:
    nft = TABLES.rules[0]
    double = replace(nft, steps=((1, Bps(20_000)),))
    given = replace(TABLES, version="tomorrow", rules=(double, *TABLES.rules[1:]))

    again = recompute_assignment(_assign(), tables=given)

    assert again.tables_version == "tomorrow"
    assert [grant.boost_bps for grant in again.grants] == [20_000]
    assert (again.boost_of("strong"), again.boost_of("weak")) == (17_500, 10_000)


def test_recompute_assignment__unknown_version__needs_its_tables() -> None:
    recorded = replace(_assign(), tables_version="tomorrow")

    with pytest.raises(InvalidInput) as refused:
        recompute_assignment(recorded)

    assert refused.value.param == "boosts_version"
    given = replace(TABLES, version="tomorrow")
    assert recompute_assignment(recorded, tables=given) == recorded
