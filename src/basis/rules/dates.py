"""Dates and instants in UTC as text, counted in days by integers alone.

An instant is written `2026-11-23T12:00:00.000Z`, so that instants sort as text. Nothing here knows
what time it is.
"""

from __future__ import annotations

import re

from basis.rules.errors import InvalidInput

_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_INSTANT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{3})?Z", re.ASCII
)
_MIDNIGHT = "T00:00:00.000Z"
_DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365)
FIRST_YEAR = 2000
LAST_YEAR = 2999
"""Years that an instant may name: what lies beyond is a slip of the hand."""


def parse_instant(text: str, *, param: str) -> str:
    """The instant that `text` names, with milliseconds; a date alone is its midnight.

    Raises:
        InvalidInput: neither `2026-11-23` nor `2026-11-23T12:00:00Z`, no such day, or a year out
            of range.
    """
    match = _INSTANT.fullmatch(text) or _DATE.fullmatch(text)
    year, month, day = map(int, match.groups()) if match else (0, 0, 0)
    is_month = 1 <= month <= 12
    is_day = is_month and 1 <= day <= _days_in_month(year, month)
    if not is_day or not FIRST_YEAR <= year <= LAST_YEAR:
        raise InvalidInput(
            f"{param} is {text[:40]!r}: expected a day such as 2026-11-23, or an instant in UTC "
            f"such as 2026-11-23T12:00:00Z",
            param=param,
        )
    if len(text) == len("2026-11-23"):
        return text + _MIDNIGHT
    return text if "." in text else text.removesuffix("Z") + ".000Z"


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
