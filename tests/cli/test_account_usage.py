"""`basis account usage` and `statement`: what customers used and where their credits went."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from basis.storage.secrets import load_hasher
from tests.cli.conftest import Command
from tests.support.books import Books


@pytest.fixture
def shop(basis: Command) -> str:
    """A prepaid customer without credits."""
    return str(basis("key", "create", "--user", "shop", "--json").json["user_id"])


# The books' jobs of user-1 are all of one day, one key and one model.


@pytest.fixture
def customers(basis: Command, books: Books, tmp_path: Path) -> None:
    """The customer whose jobs are in the books, where nobody paid for them."""
    load_hasher(tmp_path / "data")
    assert basis("key", "create", "--user", "user-1").code == 0


def test_limit__below_what_is_owed__says_that_nothing_is_accepted(
    basis: Command, customers: None
) -> None:
    owed = -int(basis("account", "show", "user-1", "--json").json["balance_microcredits"])
    assert owed > 0

    outcome = basis("account", "limit", "user-1", "--prepaid")

    assert outcome.code == 0
    assert "nothing is accepted until it is topped up" in outcome.err


@pytest.mark.parametrize(
    ("by", "name"), [("day", "2026-11-21"), ("model", "basis-tiny"), ("key", "key_1")]
)
def test_usage__by_each_group__is_the_sum_of_the_receipts(
    basis: Command, customers: None, by: str, name: str
) -> None:
    receipts = [
        one
        for one in basis("receipt", "list", "--limit", "50", "--json").json
        if one["core"]["userId"] == "user-1" and one["details"]["charge"]
    ]
    completed = [one for one in receipts if one["status"] == "completed"]

    (row,) = basis("account", "usage", "user-1", "--by", by, "--json").json

    assert row == {
        by: name,
        "requests": len(receipts),
        "completed": len(completed),
        "promptTokens": sum(one["core"]["promptTokens"] for one in completed),
        "outputTokens": sum(one["core"]["outputTokens"] for one in completed),
        "microcredits": str(
            sum(int(one["details"]["charge"]["microcredits"]) for one in completed)
        ),
    }


def test_usage__as_csv__has_a_head_and_the_same_figures(basis: Command, customers: None) -> None:
    (row,) = csv.DictReader(basis("account", "usage", "user-1", "--csv").out.splitlines())
    (expected,) = basis("account", "usage", "user-1", "--json").json

    assert row["day"] == expected["day"]
    assert row["microcredits"] == expected["microcredits"]
    assert "CREDIT" in basis("account", "usage", "user-1").out


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (("--from", "2026-11-21", "--to", "2026-11-21"), 1),
        (("--from", "2026-11-22"), 0),
        (("--to", "2026-11-20"), 0),
    ],
)
def test_usage__days__are_both_within(
    basis: Command, customers: None, options: tuple[str, ...], count: int
) -> None:
    assert len(json.loads(basis("account", "usage", "user-1", *options, "--json").out)) == count


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--from", "yesterday"), 3),
        (("--from", "2026-11-31"), 3),
        (("--from", "2026-11-22", "--to", "2026-11-21"), 3),
        (("--by", "hour"), 3),
        (("--csv", "--json"), 3),
    ],
)
def test_usage__wrong_input__exits_with_3(
    basis: Command, customers: None, options: tuple[str, ...], code: int
) -> None:
    outcome = basis("account", "usage", "user-1", *options)

    assert (outcome.code, outcome.out) == (code, "")


@pytest.mark.parametrize("verb", ["show", "usage"])
def test_account__unknown_customer__exits_with_4(basis: Command, shop: str, verb: str) -> None:
    assert basis("account", verb, "nobody").code == 4


def test_statement__opens_and_closes_with_every_entry_between(basis: Command, shop: str) -> None:
    basis("account", "top-up", shop, "--credits", "5", "--key", "IN", "--yes")
    basis("account", "take-back", shop, "--credits", "2", "--key", "OUT", "--yes")

    (shown,) = basis("account", "statement", shop, "--json").json

    assert (shown["opening_raw"], shown["closing_raw"]) == ("0", "3000000")
    assert [(one["cause"], one["amount_raw"]) for one in shown["entries"]] == [
        ("operator/IN", "5000000"),
        ("operator/OUT", "-2000000"),
    ]
    assert "closing  3 CREDIT" in basis("account", "statement", shop).out
    assert basis("account", "statement", shop, "--csv").out.startswith("entry,")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nobody",), 4),
        (("shop", "--from", "then"), 3),
        (("shop", "--from", "2026-02-02", "--to", "2026-02-01"), 3),
        (("shop", "--csv", "--json"), 3),
    ],
)
def test_statement__wrong_input__is_refused(
    basis: Command, shop: str, words: tuple[str, ...], code: int
) -> None:
    assert basis("account", "statement", *words).code == code
