"""Days are those of the calendar, in one spelling."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basis.rules.days import parse_day
from basis.rules.errors import InvalidInput


@given(day=st.dates())
def test_day__of_the_calendar__is_taken_as_it_is(day: date) -> None:
    assert parse_day(day.isoformat(), param="from") == day.isoformat()


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026", "2026-11", "2026-11-31", "2026-02-29", "1900-02-29", "2026-00-01"),
        *("2026-13-01", "2026-11-00", "0000-01-01", "2026-1-1", " 2026-11-23", "2026-11-23\n"),
        *("2026-11-23T00:00:00Z", "20261123", "\uff12026-11-23", "-026-11-23", "today"),
    ],
)
def test_day__that_is_none__is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_day(text, param="--to")

    assert refused.value.param == "--to"
