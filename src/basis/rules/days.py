"""Days as people name them and records sort by: `2026-11-23`, in UTC."""

from __future__ import annotations

import re

from basis.rules.errors import InvalidInput

_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def parse_day(text: str, *, param: str) -> str:
    """The day, if the calendar has it.

    Raises:
        InvalidInput: another spelling, or no day.
    """
    match = _DAY.fullmatch(text)
    if match is not None:
        year, month, day = map(int, match.groups())
        if year and 1 <= month <= 12 and 1 <= day <= _days_in(year, month):
            return text
    raise InvalidInput(f"{param} is {text[:40]!r}: expected a day such as 2026-11-23", param=param)


def _days_in(year: int, month: int) -> int:
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _LENGTHS[month - 1] + (1 if month == 2 and is_leap else 0)
