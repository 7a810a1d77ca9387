"""Closing a phase over a real store: each receipt counts once, whatever the clock does."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import Engine, update

from basis.accounting.phases import (
    close_phase,
)
from basis.rules.errors import (
    Conflict,
    DamagedRecord,
    IllegalTransition,
    NotFound,
)
from basis.rules.wallet import Wallet
from basis.storage.job_store import JobWrite
from basis.storage.phase_store import load_phase
from basis.storage.receipt_store import iterate_receipts
from basis.storage.schema import receipts
from tests.support.books import ALICE, BOB, make_open_job
from tests.support.phase_books import (
    CAROL,
    CLOSED,
    END,
    START,
    PointsJob,
    at_once,
    expect_replay,
    finished,
    held,
    opened,
    record_points,
    vest,
)


def test_close__points_of_its_time__are_counted_by_pool_and_wallet(
    phase_engine: Engine,
) -> None:
    opened(phase_engine)
    with phase_engine.begin() as connection:
        record_points(
            connection,
            PointsJob(number=6, wallet=BOB, points_raw=7, created_at=START),
            PointsJob(number=7, wallet=BOB, points_raw=5, created_at="2026-10-31T23:59:59.999Z"),
            PointsJob(number=8, wallet=BOB, points_raw=3, created_at=END),
        )

    stored = close_phase(phase_engine, "s1", now=CLOSED)

    assert stored.phase.points == {
        ("llm", ALICE): 3_000_000,
        ("llm", BOB): 1_000_007,
        ("image", ALICE): 1_000_000,
        ("image", CAROL): 2_000_000,
    }
    assert stored.phase.counted is not None
    assert (stored.phase.counted.count, stored.phase.counted.late_count) == (6, 0)
    assert stored.phase.counted.last_seq == 8
    expect_replay(phase_engine)


def test_close__nothing_earned__closes_over_nothing_and_returns_the_pools(
    phase_engine: Engine,
) -> None:
    terms = {
        "starts_at": "2027-01-01T00:00:00.000Z",
        "ends_at": "2027-02-01T00:00:00.000Z",
        "vesting": at_once("2027-02-01T00:00:00.000Z"),
    }
    opened(phase_engine, **terms)

    close_phase(phase_engine, "s1", now="2027-02-01T00:00:00.000Z")
    finished(phase_engine, now="2027-02-08T00:00:00.000Z")

    assert held(phase_engine, "emission/phases") == 0
    assert vest(phase_engine, "2027-02-08T00:00:00.000Z") == [("s1", 1, 0)]
    expect_replay(phase_engine)


def test_close__before_the_end__changes_nothing(phase_engine: Engine) -> None:
    before = opened(phase_engine)

    with pytest.raises(Conflict, match="ends at"):
        close_phase(phase_engine, "s1", now="2026-11-30T23:59:59.999Z")

    with phase_engine.connect() as connection:
        assert load_phase(connection, "s1") == before


def test_close__twice_or_unknown__is_refused(phase_engine: Engine) -> None:
    opened(phase_engine)
    close_phase(phase_engine, "s1", now=CLOSED)

    with pytest.raises(IllegalTransition):
        close_phase(phase_engine, "s1", now=CLOSED)
    with pytest.raises(NotFound, match="no phase 's9'"):
        close_phase(phase_engine, "s9", now=CLOSED)


def test_close__job_of_its_time_still_runs__is_refused_until_it_ends(
    phase_engine: Engine,
) -> None:
    opened(phase_engine)
    with phase_engine.begin() as connection:
        JobWrite.apply_group(connection, [JobWrite(opened=make_open_job(90))])

    with pytest.raises(Conflict, match="job_0090"):
        close_phase(phase_engine, "s1", now=CLOSED)
    with phase_engine.begin() as connection:
        record_points(connection, PointsJob(number=90, wallet=BOB, points_raw=1))

    assert (
        close_phase(phase_engine, "s1", now=CLOSED).phase.points[("llm", Wallet(BOB))] == 1_000_001
    )


def test_close__receipt_after_the_closing_with_a_time_before_it__counts_in_the_next_phase_once(
    phase_engine: Engine,
) -> None:
    opened(phase_engine)
    close_phase(phase_engine, "s1", now=CLOSED)
    with phase_engine.begin() as connection:
        record_points(connection, PointsJob(number=6, wallet=CAROL, points_raw=9))
    months = (END, "2027-01-01T00:00:00.000Z", "2027-02-01T00:00:00.000Z")
    for name, (start, end) in zip(("s2", "s3"), itertools.pairwise(months), strict=True):
        opened(phase_engine, phase_id=name, starts_at=start, ends_at=end, vesting=at_once(end))

    second = close_phase(phase_engine, "s2", now=months[1]).phase
    third = close_phase(phase_engine, "s3", now=months[2]).phase

    assert second.points == {("llm", CAROL): 9}
    assert second.counted is not None
    assert (second.counted.count, second.counted.late_count) == (1, 1)
    assert third.points == {}
    expect_replay(phase_engine)


def test_close__later_phase_closed_first__each_receipt_still_counts_once(
    phase_engine: Engine,
) -> None:
    january = "2027-01-01T00:00:00.000Z"
    opened(phase_engine)
    opened(phase_engine, phase_id="s2", starts_at=END, ends_at=january, vesting=at_once(january))
    with phase_engine.begin() as connection:
        record_points(connection, PointsJob(number=6, wallet=BOB, points_raw=4, created_at=END))
    close_phase(phase_engine, "s2", now=january)
    with phase_engine.begin() as connection:
        record_points(connection, PointsJob(number=7, wallet=BOB, points_raw=5, created_at=END))

    first = close_phase(phase_engine, "s1", now=january).phase

    assert first.points[("llm", Wallet(BOB))] == 1_000_005
    assert first.counted is not None
    assert first.counted.late_count == 1
    expect_replay(phase_engine)


def test_close__receipt_that_cannot_be_read__is_named_and_changes_nothing(
    phase_engine: Engine,
) -> None:
    before = opened(phase_engine)
    with phase_engine.begin() as connection:
        connection.execute(update(receipts).where(receipts.c.seq == 2).values(points_raw="1e6"))

    with pytest.raises(DamagedRecord, match="receipts with seq 2"):
        close_phase(phase_engine, "s1", now=CLOSED)

    with phase_engine.connect() as connection:
        assert load_phase(connection, "s1") == before


def test_points_of_the_books__as_recorded__contradict_no_column(phase_engine: Engine) -> None:
    with phase_engine.connect() as connection:
        stored = list(iterate_receipts(connection))

    assert len(stored) > 3
    assert [receipt.misfiled_column for receipt in stored] == [""] * len(stored)
    assert all(receipt.details.points is not None for receipt in stored)
