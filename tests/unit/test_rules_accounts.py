"""The chart of accounts: what may be booked where, and on which side of zero it stays."""

from __future__ import annotations

import pytest

from basis.rules.accounts import (
    CHART,
    AccountRule,
    Bound,
    account_of_path,
    bound_of,
    validate_floors,
)
from basis.rules.errors import FloorBroken, UnknownAccount
from basis.rules.ledger import AccountPath

WALLET = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
EXAMPLES = {
    "<user>": "user_1",
    "<worker>": "alice-1",
    "<wallet>": WALLET,
    "<phase>": "2026-11",
    "<pool>": "llm",
}


def example_of(rule: AccountRule) -> AccountPath:
    """An account of `rule`."""
    path = rule.pattern
    for name, value in EXAMPLES.items():
        path = path.replace(name, value)
    return AccountPath(path)


@pytest.mark.parametrize("rule", CHART, ids=lambda rule: rule.pattern)
def test_account__of_each_row__is_found_by_its_path(rule: AccountRule) -> None:
    assert account_of_path(example_of(rule)) is rule
    assert {asset: bound_of(example_of(rule), asset) for asset in rule.bounds} == rule.bounds


def test_chart__patterns__are_all_different_and_explained() -> None:
    assert len({rule.pattern for rule in CHART}) == len(CHART)
    assert all(rule.meaning and rule.bounds for rule in CHART)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "no account of the chart"),
        ("network/fees", "no account of the chart"),
        ("network", "no account of the chart"),
        ("network/fee/", "no account of the chart"),
        ("Network/fee", "no account of the chart"),
        ("reward/pendin/" + WALLET, "no account of the chart"),
        ("customer/", "'' is no id of a user"),
        ("customer/a b", "'a b' is no id of a user"),
        ("customer/" + "u" * 65, "is no id of a user"),
        ("customer/\u0661", "is no id of a user"),
        ("penalty/owed/../../etc", "no account of the chart"),
        ("reward/pending/0xA", "expected 0x and 40 hex digits"),
        ("reward/pending/" + WALLET.lower(), "its wallet is written 0x5aAeb"),
        ("reward/pending/" + WALLET.replace("5aA", "5aa"), "checksum is wrong"),
        ("phase/vested/llm", "expected 0x and 40 hex digits"),
        ("vesting/2026-11/llm", "expected 0x and 40 hex digits"),
        ("x" * 100_000, "does not exist"),
    ],
)
def test_account__not_of_the_chart__is_refused_in_words(path: str, words: str) -> None:
    with pytest.raises(UnknownAccount) as refused:
        account_of_path(path)

    assert words in refused.value.message
    assert len(refused.value.message) < 500


@pytest.mark.parametrize(
    ("path", "asset"),
    [("network/fee", "CREDIT"), ("points/issued", "BASIS"), ("customer/u", "basis")],
)
def test_bound__asset_that_the_row_lacks__is_refused(path: str, asset: str) -> None:
    with pytest.raises(UnknownAccount, match=f"not in '{asset}'"):
        bound_of(path, asset)


@pytest.mark.parametrize("rule", CHART, ids=lambda rule: rule.pattern)
def test_floors__each_row__holds_on_its_side_of_zero_alone(rule: AccountRule) -> None:
    for asset, bound in rule.bounds.items():
        for balance_raw in (-(2**200), -1, 0, 1, 2**200):
            key = (example_of(rule), asset)
            is_refused = (balance_raw < 0 and bound is Bound.NOT_NEGATIVE) or (
                balance_raw > 0 and bound is Bound.NOT_POSITIVE
            )
            if is_refused:
                with pytest.raises(FloorBroken, match=bound.value):
                    validate_floors([(key, balance_raw)])
            else:
                validate_floors([(key, balance_raw)])


@pytest.mark.parametrize(
    ("limits", "lowest"), [({}, 0), ({"u": 0}, 0), ({"u": 500}, -500), ({"u": None}, -(10**40))]
)
def test_floors__customer__may_go_as_low_as_its_credit_limit(
    limits: dict[str, int | None], lowest: int
) -> None:
    key = (AccountPath("customer/u"), "CREDIT")
    validate_floors([(key, lowest)], credit_limits=limits)

    if limits.get("u", 0) is not None:
        with pytest.raises(FloorBroken, match="customer/u would hold"):
            validate_floors([(key, lowest - 1)], credit_limits=limits)


def test_floors__unknown_account__is_refused() -> None:
    with pytest.raises(UnknownAccount, match="network/thief"):
        validate_floors([((AccountPath("network/thief"), "BASIS"), 0)])
