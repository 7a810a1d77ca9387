"""Opening a phase over a real store: funded once, and never over another's points."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from basis.rules.errors import (
    Conflict,
)
from basis.rules.phase_steps import PhaseStatus
from basis.rules.phases import PhasePool
from basis.storage.phase_store import load_phase
from tests.support.phase_books import (
    END,
    START,
    at_once,
    expect_replay,
    held,
    make_terms,
    opened,
)

WHOLE = 10**18


def test_open__new__funds_every_pool_from_the_emission(phase_engine: Engine) -> None:
    stored = opened(phase_engine)

    assert stored.phase.status is PhaseStatus.OPEN
    assert held(phase_engine, "emission/phases") == -1_100 * WHOLE
    assert held(phase_engine, "phase/s1/llm") == 1_000 * WHOLE
    assert held(phase_engine, "phase/s1/image") == 100 * WHOLE
    expect_replay(phase_engine)


def test_open__same_terms_again__is_a_no_op_whatever_the_order_of_the_pools(
    phase_engine: Engine,
) -> None:
    first = opened(phase_engine)

    again = opened(phase_engine, pools=make_terms().pools[::-1])

    assert again == first
    assert held(phase_engine, "emission/phases") == -1_100 * WHOLE


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"appeal_days": 8}, "appealDays 7, not 8"),
        ({"ends_at": "2026-11-30T00:00:00.000Z"}, "to "),
        ({"pools": make_terms().pools[:1]}, "pools"),
    ],
    ids=str,
)
def test_open__same_id_with_other_terms__is_refused_by_name(
    phase_engine: Engine, changes: dict[str, object], named: str
) -> None:
    before = opened(phase_engine)

    with pytest.raises(Conflict, match=named):
        opened(phase_engine, **changes)

    with phase_engine.connect() as connection:
        assert load_phase(connection, "s1") == before
    assert held(phase_engine, "emission/phases") == -1_100 * WHOLE


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "asset", "is_taken"),
    [
        ("2026-10-01T00:00:00.000Z", START, "LLAMA", False),
        (END, "2027-01-01T00:00:00.000Z", "LLAMA", False),
        ("2026-10-01T00:00:00.000Z", "2026-11-01T00:00:00.001Z", "LLAMA", True),
        ("2026-11-10T00:00:00.000Z", "2026-11-11T00:00:00.000Z", "LLAMA", True),
        ("2026-10-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z", "LLAMA", True),
        ("2026-10-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z", "WAIFU", False),
    ],
)
def test_open__overlapping_another__is_refused_if_they_count_the_same_points(
    phase_engine: Engine, starts_at: str, ends_at: str, asset: str, is_taken: bool
) -> None:
    llm = PhasePool(name="llm", points_asset="LLAMA", amount_raw=1)
    opened(phase_engine, pools=(llm,))
    other = {
        "phase_id": "s2",
        "starts_at": starts_at,
        "ends_at": ends_at,
        "pools": (PhasePool(name="more", points_asset=asset, amount_raw=1),),
        "vesting": at_once(ends_at),
    }

    if is_taken:
        with pytest.raises(Conflict, match="phase s1 counts LLAMA"):
            opened(phase_engine, **other)
    else:
        assert opened(phase_engine, **other).phase.status is PhaseStatus.OPEN
