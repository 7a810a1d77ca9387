"""Credits per day of a key: its own budget, that of its parent, shared between sub-keys."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, text

from basis.rules.errors import BasisError, BudgetExceeded, DamagedRecord, InsufficientCredits
from basis.storage.job_store import load_open_jobs
from basis.storage.key_store import KeyLimits
from tests.support.accounts import add_key, fund, open_account, open_jobs, want
from tests.support.books import make_facts, record

TODAY, YESTERDAY = "2026-11-21", "2026-11-20"


def budget(microcredits: int) -> KeyLimits:
    """Limits of nothing but credits per day."""
    return KeyLimits(credits_per_day=microcredits)


def figures(refusal: BasisError | None) -> tuple[int, int, int]:
    """Required, available and missing micro-credits of a refusal by a budget."""
    assert type(refusal) is BudgetExceeded, refusal
    return refusal.required, refusal.available, refusal.missing


def is_granted(refusals: list[BasisError | None]) -> list[bool]:
    """Which of them were."""
    return [refusal is None for refusal in refusals]


@pytest.fixture
def connection(engine: Engine):  # type: ignore[no-untyped-def]  # a generator of connections
    """One write transaction, in which Ann has a thousand micro-credits."""
    with engine.begin() as connection:
        open_account(connection, "ann", credits_raw=1_000)
        yield connection


def test_budget__of_a_key__ends_its_holds_and_no_other_keys(connection: Connection) -> None:
    add_key(connection, "small", user_id="ann", limits=budget(100))

    refusals = open_jobs(
        connection,
        want(1, key_id="small", held=60),
        want(2, key_id="small", held=41),
        want(3, key_id="k-ann", held=500),
        want(4, key_id="small", held=40),
        want(5, key_id="small", held=1),
    )

    assert is_granted(refusals) == [True, False, True, True, False]
    assert figures(refusals[1]) == (41, 40, 1)
    assert figures(refusals[4]) == (1, 0, 1)


def test_budget__of_a_postpaid_customers_key__holds_too(connection: Connection) -> None:
    open_account(connection, "bob", credit_limit=None)
    add_key(connection, "small", user_id="bob", limits=budget(100))

    refusals = open_jobs(
        connection,
        want(1, user_id="bob", key_id="small", held=101),
        want(2, user_id="bob", key_id="small", held=100),
        want(3, user_id="bob", held=10**15),
    )

    assert is_granted(refusals) == [False, True, True]


@pytest.mark.parametrize("limit", [0, 99])
def test_budget__below_what_is_used_already__still_lets_free_jobs_through(
    connection: Connection, limit: int
) -> None:
    add_key(connection, "small", user_id="ann", limits=budget(100))
    assert open_jobs(connection, want(1, key_id="small", held=100)) == [None]
    connection.execute(
        text("UPDATE api_keys SET credits_per_day = :limit WHERE id = 'small'"), {"limit": limit}
    )

    refusals = open_jobs(
        connection, want(2, key_id="small", held=0), want(3, key_id="small", held=1)
    )

    assert is_granted(refusals) == [True, False]


def test_budget__of_zero__refuses_all_that_costs_anything(connection: Connection) -> None:
    add_key(connection, "none", user_id="ann", limits=budget(0))

    refusals = open_jobs(connection, want(1, key_id="none", held=1), want(2, key_id="none", held=0))

    assert is_granted(refusals) == [False, True]
    assert figures(refusals[0]) == (1, 0, 1)


def test_budget__larger_than_the_balance__leaves_the_balance_to_decide(
    connection: Connection,
) -> None:
    add_key(connection, "large", user_id="ann", limits=budget(10**15))

    (refusal,) = open_jobs(connection, want(1, key_id="large", held=1_001))

    assert type(refusal) is InsufficientCredits
    assert refusal.missing == 1


def test_budget__of_yesterday__does_not_count_today(connection: Connection) -> None:
    add_key(connection, "small", user_id="ann", limits=budget(100))
    assert open_jobs(connection, want(1, key_id="small", held=100, on=YESTERDAY)) == [None]

    refusals = open_jobs(
        connection,
        want(2, key_id="small", held=1, on=YESTERDAY),
        want(3, key_id="small", held=100, on=TODAY),
        want(4, key_id="small", held=1, on=TODAY),
    )

    assert is_granted(refusals) == [False, True, False]


def test_budget__of_which_a_part_was_spent__leaves_the_rest(connection: Connection) -> None:
    done = make_facts(1)
    fund(connection, "ann", 10**9, payment="much")
    add_key(connection, "key_1", user_id="ann", limits=budget(10_000))
    record(connection, make_facts(1, user_id="ann"))
    assert done.agreement is not None
    charged = connection.execute(text("SELECT microcredits FROM usage_days")).scalar_one()
    assert 0 < charged < 10_000

    refusals = open_jobs(
        connection,
        want(2, key_id="key_1", held=10_000 - charged + 1),
        want(3, key_id="key_1", held=10_000 - charged),
    )

    assert is_granted(refusals) == [False, True]
    assert figures(refusals[0]) == (10_000 - charged + 1, 10_000 - charged, 1)


def test_budget__of_a_parent__is_shared_by_all_its_sub_keys(connection: Connection) -> None:
    add_key(connection, "parent", user_id="ann", limits=budget(100))
    for child in ("one", "two"):
        add_key(connection, child, user_id="ann", parent_id="parent")

    refusals = open_jobs(
        connection,
        want(1, key_id="one", held=40),
        want(2, key_id="two", held=40),
        want(3, key_id="parent", held=21),
        want(4, key_id="one", held=21),
        want(5, key_id="two", held=20),
        want(6, key_id="parent", held=1),
    )

    assert is_granted(refusals) == [True, True, False, False, True, False]
    assert figures(refusals[2]) == (21, 20, 1)


def test_budget__of_a_sub_key__stands_beside_its_parents(connection: Connection) -> None:
    add_key(connection, "parent", user_id="ann", limits=budget(100))
    add_key(connection, "tight", user_id="ann", parent_id="parent", limits=budget(30))
    add_key(connection, "loose", user_id="ann", parent_id="parent", limits=budget(10**9))

    refusals = open_jobs(
        connection,
        want(1, key_id="tight", held=31),
        want(2, key_id="tight", held=30),
        want(3, key_id="loose", held=71),
        want(4, key_id="loose", held=70),
        want(5, key_id="tight", held=1),
    )

    assert is_granted(refusals) == [False, True, False, True, False]
    assert figures(refusals[0]) == (31, 30, 1)
    assert figures(refusals[2]) == (71, 70, 1)


def test_budget__of_a_sub_key_alone__leaves_its_parent_without_limit(
    connection: Connection,
) -> None:
    add_key(connection, "parent", user_id="ann")
    add_key(connection, "child", user_id="ann", parent_id="parent", limits=budget(10))

    refusals = open_jobs(
        connection,
        want(1, key_id="child", held=10),
        want(2, key_id="child", held=1),
        want(3, key_id="parent", held=900),
    )

    assert is_granted(refusals) == [True, False, True]


def test_refused_hold__of_a_sub_key__takes_nothing_from_its_parent(connection: Connection) -> None:
    add_key(connection, "parent", user_id="ann", limits=budget(100))
    add_key(connection, "child", user_id="ann", parent_id="parent", limits=budget(10))

    refusals = open_jobs(
        connection, want(1, key_id="child", held=11), want(2, key_id="parent", held=100)
    )

    assert is_granted(refusals) == [False, True]


def test_hold__refused_by_a_budget__takes_nothing_from_the_balance(connection: Connection) -> None:
    add_key(connection, "small", user_id="ann", limits=budget(10))

    refusals = open_jobs(connection, want(1, key_id="small", held=11), want(2, held=1_000))

    assert is_granted(refusals) == [False, True]


def test_budgets__of_many_keys_in_one_group__are_each_judged_by_their_own(
    connection: Connection,
) -> None:
    open_account(connection, "bob", credit_limit=None)
    for number in range(600):
        add_key(connection, f"n{number}", user_id="bob", limits=budget(number % 3))

    refusals = open_jobs(
        connection,
        *(want(n, user_id="bob", key_id=f"n{n}", held=1) for n in range(600)),
    )

    assert is_granted(refusals) == [number % 3 > 0 for number in range(600)]


def test_hold__without_a_key__is_judged_by_the_account_alone(connection: Connection) -> None:
    assert open_jobs(connection, want(1, key_id="", held=1_000)) == [None]
    assert is_granted(open_jobs(connection, want(2, key_id="", held=1))) == [False]


@pytest.mark.parametrize("value", [0.5, "none"])
def test_budget__by_a_damaged_record_of_usage__grants_nothing(
    connection: Connection, value: object
) -> None:
    add_key(connection, "key_1", user_id="ann", limits=budget(10**9))
    record(connection, make_facts(1, user_id="ann"))
    connection.execute(text("UPDATE usage_days SET microcredits = :value"), {"value": value})

    with pytest.raises(DamagedRecord, match="microcredits"):
        open_jobs(connection, want(2, key_id="key_1", held=1))

    assert load_open_jobs(connection) == []
