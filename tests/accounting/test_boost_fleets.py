"""How an owner's linked machines share what it holds."""

from __future__ import annotations

from sqlalchemy import Engine

from basis.accounting.boosts import BoostBook
from basis.dispatch.session import WorkerSession
from basis.wire.frames import Hardware
from tests.support.books import ALICE, BOB
from tests.support.holdings import (
    assignment_of,
    count_assignments,
    make_snapshot,
    record,
    rig,
)

EVENING = "2026-11-24T20:00:00.000Z"


async def test_of__several_machines_linked__share_what_their_owner_holds(
    book: BoostBook, engine: Engine
) -> None:
    record(engine, make_snapshot({ALICE: 1, BOB: 1}))
    weak, strong = rig("alice-1", 2, name="RTX 3060"), rig("alice-2", 2, name="H100")
    for machine in (weak, strong, rig("bob-1", 8, wallet=BOB)):
        book.on_linked(machine)

    strong_boost = await book.of(strong, accepted_at=EVENING)
    weak_boost = await book.of(weak, accepted_at=EVENING)

    assert (strong_boost.boost_bps, weak_boost.boost_bps) == (11_000, 10_500)
    assert strong_boost.assignment == weak_boost.assignment
    assert count_assignments(engine) == 1


async def test_of__machine_that_leaves__leaves_its_boost_to_the_others(
    book: BoostBook, engine: Engine
) -> None:
    record(engine, make_snapshot({ALICE: 1}))
    weak, strong = rig("alice-1", 3, name="RTX 3060"), rig("alice-2", 3, name="H100")
    book.on_linked(weak)
    book.on_linked(strong)

    shared = await book.of(weak, accepted_at=EVENING)
    book.on_unlinked("alice-2")
    alone = await book.of(weak, accepted_at=EVENING)
    book.on_linked(strong)
    again = await book.of(weak, accepted_at=EVENING)

    assert (shared.boost_bps, alone.boost_bps, again) == (10_000, 11_000, shared)
    assert count_assignments(engine) == 2


async def test_of__worker_whose_link_has_ended__still_counts_with_its_own_gpus(
    book: BoostBook, engine: Engine
) -> None:
    record(engine, make_snapshot({ALICE: 1}))
    gone = rig("alice-2", 3, name="H100")
    book.on_linked(gone)
    book.on_linked(rig("alice-1", 3, name="RTX 3060"))
    linked = await book.of(gone, accepted_at=EVENING)

    book.on_unlinked("alice-2")
    unlinked = await book.of(gone, accepted_at=EVENING)

    assert unlinked == linked
    assert unlinked.boost_bps == 11_000


async def test_of__worker_that_came_back_otherwise__is_judged_by_what_did_the_job(
    book: BoostBook, engine: Engine
) -> None:
    record(engine, make_snapshot({ALICE: 1}))
    before, after = rig("alice-1", 6), rig("alice-1", 3)
    book.on_linked(before)
    book.on_linked(after)

    assert (await book.of(before, accepted_at=EVENING)).boost_bps == 10_500
    assert (await book.of(after, accepted_at=EVENING)).boost_bps == 11_000


async def test_of__worker_that_changed_its_wallet__leaves_the_old_owner(
    book: BoostBook, engine: Engine
) -> None:
    record(engine, make_snapshot({ALICE: 1, BOB: 1}))
    stays = rig("alice-2", 3, name="RTX 3060")
    book.on_linked(stays)
    book.on_linked(rig("alice-1", 3, name="H100"))
    moved = rig("alice-1", 3, name="H100", wallet=BOB)
    book.on_linked(moved)

    assert (await book.of(stays, accepted_at=EVENING)).boost_bps == 11_000
    assert assignment_of(engine, await book.of(moved, accepted_at=EVENING)).wallet == BOB


async def test_on_unlinked__worker_that_is_not_linked__is_nothing(
    book: BoostBook, engine: Engine
) -> None:
    record(engine, make_snapshot({ALICE: 1}))
    book.on_unlinked("stranger")
    book.on_linked(rig("alice-1", 3, name="H100"))
    book.on_unlinked("alice-1")
    book.on_unlinked("alice-1")

    assert (await book.of(rig("alice-2", 3), accepted_at=EVENING)).boost_bps == 11_000


async def test_of__session_of_the_dispatcher__is_a_machine(book: BoostBook, engine: Engine) -> None:
    record(engine, make_snapshot({ALICE: 1}))
    session = WorkerSession(
        session_id="1",
        worker_id="alice-1",
        wallet=ALICE,
        runtime="llamacpp",
        models=frozenset({"basis-tiny"}),
        slots=1,
        hardware=Hardware(kind="gpu", name="NVIDIA GeForce RTX 4090 + Tesla T4", count=4),
        window=8,
    )
    book.on_linked(session)

    boost = await book.of(session, accepted_at=EVENING)

    assert boost.boost_bps == 10_750
    assert [(run.name, run.count, run.boost_bps) for run in assignment_of(engine, boost).runs] == [
        ("RTX 4090", 1, 11_000),
        ("T4", 2, 11_000),
        ("T4", 1, 10_000),
    ]
