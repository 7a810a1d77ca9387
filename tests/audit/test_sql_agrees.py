"""What SQL computes of boosts and phases by formulas of its own is what the rules compute."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from basis.accounting.export_boosts import gpu_rows, grant_rows
from basis.audit.difference import Difference
from basis.audit.sql_assignments import AssignmentQueries
from basis.audit.sql_phases import floor_share
from basis.audit.tables import parse_tables
from basis.rules.boost_tables import BOOST_TABLES
from basis.rules.boosts import BoostAssignment, Source, WorkerClaim, compute_assignment
from basis.rules.canonical import canonical_json
from basis.rules.gpus import ClaimedGpu
from basis.rules.holdings import Measure, SnapshotHash
from basis.rules.job import WorkerId
from basis.rules.phases import MAX_POOL_RAW
from basis.rules.units import split_floor
from basis.rules.wallet import Wallet
from tests.support.books import ALICE

NAMES = ["H100", "NVIDIA A100-SXM4-80GB", "RTX 4090", "RTX 3090", "RTX 3060", "Voodoo 3"]
KINDS = (
    "catalogs",
    "epochs",
    "postpaidEpochs",
    "factors",
    "points",
    "boosts",
    "gpus",
    "activations",
    "rails",
)
PUBLISHED = parse_tables(canonical_json({kind: [] for kind in KINDS} | {"activationsUntil": ""}))
"""Of a period that names no tables: those that the program knows."""


def draw_assignment(chance: random.Random) -> BoostAssignment:
    """Of an owner with some machines and holdings of any size, in any decimals."""
    claims = [
        WorkerClaim(
            worker_id=WorkerId(f"worker-{number}"),
            gpus=tuple(
                ClaimedGpu(name=chance.choice(NAMES), memory_mib=0)
                for _ in range(chance.choice((0, 1, 4, 8, 256)))
            ),
        )
        for number in range(chance.randrange(6))
    ]
    chance.shuffle(claims)
    decimals = chance.choice((0, 6, 18, 27, 36))
    held = {
        (Measure.NFT, 0): chance.choice((1, 2, 4, 5, 9, 10, 20, 10**9, 10**40)),
        (Measure.STAKE, decimals): chance.choice(
            (1, chance.randrange(10**decimals, 10 ** (decimals + 6)), 10**57, 2**256 - 1)
        ),
    }
    some = chance.sample(sorted(held), chance.randrange(1, 3))
    return compute_assignment(
        BOOST_TABLES[-1],
        wallet=Wallet(ALICE),
        claims=claims,
        sources=[
            Source(
                measure=measure,
                snapshot_hash=SnapshotHash("ab" * 32),
                amount_raw=held[measure, places],
                decimals=places,
            )
            for measure, places in some
        ],
    )


def check(assignments: list[BoostAssignment], forge: Callable[[Any], None]) -> None:
    """Lets SQL recompute the assignments, once `forge` has changed the tables."""
    rows: dict[str, list[dict[str, Any]]] = {
        "assignments": [],
        "grants": [],
        "boosted_gpus": [],
        "boosted_workers": [],
    }
    for number, one in enumerate(assignments, start=1):
        rows["assignments"].append({"number": number, "tables": one.tables_version})
        rows["grants"] += [{"assignment": number, **row} for row in grant_rows(one)]
        rows["boosted_gpus"] += [{"assignment": number, **row} for row in gpu_rows(one)]
        rows["boosted_workers"] += [
            {"assignment": number, "worker_id": worker_id, "boost_bps": boost_bps}
            for worker_id, boost_bps in one.workers
        ]
    forge(rows)
    with duckdb.connect() as connection:
        for name, some in rows.items():
            connection.register(name, pa.Table.from_pylist(some))
        AssignmentQueries(connection, PUBLISHED).check()


@pytest.fixture(scope="module")
def assignments() -> list[BoostAssignment]:
    """Many, of which some have everything that can be."""
    chance = random.Random(20_261_123)
    return [draw_assignment(chance) for _ in range(150)]


def test_assignments__any_fleet_and_holdings__are_what_sql_finds(
    assignments: list[BoostAssignment],
) -> None:
    assert {grant.gpu_limit for one in assignments for grant in one.grants} >= {0, 3, 2**31 - 1}

    check(assignments, lambda _rows: None)


def forgeries() -> Iterator[tuple[str, str, int]]:
    """Every number that is computed, one more and one less."""
    for table, column in (
        ("grants", "boost_bps"),
        ("grants", "gpu_limit"),
        ("boosted_gpus", "boost_bps"),
        ("boosted_gpus", "count"),
        ("boosted_gpus", "first"),
        ("boosted_gpus", "place"),
        ("boosted_workers", "boost_bps"),
    ):
        for step in (-1, 1):
            yield table, column, step


@pytest.mark.parametrize(("table", "column", "step"), list(forgeries()))
def test_assignments__one_number_forged__is_found_by_sql(
    assignments: list[BoostAssignment], table: str, column: str, step: int
) -> None:
    chance = random.Random(f"{table} {column} {step}")
    for _ in range(3):

        def forge(rows: dict[str, list[dict[str, Any]]]) -> None:
            chance.choice(rows[table])[column] += step

        with pytest.raises(Difference, match="boost assignment number "):
            check(assignments, forge)


points = st.lists(st.integers(min_value=1, max_value=10**20), min_size=1, max_size=6)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(pool_raw=st.integers(min_value=1, max_value=MAX_POOL_RAW), points=points)
@example(pool_raw=MAX_POOL_RAW, points=[10**22, 9 * 10**22 - 1])
@example(pool_raw=1, points=[1, 1, 1])
@example(pool_raw=MAX_POOL_RAW, points=[1, 10**22])
def test_shares__any_pool_and_points__are_floored_as_the_rules_do(
    pool_raw: int, points: list[int]
) -> None:
    shares, _dust = split_floor(pool_raw, points)

    share = floor_share("t.total")
    query = (
        f"SELECT {share} FROM (SELECT unnest($points::HUGEINT[]) AS points_raw) j, "  # noqa: S608 - a formula and no input
        "(SELECT $pool::HUGEINT AS amount_raw) p, (SELECT $total::HUGEINT AS total) t"
    )
    given = {"points": points, "pool": pool_raw, "total": sum(points)}
    found = duckdb.execute(query, given).fetchall()

    assert [one for (one,) in found] == shares
