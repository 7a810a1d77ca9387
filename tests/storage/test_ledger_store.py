"""Recorded entries: appended once, repeats told apart, balances equal to the fold of them all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, event, func, select, update

from basis.rules.accounts import validate_floors
from basis.rules.errors import Conflict, FloorBroken, UnknownAccount
from basis.rules.ledger import AccountPath, Entry, Posting, fold_balances, make_entry
from basis.rules.wallet import parse_wallet
from basis.storage.ledger_store import (
    admit_accounts,
    iterate_entries,
    load_balances,
    load_entries,
    store_entries,
)
from basis.storage.schema import balances, ledger_entries, ledger_postings, metadata
from tests.support.books import ALICE, NOW

ACCOUNTS = ("network/writeoff", "network/fee", "customer/user-1", f"reward/pending/{ALICE}")


def transfer(cause: str, amount_raw: int, *, asset: str = "BASIS", to: str = ACCOUNTS[1]) -> Entry:
    """An entry that takes `amount_raw` from the first account."""
    return make_entry(
        kind="transfer",
        cause=cause,
        postings=[
            Posting(account=AccountPath(ACCOUNTS[0]), asset=asset, amount_raw=-amount_raw),
            Posting(account=AccountPath(to), asset=asset, amount_raw=amount_raw),
        ],
    )


def wallet_account(number: int) -> str:
    """The pending rewards of a wallet of its own."""
    return f"reward/pending/{parse_wallet(f'0x{number + 1:040x}')}"


@st.composite
def transfers(draw: st.DrawFn) -> Entry:
    """Any entry of few causes, so that repeats are common, and of amounts beyond 64 bits."""
    return transfer(
        f"cause-{draw(st.integers(0, 12))}",
        draw(st.integers(-(2**130), 2**130)),
        asset=draw(st.sampled_from(["BASIS", "CREDIT"])),
        to=draw(st.sampled_from(["customer/user-1", "network/fee"])),
    )


def count(connection: Connection) -> tuple[int, int]:
    """How many entries and postings are recorded."""
    entries, postings = (
        connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in (ledger_entries, ledger_postings)
    )
    return entries, postings


def test_store__entry__is_read_back_as_it_was(engine: Engine) -> None:
    entry = transfer("job_1", 10**30)
    with engine.begin() as connection:
        store_entries(connection, [entry], now=NOW)

    with engine.connect() as connection:
        assert load_entries(connection, [entry.id]) == {entry.id: entry}
        assert load_balances(connection) == {
            (ACCOUNTS[0], "BASIS"): -(10**30),
            (ACCOUNTS[1], "BASIS"): 10**30,
        }


def test_store__repeat__changes_nothing(engine: Engine) -> None:
    entry = transfer("job_1", 5)
    for _repeat in range(3):
        with engine.begin() as connection:
            store_entries(connection, [entry, entry], now=NOW)

    with engine.connect() as connection:
        assert count(connection) == (1, 2)
        assert load_balances(connection)[(AccountPath(ACCOUNTS[1]), "BASIS")] == 5


def test_store__same_cause_other_amount__names_the_account_and_both_amounts(
    engine: Engine,
) -> None:
    with engine.begin() as connection:
        store_entries(connection, [transfer("job_1", 5)], now=NOW)

    with pytest.raises(Conflict) as refused, engine.begin() as connection:
        store_entries(connection, [transfer("job_2", 7), transfer("job_1", 6)], now=NOW)

    for named in ("transfer of job_1", ACCOUNTS[1], "5", "6"):
        assert named in refused.value.message
    with engine.connect() as connection:
        assert count(connection) == (1, 2)
        assert load_balances(connection)[(AccountPath(ACCOUNTS[1]), "BASIS")] == 5


def test_store__contradiction_within_one_call__is_refused(engine: Engine) -> None:
    with pytest.raises(Conflict), engine.begin() as connection:
        store_entries(connection, [transfer("job_1", 5), transfer("job_1", 6)], now=NOW)

    with engine.connect() as connection:
        assert count(connection) == (0, 0)


def test_store__balance_that_returns_to_zero__is_left_out(engine: Engine) -> None:
    with engine.begin() as connection:
        store_entries(connection, [transfer("job_1", 5)], now=NOW)
        store_entries(connection, [transfer("job_2", -5)], now=NOW)

    with engine.connect() as connection:
        assert load_balances(connection) == {}


def test_store__more_accounts_than_one_query_holds__are_all_moved(engine: Engine) -> None:
    entries = [transfer(f"job_{n}", n + 1, to=wallet_account(n)) for n in range(1_200)]
    for part in (entries, entries[:700]):
        with engine.begin() as connection:
            store_entries(connection, part, now=NOW)

    with engine.connect() as connection:
        assert load_balances(connection) == fold_balances(entries)
        assert list(iterate_entries(connection)) == entries


def test_store__misspelt_account__is_refused_with_all_of_its_call(engine: Engine) -> None:
    with pytest.raises(UnknownAccount, match="network/fees"), engine.begin() as connection:
        store_entries(
            connection,
            [transfer("job_1", 5), transfer("job_2", 5, to="network/fees")],
            now=NOW,
        )

    with engine.connect() as connection:
        assert count(connection) == (0, 0)


def test_store__asset_that_the_account_lacks__is_refused(engine: Engine) -> None:
    with pytest.raises(UnknownAccount, match="not in 'CREDIT'"), engine.begin() as connection:
        store_entries(connection, [transfer("job_1", 5, asset="CREDIT")], now=NOW)

    with engine.connect() as connection:
        assert load_balances(connection) == {}


@pytest.mark.parametrize(
    ("to", "amount_raw"), [("network/fee", -1), ("customer/user-1", 1), (ACCOUNTS[3], -(10**40))]
)
def test_store__past_the_bound_of_an_account__is_refused(
    engine: Engine, to: str, amount_raw: int
) -> None:
    with pytest.raises(FloorBroken, match=to), engine.begin() as connection:
        store_entries(connection, [transfer("job_1", amount_raw, to=to)], now=NOW)

    with engine.connect() as connection:
        assert count(connection) == (0, 0)


def test_store__from_one_side_of_zero_to_the_other__is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        store_entries(connection, [transfer("job_1", 10)], now=NOW)

    with pytest.raises(FloorBroken, match="-5"), engine.begin() as connection:
        store_entries(connection, [transfer("job_2", -15)], now=NOW)

    with engine.connect() as connection:
        assert load_balances(connection)[(AccountPath("network/fee"), "BASIS")] == 10


def test_store__balance_past_its_bound_already__may_come_nearer_only(engine: Engine) -> None:
    with engine.begin() as connection:
        store_entries(connection, [transfer("job_1", 1)], now=NOW)
        connection.execute(
            update(balances).where(balances.c.account == "network/fee").values(amount_raw="-10")
        )
        store_entries(connection, [transfer("job_2", 4)], now=NOW)

    with pytest.raises(FloorBroken), engine.begin() as connection:
        store_entries(connection, [transfer("job_3", -1)], now=NOW)

    with engine.connect() as connection:
        assert load_balances(connection)[(AccountPath("network/fee"), "BASIS")] == -6


@settings(deadline=None, derandomize=True, max_examples=80)
@given(groups=st.lists(st.lists(transfers(), max_size=6), max_size=8))
def test_balances__after_any_groups__equal_the_fold_of_what_was_recorded(
    groups: list[list[Entry]],
) -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    accepted: dict[str, Entry] = {}

    for group in groups:
        try:
            with engine.begin() as connection:
                store_entries(connection, group, now=NOW)
        except (Conflict, UnknownAccount):
            continue
        for entry in group:
            accepted.setdefault(entry.id, entry)

    with engine.connect() as connection:
        assert load_balances(connection) == fold_balances(accepted.values())
        assert list(iterate_entries(connection)) == list(accepted.values())
        assert sum(load_balances(connection).values()) == 0
        validate_floors(load_balances(connection).items())
    engine.dispose()


def test_store__balances_of_many_accounts__are_found_by_the_index(engine: Engine) -> None:
    """A list of pairs would make SQLite read every balance for every job."""
    statements: list[tuple[str, object]] = []

    def on_statement(
        _connection: object, _cursor: object, sql: str, given: object, *_: object
    ) -> None:
        statements.append((sql, given))

    event.listen(engine, "before_cursor_execute", on_statement)
    with engine.begin() as connection:
        store_entries(connection, [transfer("job_1", 5)], now=NOW)
        reads = [one for one in statements if "FROM balances" in one[0]]
        plans = [
            str(row)
            for sql, given in reads
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given).all()
        ]
    event.remove(engine, "before_cursor_execute", on_statement)

    assert plans
    assert all("SEARCH balances USING INDEX" in plan for plan in plans), plans


def test_store__admitted_accounts__are_not_looked_up_and_others_are(engine: Engine) -> None:
    entry = transfer("job_1", 5, to=f"reward/pending/{ALICE.lower()}")

    with pytest.raises(UnknownAccount):
        admit_accounts(entry)
    with pytest.raises(UnknownAccount), engine.begin() as connection:
        store_entries(connection, [entry], now=NOW)
    right = transfer("job_1", 5)
    with engine.begin() as connection:
        store_entries(connection, [right], now=NOW, admitted=admit_accounts(right))
        assert load_balances(connection)[AccountPath(ACCOUNTS[1]), "BASIS"] == 5
