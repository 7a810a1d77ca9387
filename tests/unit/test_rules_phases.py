"""Sharing a phase's pools by points, by vectors/phases.json; and terms that cannot be meant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rule_vectors import Case, vector_cases

from basis.rules.errors import BasisError, InvalidInput
from basis.rules.phases import (
    MAX_POOL_RAW,
    PhaseId,
    PhasePool,
    PhaseResult,
    PhaseTerms,
    compute_phase,
    validate_terms,
    validate_text,
)
from basis.rules.vesting import VestingTerms
from basis.rules.wallet import Wallet

POOL = PhasePool(name="llm", points_asset="LLAMA", amount_raw=10**24)
TERMS = PhaseTerms(
    id=PhaseId("season-1"),
    starts_at="2026-11-01T00:00:00.000Z",
    ends_at="2026-12-01T00:00:00.000Z",
    appeal_days=7,
    pools=(POOL,),
    vesting=VestingTerms(
        starts_at="2026-12-01T00:00:00.000Z", cliff_days=0, parts=1, interval_days=0
    ),
)


def share(case: Case, *, reverse: bool = False) -> PhaseResult:
    """What the rules make of a case."""
    step = -1 if reverse else 1
    return compute_phase(
        [
            PhasePool(
                name=pool["name"],
                points_asset=pool["pointsAsset"],
                amount_raw=int(pool["amountRaw"]),
            )
            for pool in case["pools"][::step]
        ],
        {
            (row["pool"], Wallet(row["wallet"])): int(row["pointsRaw"])
            for row in case["points"][::step]
        },
        [Wallet(wallet) for wallet in case["excluded"][::step]],
    )


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("case", vector_cases("phases", function="compute_phase", refused=False))
def test_compute_phase__vector__is_reproduced_from_either_end(case: Case, reverse: bool) -> None:
    result = share(case, reverse=reverse)

    assert [
        {
            "pool": line.pool,
            "wallet": line.wallet,
            "pointsRaw": str(line.points_raw),
            "amountRaw": str(line.amount_raw),
            "isExcluded": line.is_excluded,
            "forgoneRaw": str(line.forgone_raw),
        }
        for line in result.lines
    ] == case["lines"]
    assert [
        {
            "name": shared.pool.name,
            "pointsRaw": str(shared.points_raw),
            "excludedPointsRaw": str(shared.excluded_points_raw),
            "sharedRaw": str(shared.shared_raw),
            "dustRaw": str(shared.dust_raw),
            "returnedRaw": str(shared.returned_raw),
        }
        for shared in result.pools
    ] == case["poolResults"]


@pytest.mark.parametrize("case", vector_cases("phases", function="compute_phase", refused=True))
def test_compute_phase__refused_vector__raises(case: Case) -> None:
    with pytest.raises(BasisError) as refused:
        share(case)

    assert refused.value.code == case["refused"]


def test_validate_terms__what_an_operator_means__is_accepted() -> None:
    validate_terms(TERMS)
    validate_terms(replace(TERMS, pools=(POOL, PhasePool(**IMAGE))))
    validate_terms(replace(TERMS, pools=(replace(POOL, amount_raw=MAX_POOL_RAW),)))
    for days in (1, 366):
        validate_terms(replace(TERMS, appeal_days=days))
    for phase_id in ("a", "x" * 32):
        validate_terms(replace(TERMS, id=PhaseId(phase_id)))

    assert TERMS.pools == (POOL,)


IMAGE: dict[str, Any] = {"name": "image", "points_asset": "WAIFU", "amount_raw": 1}


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"id": ""}, "id"),
        ({"id": "Season"}, "id"),
        ({"id": "a/b"}, "id"),
        ({"id": "-a"}, "id"),
        ({"id": "x" * 33}, "id"),
        ({"id": "dust"}, "id"),
        ({"id": "vested"}, "id"),
        ({"id": "s1\n"}, "id"),
        ({"starts_at": "yesterday"}, "from"),
        ({"ends_at": "2026-13-01"}, "to"),
        ({"ends_at": TERMS.starts_at}, "to"),
        ({"starts_at": "2027-01-01T00:00:00.000Z"}, "to"),
        ({"appeal_days": 0}, "appeal-days"),
        ({"appeal_days": -1}, "appeal-days"),
        ({"appeal_days": 367}, "appeal-days"),
        ({"pools": ()}, "pool"),
        ({"pools": (POOL, POOL)}, "pool"),
        ({"pools": (POOL, replace(POOL, name="more"))}, "pool"),
        ({"pools": (POOL, replace(POOL, points_asset="WAIFU"))}, "pool"),
        ({"pools": (replace(POOL, name=""),)}, "pool"),
        ({"pools": (replace(POOL, name="a/b"),)}, "pool"),
        ({"pools": (replace(POOL, points_asset="BASIS"),)}, "pool"),
        ({"pools": (replace(POOL, points_asset="DOGE"),)}, "pool"),
        ({"pools": (replace(POOL, amount_raw=0),)}, "pool"),
        ({"pools": (replace(POOL, amount_raw=-1),)}, "pool"),
        ({"pools": (replace(POOL, amount_raw=MAX_POOL_RAW + 1),)}, "pool"),
        ({"vesting": replace(TERMS.vesting, starts_at=TERMS.starts_at)}, "vesting-from"),
        ({"vesting": replace(TERMS.vesting, parts=0)}, "parts"),
    ],
    ids=str,
)
def test_validate_terms__what_cannot_be_meant__is_refused_by_name(
    changes: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        validate_terms(replace(TERMS, **changes))

    assert refused.value.param == param


@pytest.mark.parametrize("text", ["", "  ", "\n", "x" * 2_001, "a\x00b", "a\x1bb", "\udcff"])
def test_validate_text__nothing_to_read__is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="printable"):
        validate_text(text, param="evidence")


def test_validate_text__words__are_kept_without_the_space_around_them() -> None:
    assert validate_text("  two\nlines é ", param="evidence") == "two\nlines é"
