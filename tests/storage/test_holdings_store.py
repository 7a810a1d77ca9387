"""Snapshots and assignments: appended once, in effect a minute later, found again whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, select, update

from basis.rules.assignments import compute_assignment_hash
from basis.rules.boost_tables import BOOST_TABLES
from basis.rules.boosts import BoostAssignment, Source, WorkerClaim, compute_assignment
from basis.rules.errors import Conflict, DamagedRecord, InvalidInput, NotFound
from basis.rules.gpus import ClaimedGpu
from basis.rules.holdings import Measure, SnapshotHash, compute_snapshot_hash
from basis.rules.job import WorkerId
from basis.rules.wallet import Wallet
from basis.storage.holdings_store import (
    draft_snapshot,
    iterate_snapshots,
    load_assignment,
    load_heads,
    load_newest_assignment,
    load_snapshot,
    load_snapshots,
    store_assignment,
    store_snapshot,
)
from basis.storage.schema import boost_assignments, holdings_snapshots
from tests.support.books import ALICE, BOB
from tests.support.holdings import make_snapshot, make_stake

NOON = "2026-11-24T12:00:00.000Z"
LATER = "2026-11-24T12:00:30.500Z"


def make_assignment(nfts: int, *, wallet: str = ALICE) -> BoostAssignment:
    return compute_assignment(
        BOOST_TABLES[-1],
        wallet=Wallet(wallet),
        claims=[
            WorkerClaim(
                worker_id=WorkerId("alice-1"), gpus=(ClaimedGpu(name="A100", memory_mib=0),)
            )
        ],
        sources=[
            Source(
                measure=Measure.NFT,
                snapshot_hash=SnapshotHash("ab" * 32),
                amount_raw=nfts,
                decimals=0,
            )
        ],
    )


def test_store_snapshot__new__is_recorded_and_takes_effect_in_a_minute(engine: Engine) -> None:
    snapshot = make_snapshot({ALICE: 2, BOB: 0})

    with engine.begin() as connection:
        record, is_new = store_snapshot(connection, draft_snapshot(snapshot), now=NOON)

    assert is_new
    assert record.snapshot == snapshot
    assert record.head.hash == compute_snapshot_hash(snapshot)
    assert (record.head.seq, record.head.measure) == (1, Measure.NFT)
    assert (record.recorded_at, record.head.effective_at) == (NOON, "2026-11-24T12:01:00.000Z")
    with engine.connect() as connection:
        assert load_snapshot(connection, "1") == record
        assert load_heads(connection) == [record.head]


def test_store_snapshot__repeat__is_a_no_op(engine: Engine) -> None:
    with engine.begin() as connection:
        first, _ = store_snapshot(connection, draft_snapshot(make_snapshot({ALICE: 2})), now=NOON)
        store_snapshot(connection, draft_snapshot(make_snapshot({ALICE: 3}, block=101)), now=LATER)
        again, is_new = store_snapshot(
            connection, draft_snapshot(make_snapshot({ALICE: 2})), now=LATER
        )

        assert (again, is_new) == (first, False)
        assert len(load_heads(connection)) == 2


def test_store_snapshot__clock_set_back__is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        store_snapshot(connection, draft_snapshot(make_snapshot({ALICE: 2})), now=LATER)

    with engine.begin() as connection, pytest.raises(Conflict, match="clock"):
        store_snapshot(connection, draft_snapshot(make_snapshot({ALICE: 3})), now=NOON)
    with engine.connect() as connection:
        assert len(load_heads(connection)) == 1


def test_store_snapshot__that_no_chain_gives__is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        with pytest.raises(InvalidInput):
            store_snapshot(connection, draft_snapshot(make_snapshot({ALICE: -1})), now=NOON)
        assert load_heads(connection) == []


def test_load_snapshots__several__are_newest_first_and_whole(engine: Engine) -> None:
    with engine.begin() as connection:
        for block in (5, 6, 7):
            store_snapshot(
                connection, draft_snapshot(make_snapshot({ALICE: 1}, block=block)), now=NOON
            )
        store_snapshot(connection, draft_snapshot(make_stake({BOB: 5})), now=NOON, signature="0x12")

        newest = load_snapshots(connection, limit=2)
        every = list(iterate_snapshots(connection))

    assert [record.head.seq for record in newest] == [4, 3]
    assert newest[0].signature == "0x12"
    assert [record.head.seq for record in every] == [1, 2, 3, 4]
    assert every[0].snapshot.block_number == 5


def test_load_snapshot__by_hash_or_its_beginning__is_found(engine: Engine) -> None:
    with engine.begin() as connection:
        record, _ = store_snapshot(connection, draft_snapshot(make_snapshot({ALICE: 1})), now=NOON)

        assert load_snapshot(connection, record.head.hash) == record
        assert load_snapshot(connection, record.head.hash[:8]) == record


@pytest.mark.parametrize("name", ["", "2", "abc", "deadbeef", "%" * 8, "9" * 30, "٣"])
def test_load_snapshot__no_such_name__raises(engine: Engine, name: str) -> None:
    with engine.begin() as connection:
        store_snapshot(connection, draft_snapshot(make_snapshot({ALICE: 1})), now=NOON)

        with pytest.raises(NotFound):
            load_snapshot(connection, name)


@pytest.mark.parametrize(
    "change",
    [
        {"record": "{}"},
        {"record": "no JSON"},
        {"measure": "stake"},
        {"measure": "love"},
        {"hash": "0" * 64},
        {"record": b"\xff"},
    ],
    ids=str,
)
def test_load_snapshots__row_that_something_changed__is_refused_by_name(
    engine: Engine, change: dict[str, object]
) -> None:
    with engine.begin() as connection:
        store_snapshot(connection, draft_snapshot(make_snapshot({ALICE: 1})), now=NOON)
        connection.execute(update(holdings_snapshots).values(**change))

        with pytest.raises(DamagedRecord, match="holdings_snapshots with seq 1"):
            load_snapshots(connection, limit=1)


def test_load_snapshots__figure_that_something_changed__is_not_that_of_the_hash(
    engine: Engine,
) -> None:
    with engine.begin() as connection:
        store_snapshot(connection, draft_snapshot(make_snapshot({ALICE: 1})), now=NOON)
        record = connection.scalars(select(holdings_snapshots.c.record)).one()
        changed = record.replace('"amountRaw":"1"', '"amountRaw":"9"')
        connection.execute(update(holdings_snapshots).values(record=changed))

        with pytest.raises(DamagedRecord, match="not those of the hash"):
            load_snapshots(connection, limit=1)


def test_store_assignment__twice__is_recorded_once(engine: Engine) -> None:
    assignment = make_assignment(1)

    with engine.begin() as connection:
        store_assignment(connection, assignment, now=NOON)
        store_assignment(connection, assignment, now=LATER)
        found = load_assignment(connection, compute_assignment_hash(assignment))

        assert (found.assignment, found.created_at) == (assignment, NOON)
        assert len(connection.execute(select(boost_assignments)).all()) == 1


def test_load_newest_assignment__of_a_wallet__is_the_last_recorded(engine: Engine) -> None:
    with engine.begin() as connection:
        for nfts in (3, 1):
            store_assignment(connection, make_assignment(nfts), now=NOON)
        store_assignment(connection, make_assignment(7, wallet=BOB), now=NOON)

        found = load_newest_assignment(connection, ALICE)

        assert found is not None
        assert found.assignment == make_assignment(1)
        assert load_newest_assignment(connection, "0x12") is None


def test_load_assignment__unknown__raises(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(NotFound):
        load_assignment(connection, "ab" * 32)


def _other_wallet(text: str) -> str:
    return text.replace(ALICE, BOB)


def _no_json(_text: str) -> str:
    return "{"


@pytest.mark.parametrize("change", [_other_wallet, _no_json])
def test_load_assignment__record_that_something_changed__is_refused(
    engine: Engine, change: Callable[[str], str]
) -> None:
    assignment = make_assignment(1)
    with engine.begin() as connection:
        store_assignment(connection, assignment, now=NOON)
        record = connection.scalars(select(boost_assignments.c.record)).one()
        connection.execute(update(boost_assignments).values(record=change(record)))

        with pytest.raises(DamagedRecord, match="boost_assignments with seq 1"):
            load_assignment(connection, compute_assignment_hash(assignment))
