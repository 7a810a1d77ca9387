"""Holds that are judged in one group: each counts for the next, and a refusal harms nobody else."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine

from basis.rules.errors import BasisError, InsufficientCredits
from basis.storage.job_store import JobWrite, load_open_jobs
from tests.support.accounts import account_state, open_account, open_jobs, want
from tests.support.books import make_finished


def is_granted(refusals: list[BasisError | None]) -> list[bool]:
    """Which of them were."""
    return [refusal is None for refusal in refusals]


def shortage(refusal: BasisError | None) -> tuple[int, int, int]:
    """Required, available and missing micro-credits of a refusal."""
    assert type(refusal) is InsufficientCredits, refusal
    return refusal.required, refusal.available, refusal.missing


@pytest.fixture
def connection(engine: Engine):  # type: ignore[no-untyped-def]  # a generator of connections
    """One write transaction."""
    with engine.begin() as connection:
        yield connection


def test_holds__of_one_group__count_one_after_the_other(connection: Connection) -> None:
    open_account(connection, "ann", credits_raw=100)

    refusals = open_jobs(
        connection,
        want(1, held=60),
        want(2, held=60),
        want(3, held=40),
        want(4, held=1),
        want(5, held=0),
    )

    assert is_granted(refusals) == [True, False, True, False, True]
    assert shortage(refusals[1]) == (60, 40, 20)
    assert shortage(refusals[3]) == (1, 0, 1)
    assert account_state(connection, "ann") == (0, 100)


def test_holds__of_two_customers_in_one_group__do_not_touch_each_other(
    connection: Connection,
) -> None:
    open_account(connection, "ann", credits_raw=100)
    open_account(connection, "bob", credits_raw=10)

    refusals = open_jobs(
        connection,
        want(1, held=100),
        want(2, user_id="bob", held=11),
        want(3, user_id="bob", held=10),
        want(4, user_id="nobody", held=1),
        want(5, held=1),
    )

    assert is_granted(refusals) == [True, False, True, False, False]
    assert account_state(connection, "ann") == (0, 100)
    assert account_state(connection, "bob") == (0, 10)


def test_holds__of_many_customers_in_one_group__are_each_judged_by_their_own(
    connection: Connection,
) -> None:
    names = [f"user-{number}" for number in range(1_024)]
    for number, name in enumerate(names):
        open_account(connection, name, credits_raw=number % 3)

    refusals = open_jobs(
        connection, *(want(number, user_id=name, held=1) for number, name in enumerate(names))
    )

    assert is_granted(refusals) == [number % 3 > 0 for number in range(1_024)]


def test_holds__in_groups_one_after_the_other__count_what_stands(connection: Connection) -> None:
    open_account(connection, "ann", credits_raw=100)
    granted = 0

    for number in range(30):
        granted += open_jobs(connection, want(number, held=9)) == [None]

    assert granted == 11
    assert account_state(connection, "ann") == (1, 99)


def test_hold__of_a_job_that_ends_in_the_same_group__makes_room_for_the_next(
    connection: Connection,
) -> None:
    ends = make_finished(1, user_id="ann")
    assert ends.details.charge is not None
    held, cost = (
        int(ends.details.charge.held_microcredits),
        int(ends.details.charge.microcredits),
    )
    assert 0 < cost < held
    open_account(connection, "ann", credits_raw=held)
    assert open_jobs(connection, want(1, user_id="ann", held=held)) == [None]

    outcomes = JobWrite.apply_group(
        connection,
        [
            JobWrite(opened=want(2, user_id="ann", held=held - cost + 1)),
            JobWrite(opened=want(3, user_id="ann", held=held - cost)),
            JobWrite(finished=ends),
        ],
    )

    assert [type(outcome) for outcome in outcomes] == [
        InsufficientCredits,
        type(None),
        type(None),
    ]
    assert account_state(connection, "ann") == (0, held - cost)


def test_job__that_begins_and_ends_in_one_group_without_credits__is_refused_both_times(
    connection: Connection,
) -> None:
    ends = make_finished(1, user_id="ann")
    assert ends.details.charge is not None
    held = int(ends.details.charge.held_microcredits)
    open_account(connection, "ann", credits_raw=held - 1)

    outcomes = JobWrite.apply_group(
        connection,
        [JobWrite(opened=want(1, user_id="ann", held=held)), JobWrite(finished=ends)],
    )

    assert [type(outcome) for outcome in outcomes] == [InsufficientCredits, InsufficientCredits]
    assert account_state(connection, "ann") == (held - 1, 0)
    assert load_open_jobs(connection) == []


def test_job__that_begins_and_ends_in_one_group_with_credits__is_charged_and_never_open(
    connection: Connection,
) -> None:
    ends = make_finished(1, user_id="ann")
    assert ends.details.charge is not None
    held, cost = int(ends.details.charge.held_microcredits), int(ends.details.charge.microcredits)
    open_account(connection, "ann", credits_raw=held)

    outcomes = JobWrite.apply_group(
        connection,
        [JobWrite(finished=ends), JobWrite(opened=want(1, user_id="ann", held=held))],
    )

    assert outcomes == [None, None]
    assert account_state(connection, "ann") == (held - cost, 0)
    assert load_open_jobs(connection) == []
