"""Days and instants in UTC as text: how they are read, and counted in days by integers alone.

A day is written `2026-11-23`, an instant `2026-11-23T12:00:00.000Z`, so that both sort as text.
What people and files say of time is read here and nowhere else. Nothing here knows what time it is.
"""

from __future__ import annotations

import re

from basis.rules.errors import InvalidInput

_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{3})?Z", re.ASCII
)
_MIDNIGHT = "T00:00:00.000Z"
_DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365)
_LONGEST_SHOWN = 40
FIRST_YEAR = 2000
LAST_YEAR = 2999
"""Years that a day may name: what lies beyond is a slip of the hand. Ours to choose."""


def parse_day(text: str, *, param: str) -> str:
    """The day that `2026-11-23` names, as it is recorded.

    Raises:
        InvalidInput: another spelling, no such day, or a year out of range.
    """
    match = _DAY.fullmatch(text)
    if not _is_of_the_calendar(match):
        raise _refuse(text, "a day such as 2026-11-23", match, param=param)
    return text


def parse_moment(text: str, *, param: str) -> str:
    """The instant that `2026-11-23T12:00:00Z` names, with milliseconds, which may be given.

    Raises:
        InvalidInput: another spelling, no such day, not in UTC, or a year out of range.
    """
    match = _MOMENT.fullmatch(text)
    if not _is_of_the_calendar(match):
        raise _refuse(text, "a time in UTC such as 2026-11-23T12:00:00Z", match, param=param)
    return text if "." in text else text.removesuffix("Z") + ".000Z"


def parse_instant(text: str, *, param: str) -> str:
    """The instant that `text` names, with milliseconds; a day alone is its midnight.

    Raises:
        InvalidInput: neither a day nor a moment, no such day, or a year out of range.
    """
    if "T" in text:
        return parse_moment(text, param=param)
    match = _DAY.fullmatch(text)
    if not _is_of_the_calendar(match):
        expected = "a day such as 2026-11-23, or a time in UTC such as 2026-11-23T12:00:00Z"
        raise _refuse(text, expected, match, param=param)
    return text + _MIDNIGHT


def validate_instant(text: str, *, param: str) -> None:
    """Refuses an instant that is not spelt as it is recorded: records are compared as text.

    Raises:
        InvalidInput: it is none, or a day alone, or without its milliseconds.
    """
    recorded = parse_instant(text, param=param)
    if recorded != text:
        raise InvalidInput(f"{param} is {text!r}: it is recorded as {recorded}", param=param)


def _is_of_the_calendar(match: re.Match[str] | None) -> bool:
    if match is None:
        return False
    year, month, day = map(int, match.groups())
    is_month = FIRST_YEAR <= year <= LAST_YEAR and 1 <= month <= 12
    return is_month and 1 <= day <= _days_in_month(year, month)


def _refuse(text: str, expected: str, match: re.Match[str] | None, *, param: str) -> InvalidInput:
    years = ""
    if match is not None and not FIRST_YEAR <= int(match.group(1)) <= LAST_YEAR:
        years = f", of the years {FIRST_YEAR} to {LAST_YEAR}"
    return InvalidInput(
        f"{param} is {text[:_LONGEST_SHOWN]!r}: expected {expected}{years}", param=param
    )


def add_days(instant: str, days: int) -> str:
    """The instant so many days of 24 hours later, at the same time of day.

    Raises:
        InvalidInput: `instant` is none, `days` is negative, or it is later than year 2999.
    """
    start = parse_instant(instant, param="instant")
    if days < 0:
        raise InvalidInput(f"days is {days}: it cannot be negative", param="days")
    number = _number_of_day(int(start[:4]), int(start[5:7]), int(start[8:10])) + days
    year = number * 400 // 146_097 + 2  # 146,097 days are 400 years: never too low
    while _number_of_day(year, 1, 1) > number:
        year -= 1
    day_of_year = number - _number_of_day(year, 1, 1)
    month = 12
    while _days_before(year, month) > day_of_year:
        month -= 1
    if year > LAST_YEAR:
        raise InvalidInput(f"{days} days after {instant} is later than {LAST_YEAR}", param="days")
    return f"{year:04}-{month:02}-{day_of_year - _days_before(year, month) + 1:02}{start[10:]}"


def minute_of(instant: str) -> int:
    """The number of the minute that holds `instant`, counted from year 1.

    Raises:
        InvalidInput: `instant` is none.
    """
    text = parse_instant(instant, param="instant")
    day = _number_of_day(int(text[:4]), int(text[5:7]), int(text[8:10]))
    return (day * 24 + int(text[11:13])) * 60 + int(text[14:16])


def _number_of_day(year: int, month: int, day: int) -> int:
    """Days from the first of January of year 1, by the calendar of today."""
    before = year - 1
    leap_days = before // 4 - before // 100 + before // 400
    return 365 * before + leap_days + _days_before(year, month) + day - 1


def _days_before(year: int, month: int) -> int:
    return _DAYS_BEFORE_MONTH[month - 1] + (month > 2 and _is_leap(year))


def _days_in_month(year: int, month: int) -> int:
    usual = _DAYS_BEFORE_MONTH[month] - _DAYS_BEFORE_MONTH[month - 1]
    return usual + (month == 2 and _is_leap(year))


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
