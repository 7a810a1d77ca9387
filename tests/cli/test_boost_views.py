"""`basis boost list` and `show`: what is on record, in force, and granted by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from basis.rules.assignments import compute_assignment_hash
from basis.rules.boost_tables import BOOST_TABLES
from basis.rules.boosts import Source, WorkerClaim, compute_assignment
from basis.rules.gpus import ClaimedGpu
from basis.rules.holdings import Measure, SnapshotHash
from basis.rules.job import WorkerId
from basis.rules.wallet import Wallet
from basis.storage.database import begin_write, open_database
from basis.storage.holdings_store import draft_snapshot, store_assignment, store_snapshot
from tests.cli.conftest import Command
from tests.support.books import ALICE, BOB
from tests.support.holdings import make_snapshot, make_stake

LONG_AGO = "2026-11-23T00:00:00.000Z"


def fill(workers: Path) -> tuple[str, str]:
    """Records NFTs and stake that are in force, and an assignment; its hash and the NFTs'."""
    engine = open_database(workers, create=False)
    with begin_write(engine) as connection:
        nfts, _ = store_snapshot(
            connection, draft_snapshot(make_snapshot({ALICE: 2, BOB: 0})), now=LONG_AGO
        )
        store_snapshot(connection, draft_snapshot(make_stake({ALICE: 3_000})), now=LONG_AGO)
        assignment = compute_assignment(
            BOOST_TABLES[-1],
            wallet=Wallet(ALICE),
            claims=[
                WorkerClaim(
                    worker_id=WorkerId("alice-1"),
                    gpus=(
                        *[ClaimedGpu(name="RTX 4090", memory_mib=0)] * 7,
                        ClaimedGpu(name="Voodoo 3", memory_mib=0),
                    ),
                )
            ],
            sources=[
                Source(
                    measure=Measure.NFT,
                    snapshot_hash=SnapshotHash(nfts.head.hash),
                    amount_raw=2,
                    decimals=0,
                )
            ],
        )
        store_assignment(connection, assignment, now=LONG_AGO)
    engine.dispose()
    return compute_assignment_hash(assignment), nfts.head.hash


def test_boost_list__several__says_which_are_in_force(basis: Command, workers: Path) -> None:
    fill(workers)
    engine = open_database(workers, create=False)
    with begin_write(engine) as connection:
        later = "2999-01-01T00:00:00.000Z"
        store_snapshot(connection, draft_snapshot(make_snapshot({ALICE: 9}, block=7)), now=later)
    engine.dispose()

    listed = basis("boost", "list", "--json").json
    lines = basis("boost", "list").out.splitlines()

    assert [(one["number"], one["measure"], one["isInForce"]) for one in listed] == [
        (3, "nft", False),
        (2, "stake", True),
        (1, "nft", True),
    ]
    assert all("holdings" not in one for one in listed)
    assert len(lines) == 4
    assert len(basis("boost", "list", "--limit", "1", "--json").json) == 1


def test_boost_show__without_a_name__is_what_is_in_force(basis: Command, workers: Path) -> None:
    empty = basis("boost", "show").out
    fill(workers)
    shown, as_json = basis("boost", "show").out, basis("boost", "show", "--json").json

    assert "nobody is boosted" in empty
    for part in ("tables 2026-11-23", "1: 11000", "250000: 15000", "3 GPUs for each 1000"):
        assert part in shown
    assert [one["measure"] for one in as_json["snapshots"]] == ["nft", "stake"]


def test_boost_show__wallet__is_what_it_holds_grants_and_got(basis: Command, workers: Path) -> None:
    assignment_hash, _ = fill(workers)

    shown, as_json = basis("boost", "show", ALICE).out, basis("boost", "show", ALICE, "--json").json

    assert as_json["holdings"][0]["boostBps"] == 11_500
    assert as_json["holdings"][1]["gpuLimit"] == 9
    assert as_json["newestAssignment"]["hash"] == assignment_hash
    for part in ("2 by snapshot 1", "3000 by snapshot 2", "alice-1: 11125 bps", "unknown card"):
        assert part in shown


def test_boost_show__wallet_without_holdings__says_why(basis: Command, workers: Path) -> None:
    fill(workers)

    holds_nothing = basis("boost", "show", BOB.lower()).out
    stranger = basis("boost", "show", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb").out

    assert "0 by snapshot 1" in holds_nothing
    assert "stake  not looked at" in holds_nothing
    assert stranger.count("not looked at") == 2


def test_boost_show__one_record__is_whole(basis: Command, workers: Path) -> None:
    assignment_hash, snapshot_hash = fill(workers)

    assert basis("boost", "show", "1", "--json").json["hash"] == snapshot_hash
    assert basis("boost", "show", snapshot_hash[:10], "--json").json["number"] == 1
    assert basis("boost", "show", assignment_hash, "--json").json["wallet"] == ALICE
    assert f"{ALICE}  2" in basis("boost", "show", "1").out


@pytest.mark.parametrize(
    ("name", "code"), [("9", 4), ("deadbeef", 4), ("ab" * 32, 4), ("0x12", 3), ("x", 4)]
)
def test_boost_show__no_such_name__exits_by_name(
    basis: Command, workers: Path, name: str, code: int
) -> None:
    fill(workers)

    outcome = basis("boost", "show", name)

    assert (outcome.code, outcome.out) == (code, "")
