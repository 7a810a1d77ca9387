"""Which boost a worker has now: over the real store and writer, as the gateway asks it."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Engine, update

from basis.accounting.boosts import NO_BOOST, BoostBook
from basis.rules.boosts import recompute_assignment
from basis.rules.errors import DamagedRecord, StorageUnavailable
from basis.storage.holdings_store import load_heads
from basis.storage.schema import holdings_snapshots
from basis.storage.writer import GroupCommitWriter
from tests.accounting.conftest import Clock
from tests.support.books import ALICE, BOB
from tests.support.holdings import (
    assignment_of,
    count_assignments,
    make_snapshot,
    make_stake,
    record,
    rig,
)

NOON = "2026-11-24T12:00:00.000Z"
ONE = "2026-11-24T13:00:00.000Z"
JUST_BEFORE = "2026-11-24T12:00:59.999Z"
IN_EFFECT = "2026-11-24T12:01:00.000Z"
EVENING = "2026-11-24T20:00:00.000Z"
SECOND_NS = 1_000_000_000


async def test_of__without_any_snapshot__is_1x(book: BoostBook, engine: Engine) -> None:
    assert await book.of(rig("alice-1"), accepted_at=EVENING) == NO_BOOST
    assert (NO_BOOST.boost_bps, NO_BOOST.assignment) == (10_000, "")
    assert count_assignments(engine) == 0


async def test_of__owner_with_nfts__is_their_boost_and_names_a_durable_record(
    book: BoostBook, engine: Engine
) -> None:
    record(engine, make_snapshot({ALICE: 2, BOB: 0}))

    boost = await book.of(rig("alice-1"), accepted_at=EVENING)

    assert boost.boost_bps == 11_500
    recorded = assignment_of(engine, boost)
    assert recorded.boost_of("alice-1") == 11_500
    assert recompute_assignment(recorded) == recorded
    with engine.connect() as connection:
        (head,) = load_heads(connection)
    assert [grant.source.snapshot_hash for grant in recorded.grants] == [head.hash]


@pytest.mark.parametrize("wallet", [BOB, "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"])
async def test_of__owner_who_holds_nothing_or_was_not_looked_at__is_1x(
    book: BoostBook, engine: Engine, wallet: str
) -> None:
    record(engine, make_snapshot({ALICE: 2, BOB: 0}))

    assert await book.of(rig("bob-1", wallet=wallet), accepted_at=EVENING) == NO_BOOST
    assert count_assignments(engine) == 0


async def test_of__job_accepted_before_the_snapshot_took_effect__is_not_boosted(
    book: BoostBook, engine: Engine
) -> None:
    record(engine, make_snapshot({ALICE: 2}))

    before = await book.of(rig("alice-1"), accepted_at=JUST_BEFORE)
    after = await book.of(rig("alice-1"), accepted_at=IN_EFFECT)

    assert (before, after.boost_bps) == (NO_BOOST, 11_500)


async def test_of__newer_snapshot__counts_for_later_jobs_only(
    book: BoostBook, engine: Engine
) -> None:
    record(engine, make_snapshot({ALICE: 2}))
    record(engine, make_snapshot({ALICE: 20}, block=200), now=ONE)

    old = await book.of(rig("alice-1"), accepted_at="2026-11-24T13:00:59.999Z")
    new = await book.of(rig("alice-1"), accepted_at="2026-11-24T13:01:00.000Z")

    assert (old.boost_bps, new.boost_bps) == (11_500, 15_000)
    assert old.assignment != new.assignment


async def test_of__before_there_were_tables__is_1x(book: BoostBook, engine: Engine) -> None:
    record(engine, make_snapshot({ALICE: 2}), now="2026-11-20T00:00:00.000Z")

    assert await book.of(rig("alice-1"), accepted_at="2026-11-22T00:00:00.000Z") == NO_BOOST


async def test_of__snapshot_recorded_by_another_process__is_seen_before_it_has_effect(
    book: BoostBook, engine: Engine, clock: Clock
) -> None:
    assert await book.of(rig("alice-1"), accepted_at=NOON) == NO_BOOST
    record(engine, make_snapshot({ALICE: 1}))

    clock.now_ns += 19 * SECOND_NS
    believed = await book.of(rig("alice-1"), accepted_at=EVENING)
    clock.now_ns += 1 * SECOND_NS
    looked = await book.of(rig("alice-1"), accepted_at=EVENING)

    assert (believed, looked.boost_bps) == (NO_BOOST, 11_000)


async def test_of__stake_and_nfts__boost_gpus_of_their_own(book: BoostBook, engine: Engine) -> None:
    record(engine, make_snapshot({ALICE: 1}))
    record(engine, make_stake({ALICE: 10_000}))

    boost = await book.of(rig("alice-1", 33), accepted_at=EVENING)

    # 30 by stake at 12500, 3 by the NFT at 11000.
    assert boost.boost_bps == (30 * 12_500 + 3 * 11_000) // 33


async def test_of__worker_without_a_gpu__is_1x_and_says_by_which_assignment(
    book: BoostBook, engine: Engine
) -> None:
    record(engine, make_snapshot({ALICE: 5}))

    boost = await book.of(rig("alice-1", 0, name="x86 CPU"), accepted_at=EVENING)

    assert boost.boost_bps == 10_000
    assert assignment_of(engine, boost).workers == ()


@pytest.mark.parametrize("count", [257, 65_536])
async def test_of__claim_of_absurdly_many_gpus__is_read_as_256(
    book: BoostBook, engine: Engine, count: int
) -> None:
    record(engine, make_snapshot({ALICE: 1}))

    boost = await book.of(rig("alice-1", count), accepted_at=EVENING)

    assert sum(run.count for run in assignment_of(engine, boost).runs) == 256
    assert boost.boost_bps == (3 * 11_000 + 253 * 10_000) // 256


async def test_of__many_at_once__records_one_assignment(book: BoostBook, engine: Engine) -> None:
    record(engine, make_snapshot({ALICE: 1}))

    boosts = await asyncio.gather(
        *(book.of(rig("alice-1"), accepted_at=EVENING) for _ in range(50))
    )

    assert len(set(boosts)) == 1
    assert count_assignments(engine) == 1


async def test_of__store_that_refuses__names_no_record_that_is_not_there(
    book: BoostBook, engine: Engine, writer: GroupCommitWriter
) -> None:
    record(engine, make_snapshot({ALICE: 1}))
    writer.stop()

    for _attempt in range(2):
        with pytest.raises(StorageUnavailable):
            await book.of(rig("alice-1"), accepted_at=EVENING)

    assert count_assignments(engine) == 0


async def test_of__damaged_snapshot__is_said(book: BoostBook, engine: Engine) -> None:
    record(engine, make_snapshot({ALICE: 1}))
    with engine.begin() as connection:
        connection.execute(update(holdings_snapshots).values(record="{}"))

    with pytest.raises(DamagedRecord):
        await book.of(rig("alice-1"), accepted_at=EVENING)


async def test_of__caller_that_leaves__takes_nobody_elses_answer_with_it(
    book: BoostBook, engine: Engine
) -> None:
    record(engine, make_snapshot({ALICE: 1}))
    leaver, stayer = (
        asyncio.ensure_future(book.of(rig("alice-1"), accepted_at=EVENING)) for _ in range(2)
    )
    asyncio.get_running_loop().call_later(0, leaver.cancel)

    assert (await stayer).boost_bps == 11_000
    with pytest.raises(asyncio.CancelledError):
        await leaver
