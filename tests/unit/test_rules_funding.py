"""Which recorded entries a payment can have made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from basis.rules.entries import credits_funded, find_funding_flaw
from basis.rules.job import UserId
from basis.rules.ledger import AccountPath, Entry, make_entry

PAYMENT = credits_funded(user_id=UserId("ann"), source="stripe", key="ev/1", microcredits=5)


def _again(entry: Entry, **changes: object) -> Entry:
    return make_entry(
        **{"kind": entry.kind, "cause": entry.cause, "postings": entry.postings, **changes}
    )


def test_funding_flaw__of_what_a_payment_made__is_none() -> None:
    back = credits_funded(user_id=UserId("ann"), source="operator", key="k", microcredits=-5)

    assert [find_funding_flaw(PAYMENT), find_funding_flaw(back)] == ["", ""]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cause": "stripe"}, "does not fund one customer"),
        ({"cause": "stripe/"}, "does not fund one customer"),
        ({"cause": "operator/ev/1"}, "moves something else"),
        ({"kind": "other"}, "moves something else"),
        (
            {
                "postings": [replace(one, account="network/dust") for one in PAYMENT.postings[1:]]
                + [replace(PAYMENT.postings[0], account="network/fee")]
            },
            "does not fund one customer",
        ),
        (
            {"postings": [replace(one, asset="BASIS") for one in PAYMENT.postings]},
            "moves something else",
        ),
    ],
)
def test_funding_flaw__of_another_entry__is_said(changes: dict[str, object], words: str) -> None:
    assert words in find_funding_flaw(_again(PAYMENT, **changes))


def test_funding_flaw__of_two_customers__is_said() -> None:
    customers = [one for one in PAYMENT.postings if one.account.startswith("customer/")]
    other = [replace(one, account=AccountPath("customer/bob")) for one in customers]
    funding = [
        replace(one, amount_raw=2 * one.amount_raw)
        for one in PAYMENT.postings
        if one not in customers
    ]

    flaw = find_funding_flaw(_again(PAYMENT, postings=[*customers, *other, *funding]))

    assert "does not fund one customer" in flaw
