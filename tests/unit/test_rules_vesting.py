"""Cliffs, parts and dates, by vectors/phases.json and by the standard library's calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from rule_vectors import Case, vector_cases

from basis.rules.dates import add_days, minute_of
from basis.rules.errors import BasisError, InvalidInput
from basis.rules.vesting import (
    VestingPart,
    VestingTerms,
    compute_vesting,
    parse_vesting,
    validate_vesting,
)

START = "2026-12-01T00:00:00.000Z"


def vest(case: Case) -> tuple[VestingPart, ...]:
    """What the rules make of a case."""
    terms = VestingTerms(
        starts_at=case["startsAt"],
        cliff_days=case["cliffDays"],
        parts=case["parts"],
        interval_days=case["intervalDays"],
    )
    validate_vesting(terms)
    return compute_vesting(int(case["amountRaw"]), terms)


@pytest.mark.parametrize("case", vector_cases("phases", function="compute_vesting", refused=False))
def test_compute_vesting__vector__is_reproduced(case: Case) -> None:
    assert [
        {"number": part.number, "dueAt": part.due_at, "amountRaw": str(part.amount_raw)}
        for part in vest(case)
    ] == case["dueParts"]


@pytest.mark.parametrize("case", vector_cases("phases", function="compute_vesting", refused=True))
def test_compute_vesting__refused_vector__raises(case: Case) -> None:
    with pytest.raises(BasisError) as refused:
        vest(case)

    assert refused.value.code == case["refused"]


def test_parse_vesting__cliff_parts_and_interval__are_read() -> None:
    assert parse_vesting("90+12x30", starts_at=START) == VestingTerms(
        starts_at=START, cliff_days=90, parts=12, interval_days=30
    )
    assert parse_vesting("none", starts_at=START) == VestingTerms(
        starts_at=START, cliff_days=0, parts=1, interval_days=0
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "90",
        "90+12",
        "12x30",
        "-1+2x3",
        "1+0x0",
        "0+2x0",
        "0+1x5",
        "3661+1x0",
        "0+367x1",
        "0+2x3661",
        "1.5+2x3",
        "90 + 12x30",
        "90+12x30\n",
        "99999+1x0",
        "None",
        "\u0661+1x0",
    ],
)
def test_parse_vesting__anything_else__is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_vesting(text, starts_at=START)


def test_add_days__every_day_of_the_range__is_the_calendars() -> None:
    day, last = datetime(2000, 1, 1, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC)
    step = timedelta(days=1)
    while day < last:
        text = f"{day:%Y-%m-%d}T23:59:59.999Z"
        day += step
        assert add_days(text, 1) == f"{day:%Y-%m-%d}T23:59:59.999Z"


@pytest.mark.parametrize("days", [0, 1, 59, 60, 365, 366, 1_461, 36_524, 36_525, 146_097, 300_000])
def test_add_days__many__is_the_calendars(days: int) -> None:
    for start in ("2000-01-01", "2000-02-29", "2026-11-23", "2099-12-31"):
        later = datetime.fromisoformat(start) + timedelta(days=days)
        assert add_days(f"{start}T01:02:03.004Z", days) == f"{later:%Y-%m-%d}T01:02:03.004Z"


@pytest.mark.parametrize("days", [-1, 146_097 * 3, 10**30])
def test_add_days__before_or_beyond_the_calendar__is_refused(days: int) -> None:
    with pytest.raises(InvalidInput, match="days"):
        add_days("2026-11-23T00:00:00.000Z", days)


@pytest.mark.parametrize("instant", ["2026-11-23T12:34:56.789Z", "2028-02-29T00:00:00.000Z"])
def test_minute_of__two_instants__are_as_far_apart_as_the_clock_says(instant: str) -> None:
    apart = datetime.fromisoformat(instant) - datetime(2000, 1, 1, tzinfo=UTC)

    minutes = minute_of(instant) - minute_of("2000-01-01T00:00:00.000Z")

    assert minutes == apart // timedelta(minutes=1)
