"""What a key may do: how it is said, shown and changed; and every wrong way to say it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command

ALL = (
    *("--credits-per-day", "12.5", "--requests-per-minute", "60", "--tokens-per-minute", "9000"),
    *("--model", "basis-tiny", "--model", "basis-small", "--expires", "2999-12-30"),
    *("--prefers", "speed"),
)
ALL_LIMITS = {
    "microcredits_per_day": "12500000",
    "requests_per_minute": 60,
    "tokens_per_minute": 9_000,
    "models": ["basis-small", "basis-tiny"],
    "expires_at": "2999-12-31T00:00:00.000Z",
    "prefers": "speed",
}
NO_LIMITS = {
    "microcredits_per_day": None,
    "requests_per_minute": None,
    "tokens_per_minute": None,
    "models": [],
    "expires_at": None,
    "prefers": None,
}
WRONG = [
    ("--credits-per-day", "-1"),
    ("--credits-per-day", "1.0000001"),
    ("--credits-per-day", "9" * 20),
    ("--credits-per-day", "lots"),
    ("--requests-per-minute", "0"),
    ("--requests-per-minute", "-5"),
    ("--requests-per-minute", "1.5"),
    ("--requests-per-minute", "1e3"),
    ("--requests-per-minute", str(2**31)),
    ("--tokens-per-minute", "9" * 300),
    ("--tokens-per-minute", ""),
    ("--model", "gpt-9"),
    ("--model", ""),
    ("--expires", "2020-01-01"),
    ("--expires", "2020-01-01T00:00:00Z"),
    ("--expires", "2026-02-30"),
    ("--expires", "tomorrow"),
    ("--expires", "2999-01-01T00:00:00+02:00"),
    ("--prefers", "luck"),
]


def make(basis: Command, *options: str) -> Any:
    """What `basis key create` says of a fresh key."""
    return basis("key", "create", *options, "--json").json


def test_create__without_options__has_no_limits_and_no_credits(basis: Command) -> None:
    outcome = basis("key", "create", "--user", "shop")

    assert "basis account top-up shop --credits" in outcome.err
    (key,) = basis("key", "list", "--json").json
    assert (key["limits"], key["parent_id"]) == (NO_LIMITS, None)
    assert basis("account", "show", "shop", "--json").json["billing"] == "prepaid"


def test_create__with_all_limits__shows_them_everywhere(basis: Command) -> None:
    made = make(basis, *ALL)

    assert made["limits"] == ALL_LIMITS
    assert basis("key", "list", "--json").json[0]["limits"] == ALL_LIMITS
    assert basis("key", "show", made["id"], "--json").json["limits"] == ALL_LIMITS
    for words in (("list",), ("show", made["id"])):
        text = basis("key", *words).out
        assert "12.5 CREDIT/day, 60 requests/min, 9000 tokens/min" in text
        assert "until 2999-12-31T00:00:00.000Z, prefers speed" in text


@pytest.mark.parametrize(("option", "value"), WRONG)
def test_create__wrong_limit__exits_with_3_and_makes_nothing(
    basis: Command, tmp_path: Path, option: str, value: str
) -> None:
    outcome = basis("key", "create", f"{option}={value}")

    assert (outcome.code, outcome.out) == (3, "")
    assert option in outcome.err
    assert len(outcome.err) < 300
    assert not (tmp_path / "data").exists()


def test_create__with_credits__tops_the_customer_up(basis: Command) -> None:
    outcome = basis("key", "create", "--user", "shop", "--credits", "5000")

    assert "top-up" not in outcome.err
    shown = basis("account", "show", "shop", "--json").json
    assert shown["balance_microcredits"] == "5000000000"
    assert basis("recompute").code == 0


@pytest.mark.parametrize("amount", ["0", "-5", "1.0000001", "1e3", "9" * 40, "x"])
def test_create__wrong_credits__exits_with_3_and_makes_nothing(
    basis: Command, tmp_path: Path, amount: str
) -> None:
    outcome = basis("key", "create", f"--credits={amount}")

    assert (outcome.code, outcome.out) == (3, "")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("options", "limit"),
    [((), "0"), (("--postpaid",), None), (("--credit-limit", "2.5"), "2500000")],
)
def test_create__terms_of_a_new_customer__are_kept(
    basis: Command, options: tuple[str, ...], limit: str | None
) -> None:
    user_id = make(basis, *options)["user_id"]

    shown = basis("account", "show", user_id, "--json").json
    assert shown["credit_limit_microcredits"] == limit


@pytest.mark.parametrize("options", [("--postpaid",), ("--credit-limit", "5")])
def test_create__terms_of_a_known_customer__are_refused(
    basis: Command, options: tuple[str, ...]
) -> None:
    make(basis, "--user", "shop")

    outcome = basis("key", "create", "--user", "shop", *options)

    assert (outcome.code, outcome.out) == (3, "")
    assert "basis account limit shop" in outcome.err
    assert len(basis("key", "list", "--json").json) == 1


def test_create__both_postpaid_and_a_limit__exits_with_3(basis: Command) -> None:
    assert basis("key", "create", "--postpaid", "--credit-limit", "5").code == 3


def test_create__sub_key__belongs_to_the_parents_customer(basis: Command) -> None:
    parent = make(basis, "--user", "shop", "--credits-per-day", "10")

    child = make(basis, "--parent", parent["id"], "--credits-per-day", "3")

    assert (child["user_id"], child["parent_id"]) == ("shop", parent["id"])
    assert basis("key", "show", parent["id"], "--json").json["subkeys"] == [child["id"]]
    assert f"sub-key   {child['id']}" in basis("key", "show", parent["id"]).out
    assert f"parent    {parent['id']}" in basis("key", "show", child["id"]).out
    assert f"sub-key of {parent['id']}" in basis("account", "show", "shop").out


def test_create__parent_that_cannot_be__is_refused(basis: Command) -> None:
    parent = make(basis, "--user", "shop")["id"]
    child = make(basis, "--parent", parent)["id"]
    revoked = make(basis, "--user", "shop")["id"]
    basis("key", "revoke", revoked)

    for options, code, named in (
        (("--parent", "key_none"), 4, "key_none"),
        (("--parent", child), 3, "sub-key"),
        (("--parent", revoked), 3, "revoked"),
        (("--parent", parent, "--user", "other"), 3, "belongs to the customer shop"),
        (("--parent", parent, "--postpaid"), 3, "basis account limit"),
    ):
        outcome = basis("key", "create", *options)
        assert (outcome.code, outcome.out) == (code, "")
        assert named in outcome.err
    assert len(basis("key", "list", "--json").json) == 3


@pytest.mark.parametrize("name", ["x" * 201, "two\nlines", "\x1b[31mred"])
def test_create__name_that_is_no_line__exits_with_3(basis: Command, name: str) -> None:
    assert basis("key", "create", "--name", name).code == 3


def test_limit__changes_what_was_named_alone_and_keeps_a_record(basis: Command) -> None:
    key_id = make(basis, "--user", "shop", *ALL)["id"]

    changed = basis("key", "limit", key_id, "--requests-per-minute", "5", "--json").json

    assert changed["limits"] == {**ALL_LIMITS, "requests_per_minute": 5}
    (change,) = basis("account", "show", "shop", "--json").json["changes"]
    assert (change["key_id"], change["field"]) == (key_id, "requests_per_minute")
    assert (change["before"], change["after"]) == ("60", "5")


def test_limit__none__lifts_each(basis: Command) -> None:
    key_id = make(basis, "--user", "shop", *ALL)["id"]
    names = ("credits-per-day", "requests-per-minute", "tokens-per-minute")

    lifted = basis(
        *("key", "limit", key_id, "--model", "none", "--expires", "none", "--prefers", "none"),
        *(word for name in names for word in (f"--{name}", "none")),
        "--json",
    ).json

    assert lifted["limits"] == NO_LIMITS
    assert len(basis("account", "show", "shop", "--json").json["changes"]) == 6


def test_limit__of_nothing_a_day__is_a_limit(basis: Command) -> None:
    key_id = make(basis, "--user", "shop")["id"]

    basis("key", "limit", key_id, "--credits-per-day", "0")

    (change,) = basis("account", "show", "shop", "--json").json["changes"]
    assert (change["before"], change["after"]) == ("none", "0")
    assert "0 CREDIT/day" in basis("key", "list").out


@pytest.mark.parametrize(("option", "value"), WRONG)
def test_limit__wrong_input__exits_with_3_and_changes_nothing(
    basis: Command, option: str, value: str
) -> None:
    key_id = make(basis, "--user", "shop")["id"]

    outcome = basis("key", "limit", key_id, f"{option}={value}")

    assert (outcome.code, outcome.out) == (3, "")
    assert basis("account", "show", "shop", "--json").json["changes"] == []


def test_limit__nothing_named_or_unknown_key__is_refused(basis: Command) -> None:
    key_id = make(basis)["id"]

    assert basis("key", "limit", key_id).code == 3
    assert basis("key", "limit", "key_none", "--prefers", "price").code == 4
    assert basis("key", "show", "key_none").code == 4
