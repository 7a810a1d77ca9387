"""kill -9 before every single statement by which an operator, or a card, moves money.

A process does the work on real SQLite and kills itself before its n-th statement, for each n. What
it leaves must be all of the work or none of it; done again it is done once, and no more after that.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from basis.accounting.card_payments import CardPayment, assign_payment, receive_payment
from basis.accounting.card_returns import receive_dispute, receive_refund
from basis.accounting.funding import take_back, top_up
from basis.accounting.recompute import recompute
from basis.accounting.repairs import adjust, reverse
from basis.rules.ledger import AccountPath
from basis.storage.database import begin_write, for_writing, open_database
from basis.storage.dispute_store import Dispute
from basis.storage.ledger_store import iterate_entries, load_balances
from basis.storage.payment_tables import disputes, payments, refunds
from basis.storage.schema import ledger_reasons
from tests.support.accounts import open_account
from tests.support.books import NOW
from tests.support.dying_process import die_before_statement, run_in_child
from tests.support.killed_command import run_killed

MOST_STEPS = 40

pytestmark = pytest.mark.timeout(300)
"""A hundred processes, each of which opens the store anew."""

Work = Callable[[Connection], object]
Books = tuple[object, ...]


def repair(connection: Connection, key: str) -> None:
    """The operator writes two credits off."""
    adjust(
        connection,
        key=key,
        source=AccountPath("customer/shop"),
        target=AccountPath("network/writeoff"),
        asset="CREDIT",
        amount_raw=2_000_000,
        reason="a gift that was none",
        now=NOW,
    )


def pay(connection: Connection, key: str, account: str) -> None:
    """A payment of 5 USD comes in."""
    told = CardPayment(
        key=f"cs_{key}",
        reference=f"pi_{key}",
        account=account,
        currency="usd",
        amount_minor=500,
        tax_minor=80,
    )
    receive_payment(connection, told, now=NOW)


def dispute(connection: Connection, *, reinstated_minor: int) -> None:
    """The bank takes a payment back, or has given it again."""
    told = Dispute(
        source="stripe",
        key="dp_1",
        reference="pi_1",
        currency="usd",
        amount_minor=500,
        withdrawn_minor=500,
        reinstated_minor=reinstated_minor,
        status="needs_response",
        updated_at=NOW,
    )
    receive_dispute(connection, told)


def reverse_repair(connection: Connection) -> None:
    """The operator takes the repair of the scene back."""
    name = next(one.id for one in iterate_entries(connection) if one.kind == "adjustment")
    reverse(connection, name, reason="it was one", now=NOW)


WORKS: Mapping[str, Work] = {
    "adjust": lambda connection: repair(connection, "k2"),
    "reverse": reverse_repair,
    "top-up": lambda connection: top_up(
        connection, user_id="shop", key="IN", microcredits=7, now=NOW
    ),
    "take-back": lambda connection: take_back(
        connection, user_id="shop", key="OUT", microcredits=7, now=NOW
    ),
    "payment": lambda connection: pay(connection, "3", "shop"),
    "payment of nobody": lambda connection: pay(connection, "4", "nobody"),
    "assign": lambda connection: assign_payment(
        connection, key="cs_2", user_id="shop", microcredits=None, now=NOW
    ),
    "refund": lambda connection: receive_refund(
        connection, reference="pi_1", currency="usd", refunded_minor=120, now=NOW
    ),
    "refund ahead of its payment": lambda connection: receive_refund(
        connection, reference="pi_9", currency="usd", refunded_minor=120, now=NOW
    ),
    "dispute": lambda connection: dispute(connection, reinstated_minor=0),
    "dispute that is over": lambda connection: dispute(connection, reinstated_minor=500),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books with a customer, a repair, a payment, and a refunded payment that funds nobody."""
    folder = tmp_path_factory.mktemp("money") / "kept"
    engine = open_database(folder, create=True)
    with begin_write(engine) as connection:
        open_account(connection, "shop")
        top_up(connection, user_id="shop", key="FIRST", microcredits=9_000_000, now=NOW)
        repair(connection, "k1")
        pay(connection, "1", "shop")
        pay(connection, "2", "late")
        receive_refund(connection, reference="pi_2", currency="usd", refunded_minor=33, now=NOW)
    engine.dispose()
    return folder


