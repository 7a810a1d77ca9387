"""What may be booked by hand: which accounts, how much, and what an entry's reversal is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from basis.rules.accounts import CHART, Holder
from basis.rules.entries import CREDITS_FUNDED, JOB_COMPLETED, credits_funded
from basis.rules.errors import InvalidInput, UnknownAccount
from basis.rules.job import UserId
from basis.rules.ledger import AccountPath, Entry, Posting, make_entry
from basis.rules.repairs import (
    LONGEST_REASON,
    make_adjustment,
    make_reversal,
    remake_adjustment,
    validate_reason,
)

CUSTOMER = AccountPath("customer/user-1")
WRITEOFF = AccountPath("network/writeoff")
EXCHANGE = AccountPath("network/exchange")


def _adjust(**changes: object) -> Entry:
    given = {
        "key": "ticket-7",
        "source": WRITEOFF,
        "target": CUSTOMER,
        "asset": "CREDIT",
        "amount_raw": 5,
    }
    return make_adjustment(**{**given, **changes})


def test_adjustment__of_five__takes_from_the_source_and_gives_to_the_target() -> None:
    entry = _adjust()

    assert (entry.kind, entry.cause) == ("adjustment", "ticket-7")
    assert {(one.account, one.asset): one.amount_raw for one in entry.postings} == {
        (WRITEOFF, "CREDIT"): -5,
        (CUSTOMER, "CREDIT"): 5,
    }


def test_adjustment__least_amount_and_longest_key__is_taken() -> None:
    assert _adjust(amount_raw=1, key="k" * 64).cause == "k" * 64


@pytest.mark.parametrize(
    ("changes", "param", "words"),
    [
        ({"amount_raw": 0}, "amount", "amount is 0 base units"),
        ({"amount_raw": -5}, "amount", "turn the accounts round"),
        ({"key": ""}, "key", "key is ''"),
        ({"key": "k" * 65}, "key", "expected 1 to 64"),
        ({"key": "-k"}, "key", "key is '-k'"),
        ({"target": WRITEOFF}, None, "'network/writeoff' is both accounts"),
    ],
)
def test_adjustment__that_says_nothing__is_refused_by_name(
    changes: dict[str, object], param: str | None, words: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        _adjust(**changes)

    assert refused.value.param == param
    assert words in refused.value.message


@pytest.mark.parametrize("changes", [{"asset": "LLAMA"}, {"target": AccountPath("nobody")}])
def test_adjustment__on_no_account_of_the_chart__is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(UnknownAccount):
        _adjust(**changes)


def test_adjustment__of_what_a_receipt_says__is_refused_and_names_the_account() -> None:
    wallet = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    with pytest.raises(InvalidInput, match=f"points/earned/{wallet} cannot be moved by hand"):
        _adjust(
            source=AccountPath("points/issued"),
            target=AccountPath(f"points/earned/{wallet}"),
            asset="LLAMA",
        )


def _entry(*moved: tuple[AccountPath, int]) -> Entry:
    postings = (
        Posting(account=account, asset="CREDIT", amount_raw=amount) for account, amount in moved
    )
    return make_entry(kind="adjustment", cause="ticket-7", postings=postings)


@pytest.mark.parametrize("amount_raw", [1, 5, 10**30])
def test_remake__of_an_adjustment__is_equal_to_it(amount_raw: int) -> None:
    entry = _adjust(amount_raw=amount_raw)

    assert remake_adjustment(entry) == entry


@pytest.mark.parametrize(
    "moved",
    [
        [(WRITEOFF, -5), (CUSTOMER, 2), (EXCHANGE, 3)],
        [(WRITEOFF, -2), (EXCHANGE, -3), (CUSTOMER, 5)],
    ],
    ids=["to two", "from two"],
)
def test_remake__of_more_than_two_accounts__is_none(
    moved: list[tuple[AccountPath, int]],
) -> None:
    assert remake_adjustment(_entry(*moved)) is None


def test_remake__of_an_entry_that_moves_nothing__is_none() -> None:
    assert remake_adjustment(replace(_adjust(), postings=())) is None


def test_remake__with_a_posting_of_nothing__is_the_adjustment_without_it() -> None:
    entry = _adjust()
    nothing = Posting(account=EXCHANGE, asset="CREDIT", amount_raw=0)

    assert remake_adjustment(replace(entry, postings=(*entry.postings, nothing))) == entry


def test_remake__of_two_assets__is_another_entry() -> None:
    entry = _adjust()
    taken, given = sorted(entry.postings, key=lambda one: one.amount_raw)
    mixed = replace(entry, postings=(replace(taken, asset="BASIS"), given))

    assert remake_adjustment(mixed) == entry


def test_remake__of_no_key__is_refused_as_making_one_is() -> None:
    with pytest.raises(InvalidInput) as refused:
        remake_adjustment(replace(_adjust(), cause="no key"))

    assert refused.value.param == "key"


@pytest.mark.parametrize("rule", CHART, ids=lambda rule: rule.pattern)
def test_chart__each_row__has_bounds_a_holder_and_a_meaning(rule) -> None:
    assert rule.bounds
    assert rule.meaning
    assert isinstance(rule.holder, Holder)
    assert isinstance(rule.is_adjustable, bool)


def test_reversal__of_an_adjustment__is_it_turned_round() -> None:
    entry = _adjust()
    back = make_reversal(entry)

    assert (back.kind, back.cause) == ("reversal", entry.id)
    assert {(one.account, one.asset, -one.amount_raw) for one in back.postings} == {
        (one.account, one.asset, one.amount_raw) for one in entry.postings
    }


def test_reversal__of_a_payment__is_refused_with_what_to_do() -> None:
    payment = credits_funded(user_id=UserId("user-1"), source="operator", key="k", microcredits=5)
    with pytest.raises(InvalidInput) as refused:
        make_reversal(payment)

    assert payment.kind == CREDITS_FUNDED
    assert refused.value.param == "entry"
    assert payment.id in refused.value.message
    assert "basis account take-back" in refused.value.message


def test_reversal__of_a_job__is_refused_with_what_to_do() -> None:
    job = make_entry(
        kind=JOB_COMPLETED,
        cause="job-1",
        postings=(
            Posting(account=CUSTOMER, asset="CREDIT", amount_raw=-1),
            Posting(account=EXCHANGE, asset="CREDIT", amount_raw=1),
        ),
    )
    with pytest.raises(InvalidInput) as refused:
        make_reversal(job)

    assert refused.value.param == "entry"
    assert job.id in refused.value.message
    assert "basis account top-up" in refused.value.message


@pytest.mark.parametrize(
    ("reason", "kept"), [("  why \n", "why"), ("w", "w"), ("w" * LONGEST_REASON,) * 2]
)
def test_reason__one_line__is_kept_without_the_space_around(reason: str, kept: str) -> None:
    assert validate_reason(reason) == kept


@pytest.mark.parametrize("reason", ["", " \t", "two\nlines", "w" * (LONGEST_REASON + 1), "\x07"])
def test_reason__empty_long_or_of_several_lines__is_refused(reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        validate_reason(reason)

    assert refused.value.param == "cause"
    assert f"1 to {LONGEST_REASON}" in refused.value.message
