"""Periods that can be published: a month, a day, or a range of days, in UTC."""

from __future__ import annotations

import re
from datetime import date, timedelta

from basis.rules.dates import parse_day
from basis.rules.errors import InvalidInput
from basis.rules.manifest import PeriodOfDays

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-[0-9]{2}", re.ASCII)


def parse_period(name: str) -> PeriodOfDays:
    """The month `2026-11` or the day `2026-11-23`.

    Raises:
        InvalidInput: it is neither, or no such day exists.
    """
    if _MONTH.fullmatch(name):
        first = _parse_day(f"{name}-01", param="period")
        until = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    elif _DAY.fullmatch(name):
        first = _parse_day(name, param="period")
        until = first + timedelta(days=1)
    else:
        raise InvalidInput(
            f"the period is {name[:40]!r}: expected a month such as 2026-11 or a day such as "
            f"2026-11-23",
            param="period",
        )
    return PeriodOfDays(name=name, since=first.isoformat(), until=until.isoformat())


def make_period(*, since: str, until: str) -> PeriodOfDays:
    """The days from `since` up to and without `until`; a whole month or day has its short name.

    Raises:
        InvalidInput: one is no date, or there is no day between them.
    """
    first, last = _parse_day(since, param="from"), _parse_day(until, param="to")
    if last <= first:
        raise InvalidInput(f"the period ends at {until}, before it begins at {since}", param="to")
    for name in (since, since[:7]):
        if (named := parse_period(name)).since == since and named.until == until:
            return named
    return PeriodOfDays(name=f"{since}--{until}", since=since, until=until)


def moment_of(day: str) -> str:
    """The first millisecond of a day, as times are recorded."""
    return f"{day}T00:00:00.000Z"


def _parse_day(text: str, *, param: str) -> date:
    return date.fromisoformat(parse_day(text, param=param))