def set_back(kept: Path) -> Path:
    """A folder with the books as they were at first."""
    folder = kept.parent / "data"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(kept, folder)
    return folder


def read_books(folder: Path) -> Books:
    """All that is on record of money; it must recompute."""
    engine = open_database(folder, create=False)
    with engine.connect() as connection:
        verdict = recompute(connection)
        books = (
            list(iterate_entries(connection)),
            load_balances(connection),
            *(
                [tuple(row) for row in connection.execute(select(table))]
                for table in (payments, refunds, disputes, ledger_reasons)
            ),
        )
    engine.dispose()
    assert verdict.is_equal, verdict.difference
    return books


def do(folder: Path, work: Work) -> None:
    """Does the work to its end."""
    engine = open_database(folder, create=False)
    with begin_write(engine) as connection:
        work(connection)
    engine.dispose()


def kills(kept: Path, work: Work) -> Iterator[Path]:
    """The folder after each kill, over books that were set back; ends when there was none."""
    for number in range(1, 1_000):
        folder = set_back(kept)

        def live_and_die(folder: Path = folder, number: int = number) -> None:
            engine = for_writing(open_database(folder, create=False))
            engine.dispose()
            die_before_statement(engine, number)
            with engine.begin() as connection:
                work(connection)

        if run_in_child(live_and_die):
            return
        yield folder


@pytest.mark.parametrize("name", list(WORKS))
def test_kill__before_each_statement_that_moves_money__leaves_all_of_it_or_nothing(
    kept: Path, name: str
) -> None:
    work = WORKS[name]
    before = read_books(set_back(kept))
    do(kept.parent / "data", work)
    after = read_books(kept.parent / "data")
    assert before != after
    count = 0

    for folder in kills(kept, work):
        count += 1
        assert read_books(folder) == before
        for _ in range(2):
            do(folder, work)
            assert read_books(folder) == after

    assert count >= 4, "the kills come too late"


COMMANDS = {
    "adjust": (
        *("ledger", "adjust", "--from", "customer/shop", "--to", "network/writeoff"),
        *("--amount", "2", "--asset", "CREDIT", "--cause", "x", "--key", "k2"),
    ),
    "top-up": ("account", "top-up", "shop", "--credits", "7", "--key", "IN"),
    "assign": ("account", "assign", "cs_2", "shop"),
}


@pytest.mark.parametrize("name", list(COMMANDS))
def test_kill__before_each_step_of_a_command__books_once_in_the_end(kept: Path, name: str) -> None:
    before = read_books(kept)
    for step in range(1, MOST_STEPS):
        folder = set_back(kept)
        is_done = run_killed(folder, step, *COMMANDS[name], "--yes")
        left = read_books(folder)
        if is_done:
            assert step > 3, "the command has hardly any steps: is it killed at all?"
            assert left != before
            return
        assert count_entries_of(left) - count_entries_of(before) in {0, len(BOOKED[name])}
        assert run_killed(folder, MOST_STEPS * 25, *COMMANDS[name], "--yes")
        assert count_entries_of(read_books(folder)) == count_entries_of(before) + len(BOOKED[name])
    raise AssertionError(f"the command has more than {MOST_STEPS} steps")


BOOKED = {"adjust": ("it",), "top-up": ("it",), "assign": ("the payment", "its refund")}
"""What each command books."""


def count_entries_of(books: Books) -> int:
    """How many entries there are."""
    entries = books[0]
    assert isinstance(entries, list)
    return len(entries)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_command__that_only_shows__changes_nothing(kept: Path, name: str) -> None:
    folder = set_back(kept)
    before = read_books(folder)

    assert run_killed(folder, MOST_STEPS * 25, *COMMANDS[name])

    assert read_books(folder) == before
