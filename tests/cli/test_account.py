"""`basis account`: credits come and go once each, and what was used is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from basis.accounting.card_payments import CardPayment, receive_payment
from basis.rules.entries import customer_account
from basis.rules.ledger import AccountPath
from basis.rules.repairs import make_adjustment
from basis.storage.database import begin_write, open_database
from basis.storage.ledger_store import store_entries
from tests.cli.conftest import Command
from tests.support.books import NOW


@pytest.fixture
def shop(basis: Command) -> str:
    """A prepaid customer without credits."""
    return str(basis("key", "create", "--user", "shop", "--json").json["user_id"])


def receive(folder: Path, account: str, *, minor: int = 250, currency: str = "usd") -> None:
    """A payment by card comes in."""
    engine = open_database(folder, create=False)
    with begin_write(engine) as connection:
        told = CardPayment(
            key="cs_1", reference="pi_1", account=account, currency=currency, amount_minor=minor
        )
        receive_payment(connection, told, now=NOW)
    engine.dispose()


def spend(folder: Path, microcredits: int) -> None:
    """Credits of the shop go, as by a repair of the operator's."""
    entry = make_adjustment(
        key="spent",
        source=customer_account("shop"),
        target=AccountPath("network/writeoff"),
        asset="CREDIT",
        amount_raw=microcredits,
    )
    engine = open_database(folder, create=False)
    with begin_write(engine) as connection:
        store_entries(connection, [entry], now=NOW)
    engine.dispose()


def test_top_up__twice_with_one_key__books_once_and_says_so(basis: Command, shop: str) -> None:
    words = ("account", "top-up", shop, "--credits", "12.5", "--key", "INVOICE-17", "--yes")

    first = basis(*words, "--note", "paid in cash")
    second = basis(*words)

    assert second.out == "shop: balance 12.5 CREDIT, available 12.5 CREDIT\n"
    assert first.out.splitlines() == [
        second.out.rstrip(),
        "  customer/shop  12.5 CREDIT  (12500000)  balance 0 -> 12.5",
        "  funding/operator  -12.5 CREDIT  (-12500000)  balance 0 -> -12.5",
    ]
    assert first.err == ""
    assert "It was booked before" in second.err
    assert basis(*words, "--json").json == {
        "user_id": "shop",
        "key": "INVOICE-17",
        "outcome": "repeated",
        "is_booked": True,
        "balance_microcredits": "12500000",
        "available_microcredits": "12500000",
        "moves": [],
    }
    (payment,) = basis("account", "show", shop, "--json").json["payments"]
    assert (payment["key"], payment["note"]) == ("INVOICE-17", "paid in cash")
    assert "paid in cash" in basis("account", "show", shop).out
    assert basis("recompute").code == 0


@pytest.mark.parametrize(
    ("amount", "code", "named"),
    [
        ("-1", 3, "--credits"),
        ("0", 3, "cannot be booked"),
        ("1e3", 3, "--credits"),
        ("1.0000001", 3, "6 decimals"),
        ("12,5", 3, "--credits"),
        ("0x10", 3, "--credits"),
        ("NaN", 3, "--credits"),
        ("9" * 30, 3, "cannot be booked"),
        ("9" * 500, 3, "--credits"),
        ("", 3, "--credits"),
    ],
)
@pytest.mark.parametrize("verb", ["top-up", "take-back"])
def test_move__wrong_amount__exits_with_3_and_books_nothing(
    basis: Command, shop: str, verb: str, amount: str, code: int, named: str
) -> None:
    outcome = basis("account", verb, shop, f"--credits={amount}", "--key", "K", "--yes")

    assert (outcome.code, outcome.out) == (code, "")
    assert named in outcome.err
    assert len(outcome.err) < 400
    assert basis("account", "show", shop, "--json").json["payments"] == []


def test_top_up__same_key_other_amount__exits_with_5_and_names_both(
    basis: Command, shop: str
) -> None:
    basis("account", "top-up", shop, "--credits", "1", "--key", "K", "--yes")

    outcome = basis("account", "top-up", shop, "--credits", "2", "--key", "K", "--yes")

    assert outcome.code == 5
    assert "1 CREDIT, not 2 CREDIT" in outcome.err


def test_top_up__unknown_customer__exits_with_4(basis: Command, shop: str) -> None:
    outcome = basis("account", "top-up", "nobody", "--credits", "1", "--key", "K", "--yes")

    assert outcome.code == 4
    assert "basis account list" in outcome.err


def test_take_back__more_than_was_given__exits_with_3_and_says_how_much(
    basis: Command, shop: str
) -> None:
    basis("account", "top-up", shop, "--credits", "5", "--key", "IN", "--yes")
    assert basis("account", "take-back", shop, "--credits", "4", "--key", "OUT", "--yes").code == 0

    outcome = basis("account", "take-back", shop, "--credits", "2", "--key", "OUT-2", "--yes")

    assert outcome.code == 3
    assert "2 CREDIT are more than the 1 CREDIT" in outcome.err
    assert basis("recompute").code == 0


