"""Days and times as people write them: one spelling, in UTC, or refused."""

from __future__ import annotations

import pytest

from basis.rules.errors import InvalidInput
from basis.storage.clock import parse_day, parse_moment


@pytest.mark.parametrize("text", ["2026-12-31", "2000-02-29", "2999-01-01"])
def test_parse_day__a_day_of_the_calendar__is_itself(text: str) -> None:
    assert parse_day(text, param="from") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-02-30",
        "2026-13-01",
        "1999-12-31",
        "2026-1-1",
        "20261231",
        "2026-12-31T00:00:00Z",
        "31.12.2026",
        "\u0662026-12-31",
        "x" * 1_000,
    ],
)
def test_parse_day__anything_else__is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidInput, match="from is") as refused:
        parse_day(text, param="from")

    assert len(refused.value.message) < 120


@pytest.mark.parametrize(
    ("text", "recorded"),
    [
        ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00.000Z"),
        ("2026-12-01T23:59:59.5Z", "2026-12-01T23:59:59.500Z"),
        ("2026-12-01T23:59:59.123Z", "2026-12-01T23:59:59.123Z"),
    ],
)
def test_parse_moment__in_utc__is_as_times_are_recorded(text: str, recorded: str) -> None:
    assert parse_moment(text, param="--from") == recorded


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-12-01",
        "2026-12-01T00:00:00",
        "2026-12-01T00:00:00+01:00",
        "2026-12-01 00:00:00Z",
        "2026-12-01T24:00:01Z",
        "2026-12-01T00:00Z",
        "2026-12-01T00:00:00.1234Z",
        "tomorrow",
    ],
)
def test_parse_moment__anything_else__is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidInput, match="--from is"):
        parse_moment(text, param="--from")
