"""The published file of a phase: its members, and how two of them are compared."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from phase_states import (
    ALICE,
    BOB,
    CLOSED,
    END,
    LAST,
    LATER,
    OPENED,
    make_closed,
    make_denied,
    make_final,
    make_open,
    without_bob,
)

from basis.rules.phase_file import (
    differences,
    is_final,
    keep_wallet,
    phase_document,
    phase_file,
    phase_summary,
)

TERMS = {
    "phase": "s1",
    "from": "2026-11-01T00:00:00.000Z",
    "to": END,
    "appealDays": 7,
    "pools": [{"pool": "llm", "pointsAsset": "LLAMA", "amountRaw": "1000"}],
    "vesting": {
        "from": END,
        "cliffDays": 0,
        "parts": 2,
        "intervalDays": 30,
        "dueAt": [END, "2026-12-31T00:00:00.000Z"],
    },
}
# Bob is out for good, so all of the pool is Alice's. As docs/reference/phases.md describes it.
PUBLISHED = {
    "phaseVersion": 1,
    "rules": "2026-11-23",
    "status": "final",
    "terms": TERMS,
    "openedAt": OPENED,
    "closedAt": CLOSED,
    "appealableUntil": "2026-12-08T09:00:00.000Z",
    "finalAt": LAST,
    "tokenSymbol": "BASIS",
    "receipts": {
        "closing": 1,
        "count": 9,
        "lateCount": 0,
        "lastSeq": 9,
        "hash": "a" * 64,
        "pointsTables": ["2026-11-23"],
    },
    "pools": [
        {
            "pool": "llm",
            "pointsAsset": "LLAMA",
            "amountRaw": "1000",
            "pointsRaw": "3000000",
            "excludedPointsRaw": "1000000",
            "sharedRaw": "1000",
            "dustRaw": "0",
            "returnedRaw": "0",
        }
    ],
    "lines": [
        {
            "pool": "llm",
            "wallet": ALICE,
            "pointsRaw": "3000000",
            "amountRaw": "1000",
            "isExcluded": False,
            "forgoneRaw": "0",
        },
        {
            "pool": "llm",
            "wallet": BOB,
            "pointsRaw": "1000000",
            "amountRaw": "0",
            "isExcluded": True,
            "forgoneRaw": "250",
        },
    ],
    "exclusions": [
        {
            "wallet": BOB,
            "reason": "sybil",
            "evidence": "one machine",
            "excludedAt": CLOSED,
            "isInForce": True,
            "appeal": {
                "text": "two machines",
                "filedAt": LATER,
                "decision": "denied",
                "reason": "seen",
                "decidedAt": LATER,
            },
        }
    ],
    "wallets": [
        {"wallet": ALICE, "amountRaw": "1000", "partRaw": "500", "lastPartRaw": "500"},
    ],
}


def test_phase_file__final_phase__says_all_that_it_follows_from() -> None:
    assert json.loads(phase_file(make_final())) == PUBLISHED


def test_phase_file__bytes__are_one_sorted_line() -> None:
    spelt = json.dumps(PUBLISHED, sort_keys=True, separators=(",", ":"))

    assert phase_file(make_final()) == f"{spelt}\n".encode("ascii")


def test_phase_document__open_phase__has_counted_nothing() -> None:
    document = phase_document(make_open())

    assert document["receipts"] is None
    assert (document["closedAt"], document["finalAt"]) == ("", "")


def test_phase_document__exclusion_without_appeal__says_so() -> None:
    rows = phase_document(without_bob(make_closed()))["exclusions"]

    assert rows == [
        {
            "wallet": BOB,
            "reason": "sybil",
            "evidence": "one machine",
            "excludedAt": CLOSED,
            "isInForce": True,
            "appeal": None,
        }
    ]


@pytest.mark.parametrize(("parts", "part", "last"), [(1, 750, 750), (4, 187, 189), (2, 375, 375)])
def test_phase_document__amount_that_parts_do_not_divide__puts_the_rest_in_the_last(
    parts: int, part: int, last: int
) -> None:
    closed = make_closed()
    vesting = replace(closed.terms.vesting, parts=parts, interval_days=min(parts - 1, 30))
    phase = replace(closed, terms=replace(closed.terms, vesting=vesting))

    assert phase_document(phase)["wallets"][0] == {
        "wallet": ALICE,
        "amountRaw": "750",
        "partRaw": str(part),
        "lastPartRaw": str(last),
    }


def test_phase_document__two_pools__are_sorted_by_name() -> None:
    first = make_open()
    pools = (
        replace(first.terms.pools[0], name="pictures", points_asset="WAIFU"),
        first.terms.pools[0],
    )
    terms = phase_document(replace(first, terms=replace(first.terms, pools=pools)))["terms"]

    assert [row["pool"] for row in terms["pools"]] == ["llm", "pictures"]


def test_phase_summary__final_phase__is_the_head_of_its_file() -> None:
    names = ("status", "terms", "openedAt", "closedAt", "appealableUntil", "finalAt")

    assert phase_summary(make_final()) == {name: PUBLISHED[name] for name in names}


def test_keep_wallet__one_of_two__leaves_its_rows_and_all_that_is_shared() -> None:
    kept = keep_wallet(PUBLISHED, BOB)

    assert kept["lines"] == PUBLISHED["lines"][1:]
    assert kept["exclusions"] == PUBLISHED["exclusions"]
    assert kept["wallets"] == []
    assert {**kept, "lines": 0, "exclusions": 0, "wallets": 0} == {
        **PUBLISHED,
        "lines": 0,
        "exclusions": 0,
        "wallets": 0,
    }


def test_is_final__only_of_the_last_status__holds() -> None:
    assert is_final(make_final())
    assert not is_final(make_denied())


@pytest.mark.parametrize(
    ("claimed", "recomputed", "words"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({}, {"a": 1}, ["a is missing"]),
        ({"a": 1}, {}, ["a is not to be there"]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ["a.b is 1, and recomputes to 2"]),
        ({"a": [1, 5]}, {"a": (1, 6)}, ["a[1] is 5, and recomputes to 6"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a has 1 rows, and recomputes to 2"]),
        ({"a": [{"b": 1}]}, {"a": [{}]}, ["a[0].b is not to be there"]),
        ({"a": [1]}, {"a": {}}, ["a is [1], and recomputes to {}"]),
        ({"a": 1}, {"a": True}, ["a is 1, and recomputes to True"]),
        ({"a": "1"}, {"a": 1}, ["a is '1', and recomputes to 1"]),
        ({"b": 1, "a": 1}, {"c": 1, "b": 2, "a": 2}, ["b is 1", "a is 1", "c is missing"]),
    ],
)
def test_differences__two_documents__names_each_place_in_order(
    claimed: object, recomputed: object, words: list[str]
) -> None:
    found = list(differences(claimed, recomputed))

    assert len(found) == len(words)
    assert all(line.startswith(start) for line, start in zip(found, words, strict=True))


@pytest.mark.parametrize(("letters", "shown"), [(78, "'" + "x" * 78 + "'"), (79, None)])
def test_differences__long_value__is_cut_at_eighty(letters: int, shown: str | None) -> None:
    found = next(differences({"a": "x" * letters}, {"a": 1}))

    expected = shown or "'" + "x" * 76 + "..."
    assert found == f"a is {expected}, and recomputes to 1"
