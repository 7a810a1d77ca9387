"""Holds on an account: granted against what is on record, refused with the figures, never twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, text

from basis.rules.errors import (
    BasisError,
    DamagedRecord,
    InsufficientCredits,
    Unauthenticated,
)
from basis.rules.job import JobStatus, UserId
from basis.storage.holds import judge_holds
from basis.storage.job_store import load_open_jobs
from tests.support.accounts import account_state, fund, open_account, open_jobs, want
from tests.support.books import make_lost_facts, record

HUGE = 2**63 - 1


def is_granted(refusals: list[BasisError | None]) -> list[bool]:
    """Which of them were."""
    return [refusal is None for refusal in refusals]


def shortage(refusal: BasisError | None) -> tuple[int, int, int]:
    """Required, available and missing micro-credits of a refusal."""
    assert type(refusal) is InsufficientCredits, refusal
    return refusal.required, refusal.available, refusal.missing


def fall_into_debt(connection: Connection, user_id: str, microcredits: int) -> None:
    """Records a customer that owes so much, and may owe nothing any more."""
    open_account(connection, "payer", credits_raw=10**9)
    open_account(connection, user_id, credits_raw=-microcredits, credit_limit=None)
    connection.execute(
        text("UPDATE users SET credit_limit = 0 WHERE id = :user_id"), {"user_id": user_id}
    )


@pytest.fixture
def connection(engine: Engine):  # type: ignore[no-untyped-def]  # a generator of connections
    """One write transaction."""
    with engine.begin() as connection:
        yield connection


@pytest.mark.parametrize(("credits_raw", "held"), [(1, 1), (100, 100), (100, 1), (HUGE, HUGE)])
def test_hold__of_at_most_the_balance__is_granted_and_set_aside(
    connection: Connection, credits_raw: int, held: int
) -> None:
    open_account(connection, "ann", credits_raw=credits_raw)

    assert open_jobs(connection, want(1, held=held)) == [None]

    assert account_state(connection, "ann") == (credits_raw - held, held)
    assert [job.held_microcredits for job in load_open_jobs(connection)] == [held]


@pytest.mark.parametrize(
    ("credits_raw", "limit", "held", "figures"),
    [
        (0, 0, 1, (1, 0, 1)),
        (100, 0, 101, (101, 100, 1)),
        (100, 50, 151, (151, 150, 1)),
        (100, 0, HUGE, (HUGE, 100, HUGE - 100)),
        (100, 0, 10**30, (10**30, 100, 10**30 - 100)),
        (0, HUGE, 2**63, (2**63, HUGE, 1)),
    ],
)
def test_hold__of_more_than_can_be_spent__is_refused_with_what_is_missing(
    connection: Connection, credits_raw: int, limit: int, held: int, figures: tuple[int, int, int]
) -> None:
    open_account(connection, "ann", credits_raw=credits_raw, credit_limit=limit)

    (refusal,) = open_jobs(connection, want(1, held=held))

    assert shortage(refusal) == figures
    assert account_state(connection, "ann") == (credits_raw + limit, 0)
    assert load_open_jobs(connection) == []


def test_hold__with_a_credit_limit__may_take_the_balance_so_far_below_zero(
    connection: Connection,
) -> None:
    open_account(connection, "ann", credits_raw=100, credit_limit=50)

    assert open_jobs(connection, want(1, held=150)) == [None]

    assert account_state(connection, "ann") == (0, 150)
    assert shortage(open_jobs(connection, want(2, held=1))[0]) == (1, 0, 1)


@pytest.mark.parametrize("held", [0, 1, 10**18, HUGE])
def test_hold__of_a_postpaid_customer__is_always_granted(connection: Connection, held: int) -> None:
    open_account(connection, "ann", credit_limit=None)

    assert open_jobs(connection, want(1, held=held)) == [None]

    assert account_state(connection, "ann") == (None, held)


def test_hold__of_nothing__is_granted_without_credits_and_with_debts(
    connection: Connection,
) -> None:
    open_account(connection, "ann")
    fall_into_debt(connection, "bob", 5)

    free = [want(1, held=0), want(2, user_id="bob", held=0)]

    assert open_jobs(connection, *free) == [None, None]
    assert account_state(connection, "bob") == (-5, 0)


def test_hold__of_a_customer_in_debt__is_refused_with_the_debt(connection: Connection) -> None:
    fall_into_debt(connection, "ann", 5)

    assert shortage(open_jobs(connection, want(1, held=1))[0]) == (1, -5, 6)


def test_hold__of_a_customer_not_on_record__is_refused(connection: Connection) -> None:
    (refusal,) = open_jobs(connection, want(1, user_id="nobody", held=0))

    assert isinstance(refusal, Unauthenticated)
    assert load_open_jobs(connection) == []


def test_hold__negative__is_a_fault_of_ours_and_not_written(connection: Connection) -> None:
    open_account(connection, "ann", credits_raw=5)

    with pytest.raises(ValueError, match="negative"):
        open_jobs(connection, want(1, held=-1))

    assert load_open_jobs(connection) == []


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
def test_hold__of_a_job_that_does_not_complete__is_released_whole(
    connection: Connection, status: JobStatus
) -> None:
    open_account(connection, "ann", credits_raw=50)
    assert open_jobs(connection, want(1, user_id="ann", held=50)) == [None]
    assert account_state(connection, "ann") == (0, 50)

    record(connection, replace(make_lost_facts(1, status), user_id=UserId("ann")))

    assert account_state(connection, "ann") == (50, 0)


def test_hold__after_a_top_up_and_a_take_back__counts_with_what_is_left(
    connection: Connection,
) -> None:
    open_account(connection, "ann", credits_raw=10)
    fund(connection, "ann", 15, payment="second")
    fund(connection, "ann", -5, payment="back")

    refusals = open_jobs(connection, want(1, held=21), want(2, held=20))

    assert is_granted(refusals) == [False, True]
    assert account_state(connection, "ann") == (0, 20)


def test_refusal__in_words__names_credits_and_never_another_customer(
    connection: Connection,
) -> None:
    open_account(connection, "ann", credits_raw=1_500_000)

    (refusal,) = judge_holds(connection, [want(1, held=2_000_001)])

    assert refusal is not None
    assert "2.000001 CREDIT" in refusal.message
    assert "1.5 CREDIT can be spent" in refusal.message
    assert "top up at least 0.500001 CREDIT" in refusal.message
    assert "ann" not in refusal.message


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE balances SET amount_raw = '1e9'", "amount_raw"),
        ("UPDATE balances SET amount_raw = 100", ""),
        ("UPDATE users SET credit_limit = 'much'", "credit_limit"),
        ("UPDATE users SET credit_limit = 1.5", "credit_limit"),
        ("UPDATE open_jobs SET held_microcredits = 0.5", "held"),
        ("UPDATE open_jobs SET held_microcredits = 'nothing'", "held"),
    ],
)
def test_hold__by_a_damaged_record__is_never_granted(
    connection: Connection, statement: str, named: str
) -> None:
    open_account(connection, "ann", credits_raw=100)
    assert open_jobs(connection, want(1, held=10)) == [None]
    connection.execute(text(statement))
    if not named:
        # SQLite keeps text in a column of text, whatever it is given.
        assert is_granted(open_jobs(connection, want(2, held=90), want(3, held=1))) == [True, False]
        return

    with pytest.raises(DamagedRecord, match=named):
        judge_holds(connection, [want(2, held=10)])
