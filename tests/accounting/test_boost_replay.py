"""The audit of boosts: what the book gave is accepted, and every change of it is named."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, delete, update

from basis.accounting.boost_replay import BoostReplay
from basis.accounting.boosts import BoostBook
from basis.accounting.difference import Difference
from basis.rules.assignments import assignment_json, compute_assignment_hash, parse_assignment
from basis.rules.canonical import canonical_json
from basis.rules.errors import DamagedRecord
from basis.storage.holdings_store import load_assignment, store_assignment
from basis.storage.schema import boost_assignments, holdings_snapshots
from tests.support.books import ALICE, BOB
from tests.support.holdings import NOON, make_snapshot, make_stake, record, rig

EVENING = "2026-11-24T20:00:00.000Z"
JUST_BEFORE = "2026-11-24T12:00:59.999Z"


def replay(engine: Engine, facts: dict[str, Any], **changes: Any) -> None:
    with engine.connect() as connection:
        BoostReplay(connection).expect("receipt 1", **{**facts, **changes})


@pytest.fixture
async def facts(engine: Engine, book: BoostBook) -> dict[str, Any]:
    """A job of Alice's, whose NFTs and stake boost nine of her worker's twelve GPUs."""
    record(engine, make_snapshot({ALICE: 1, BOB: 1}))
    record(engine, make_stake({ALICE: 2_600}))
    boost = await book.of(rig("alice-1", 12), accepted_at=EVENING)
    return {
        "worker_id": "alice-1",
        "wallet": ALICE,
        "accepted_at": EVENING,
        "boost_bps": boost.boost_bps,
        "assignment": boost.assignment,
    }


def test_expect__what_the_book_gave__is_accepted(engine: Engine, facts: dict[str, Any]) -> None:
    assert facts["boost_bps"] == (6 * 11_500 + 3 * 11_000 + 3 * 10_000) // 12
    replay(engine, facts)


async def test_expect__owner_without_holdings__is_accepted_without_an_assignment(
    engine: Engine, book: BoostBook
) -> None:
    record(engine, make_snapshot({ALICE: 1}))
    boost = await book.of(rig("bob-1", wallet=BOB), accepted_at=EVENING)

    facts = {
        "worker_id": "bob-1",
        "wallet": BOB,
        "accepted_at": EVENING,
        "boost_bps": boost.boost_bps,
        "assignment": boost.assignment,
    }

    assert facts["assignment"] == ""
    replay(engine, facts)
    replay(engine, facts, accepted_at="2026-11-01T00:00:00.000Z")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"boost_bps": 15_000}, "boost is recorded as 15000, recomputed as 11000"),
        ({"boost_bps": 10_000, "assignment": ""}, "was not boosted"),
        ({"assignment": ""}, "boost is recorded as 11000, recomputed as 10000"),
        ({"assignment": "ab" * 32}, "not on record"),
        ({"wallet": BOB}, "owner"),
        ({"worker_id": "alice-2"}, "recomputed as 10000"),
        ({"accepted_at": JUST_BEFORE}, "recomputed as 10000"),
    ],
    ids=str,
)
def test_expect__changed_receipt__is_named(
    engine: Engine, facts: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    with pytest.raises(Difference, match=r"^receipt 1") as difference:
        replay(engine, facts, **change)

    assert words in str(difference.value)


def test_expect__boost_without_holdings__is_named(engine: Engine, facts: dict[str, Any]) -> None:
    with engine.begin() as connection:
        connection.execute(delete(holdings_snapshots))

    with pytest.raises(Difference, match="recomputed as 10000"):
        replay(engine, facts)


def test_expect__later_snapshot__does_not_count_for_the_job(
    engine: Engine, facts: dict[str, Any]
) -> None:
    record(engine, make_snapshot({ALICE: 20}, block=900), now="2026-11-24T19:59:30.000Z")

    replay(engine, facts)
    with pytest.raises(Difference, match="holdings"):
        replay(engine, facts, accepted_at="2026-11-24T20:00:30.000Z")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"boostBps":11500,"count"', '"boostBps":15000,"count"', "does not follow"),
        ('"amountRaw":"1"', '"amountRaw":"20"', "does not follow"),
        ('"tablesVersion":"2026-11-23"', '"tablesVersion":"2026-01-01"', "no boost tables"),
        ('"boostBps":11000,"workerId"', '"boostBps":15000,"workerId"', "does not follow"),
    ],
)
def test_expect__forged_assignment_under_its_own_hash__is_named(
    engine: Engine, facts: dict[str, Any], old: str, new: str, words: str
) -> None:
    with engine.connect() as connection:
        honest = load_assignment(connection, facts["assignment"]).assignment
    text = canonical_json(assignment_json(honest)).decode()
    assert old in text
    forged = parse_assignment(text.replace(old, new))
    with engine.begin() as connection:
        store_assignment(connection, forged, now=NOON)

    with pytest.raises(Difference, match=words):
        replay(engine, facts, assignment=compute_assignment_hash(forged))


def test_expect__record_that_something_changed__is_damaged(
    engine: Engine, facts: dict[str, Any]
) -> None:
    with engine.begin() as connection:
        connection.execute(update(boost_assignments).values(record="{}"))

    with pytest.raises(DamagedRecord):
        replay(engine, facts)