def test_take_back__more_than_can_be_spent__exits_with_13_and_books_nothing(
    basis: Command, tmp_path: Path, shop: str
) -> None:
    basis("account", "top-up", shop, "--credits", "5", "--key", "IN", "--yes")
    spend(tmp_path / "data", 3_000_001)

    outcome = basis("account", "take-back", shop, "--credits", "2", "--key", "OUT", "--yes")

    assert (outcome.code, outcome.out) == (13, "")
    assert "can spend 1.999999 CREDIT, so 2 CREDIT cannot be taken back" in outcome.err
    assert len(basis("account", "show", shop, "--json").json["payments"]) == 1


@pytest.mark.parametrize(
    ("options", "limit", "billing"),
    [
        (("--postpaid",), None, "postpaid"),
        (("--prepaid",), "0", "prepaid"),
        (("--credit-limit", "7.5"), "7500000", "prepaid"),
    ],
)
def test_limit__each_kind__is_recorded_and_shown(
    basis: Command, shop: str, options: tuple[str, ...], limit: str | None, billing: str
) -> None:
    basis("account", "limit", shop, "--credit-limit", "1")

    shown = basis("account", "limit", shop, *options, "--json").json

    assert (shown["credit_limit_microcredits"], shown["billing"]) == (limit, billing)
    changes = basis("account", "show", shop, "--json").json["changes"]
    assert [(one["field"], one["before"], one["after"]) for one in changes] == [
        ("credit_limit", "0", "1000000"),
        ("credit_limit", "1000000", limit or "none"),
    ]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--postpaid", "--prepaid"),
        ("--postpaid", "--credit-limit", "1"),
        ("--credit-limit", "-1"),
        ("--credit-limit", "1.1234567"),
        ("--credit-limit", "9" * 20),
    ],
)
def test_limit__wrong_input__exits_with_3_and_changes_nothing(
    basis: Command, shop: str, options: tuple[str, ...]
) -> None:
    outcome = basis("account", "limit", shop, *options)

    assert (outcome.code, outcome.out) == (3, "")
    assert basis("account", "show", shop, "--json").json["changes"] == []


def test_list__customers__shows_what_each_has(basis: Command, shop: str) -> None:
    basis("key", "create", "--user", "later", "--postpaid", "--credits", "3")

    listed = basis("account", "list", "--json").json
    text = basis("account", "list").out

    assert [
        (one["user_id"], one["billing"], one["balance_microcredits"], one["available_microcredits"])
        for one in listed
    ] == [("shop", "prepaid", "0", "0"), ("later", "postpaid", "3000000", None)]
    assert "without limit" in text


def test_unassigned__payment_of_nobody__is_listed_and_assigned_once(
    basis: Command, shop: str, tmp_path: Path
) -> None:
    receive(tmp_path / "data", "nobody")
    assert "not on record" in basis("account", "unassigned").out
    (kept,) = basis("account", "unassigned", "--json").json
    assert (kept["key"], kept["account_given"], kept["amount_minor"]) == ("cs_1", "nobody", 250)

    first = basis("account", "assign", "cs_1", shop, "--yes")
    second = basis("account", "assign", "cs_1", shop, "--yes")

    assert second.out == "shop: balance 2500 CREDIT, available 2500 CREDIT\n"
    assert first.out.startswith(second.out)
    assert "booked before" in second.err
    assert basis("account", "unassigned", "--json").json == []
    assert basis("recompute").code == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("cs_2", "shop"), 4),
        (("cs_1", "nobody"), 4),
        (("cs_1", "shop"), 3),
        (("cs_1", "shop", "--credits", "0"), 3),
        (("cs_1", "shop", "--credits", "x"), 3),
    ],
)
def test_assign__wrong_input__is_refused(
    basis: Command, shop: str, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    receive(tmp_path / "data", "shop", currency="eur")

    assert basis("account", "assign", *words).code == code
    assert len(basis("account", "unassigned", "--json").json) == 1


def test_moves__without_yes__show_the_balances_and_book_nothing(
    basis: Command, shop: str, tmp_path: Path
) -> None:
    basis("account", "top-up", shop, "--credits", "5", "--key", "IN", "--yes")
    receive(tmp_path / "data", "nobody")
    before = basis("account", "show", shop, "--json").json
    for words, line in (
        (("top-up", shop, "--credits", "1", "--key", "K"), "1 CREDIT  (1000000)  balance 5 -> 6"),
        (("take-back", shop, "--credits", "5", "--key", "K"), "(-5000000)  balance 5 -> 0"),
        (("assign", "cs_1", shop), "balance 5 -> 2505"),
    ):
        shown = basis("account", *words)
        as_json = basis("account", *words, "--json").json

        assert shown.code == 0
        assert line in next(one for one in shown.out.splitlines() if "customer/shop" in one)
        assert "Nothing is booked" in shown.err
        assert as_json["is_booked"] is False
        assert len(as_json["moves"]) == 2
        assert basis("account", "show", shop, "--json").json == before
    assert len(basis("account", "unassigned", "--json").json) == 1
    assert basis("account", "assign", "cs_1", shop, "--yes").code == 0
