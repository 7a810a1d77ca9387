"""Days and instants as people write them: one spelling, in UTC, or refused by name."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basis.rules.dates import parse_day, parse_instant, parse_moment, validate_instant
from basis.rules.errors import InvalidInput

NO_DAYS = (
    *("", "2026", "2026-11", "2026-11-31", "2026-02-29", "2100-02-29", "2026-00-01", "x" * 1_000),
    *("2026-13-01", "2026-11-00", "0000-01-01", "2026-1-1", " 2026-11-23", "2026-11-23\n"),
    *("20261123", "\uff12026-11-23", "-026-11-23", "31.12.2026", "today"),
)
OUT_OF_RANGE = ("0001-01-01", "0999-12-31", "1999-12-31", "3000-01-01", "9999-12-31")
NO_TIMES = (
    *("2026-11-23T24:00:00Z", "2026-11-23T23:60:00Z", "2026-11-23T23:59:60Z"),
    *("2026-11-23T12:00:00", "2026-11-23T12:00Z", "2026-11-23 12:00:00Z", "2026-11-23t12:00:00z"),
    *("2026-11-23T12:00:00.5Z", "2026-11-23T12:00:00.1234Z", "2026-11-23T12:00:00.Z"),
    *("2026-11-23T12:00:00+01:00", "2026-11-23T12:00:00.000+00:00", "2026-02-29T12:00:00Z"),
    *("\u0662026-11-23T12:00:00Z", "2026-11-23T12:00:00Z\n", "0999-12-31T12:00:00Z"),
)
days = st.dates(min_value=date(2000, 1, 1), max_value=date(2999, 12, 31))


@given(day=days)
def test_day__of_the_calendar__is_taken_as_it_is(day: date) -> None:
    assert parse_day(day.isoformat(), param="from") == day.isoformat()


@given(day=days, time=st.times())
def test_moment__with_or_without_milliseconds__is_recorded_with_them(
    day: date, time: object
) -> None:
    text = f"{day}T{str(time)[:8]}"

    assert parse_moment(f"{text}Z", param="from") == f"{text}.000Z"
    assert parse_moment(f"{text}.007Z", param="from") == f"{text}.007Z"
    assert parse_instant(f"{text}.007Z", param="from") == f"{text}.007Z"


@given(day=days)
def test_instant__a_day__is_its_midnight(day: date) -> None:
    assert parse_instant(day.isoformat(), param="from") == f"{day}T00:00:00.000Z"


@pytest.mark.parametrize("parse", [parse_day, parse_moment, parse_instant])
@pytest.mark.parametrize("text", [*NO_DAYS, *OUT_OF_RANGE, *NO_TIMES])
def test_parse__no_day_and_no_time__is_refused_by_name_and_short(parse: object, text: str) -> None:
    assert callable(parse)
    with pytest.raises(InvalidInput, match="--to is") as refused:
        parse(text, param="--to")

    assert refused.value.param == "--to"
    assert len(refused.value.message) < 180


@pytest.mark.parametrize("text", OUT_OF_RANGE)
def test_parse__year_out_of_range__is_told_the_years(text: str) -> None:
    for spelt, parse in (
        (text, parse_day),
        (text, parse_instant),
        (f"{text}T12:00:00Z", parse_moment),
        (f"{text}T12:00:00.000Z", parse_instant),
    ):
        with pytest.raises(InvalidInput, match="of the years 2000 to 2999"):
            parse(spelt, param="from")


def test_parse__the_other_kind__is_refused() -> None:
    with pytest.raises(InvalidInput, match="expected a day"):
        parse_day("2026-11-23T00:00:00Z", param="from")
    with pytest.raises(InvalidInput, match="expected a time"):
        parse_moment("2026-11-23", param="from")


@pytest.mark.parametrize(
    ("year", "is_leap"),
    [
        *((year, True) for year in (2000, 2024, 2028, 2400, 2996)),
        *((year, False) for year in (2001, 2023, 2025, 2026, 2100, 2200, 2401, 2500)),
    ],
)
def test_day__the_29th_of_february__is_one_in_leap_years_only(year: int, is_leap: bool) -> None:
    days = [f"{year}-02-{day}" for day in (28, 29, 30)]

    assert [_is_day(day) for day in days] == [True, is_leap, False]


@pytest.mark.parametrize(
    ("month", "length"),
    [
        *((month, 31) for month in (1, 3, 5, 7, 8, 10, 12)),
        *((month, 30) for month in (4, 6, 9, 11)),
    ],
)
def test_day__after_the_last_of_a_month__is_none(month: int, length: int) -> None:
    assert _is_day(f"2024-{month:02}-{length}")
    assert not _is_day(f"2024-{month:02}-{length + 1}")


@pytest.mark.parametrize("day", ["2000-02-30", "2026-02-30", "2999-02-30"])
def test_instant__no_day_of_a_year_in_range__is_told_both_forms_and_no_years(day: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_instant(day, param="from")

    assert refused.value.message == (
        f"from is '{day}': expected a day such as 2026-11-23, "
        f"or a time in UTC such as 2026-11-23T12:00:00Z"
    )


@pytest.mark.parametrize(
    ("text", "recorded"),
    [
        ("2026-11-23", "2026-11-23T00:00:00.000Z"),
        ("2026-11-23T12:00:00Z", "2026-11-23T12:00:00.000Z"),
    ],
)
def test_validate_instant__another_spelling__is_refused_with_the_recorded_one(
    text: str, recorded: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        validate_instant(text, param="from")

    assert refused.value.message == f"from is '{text}': it is recorded as {recorded}"
    assert refused.value.param == "from"


def _is_day(text: str) -> bool:
    try:
        return parse_day(text, param="from") == text
    except InvalidInput:
        return False
