"""Times as they are recorded: ISO 8601 in UTC with milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from basis.rules.errors import InvalidInput

_DAY = re.compile(r"2[0-9]{3}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MOMENT = re.compile(
    r"2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?Z", re.ASCII
)
_LONGEST_SHOWN = 40


def now_iso() -> str:
    """The wall clock's time, for instance `2026-11-21T12:00:00.000Z`."""
    return iso_of(datetime.now(UTC))


def days_ago_iso(days: int) -> str:
    """The wall clock's time so many days ago. Times so written sort as they passed."""
    return iso_of(datetime.now(UTC) - timedelta(days=days))


def after_iso(time: str, *, seconds: int) -> str:
    """The time that comes `seconds` after `time`."""
    return iso_of(datetime.fromisoformat(time) + timedelta(seconds=seconds))


def parse_day(text: str, *, param: str) -> str:
    """The day that `2026-12-31` names, as it is recorded.

    Raises:
        InvalidInput: no day of the calendar from the year 2000 on, or another spelling.
    """
    try:
        if _DAY.fullmatch(text):
            datetime.fromisoformat(text)
            return text
    except ValueError:
        pass
    raise InvalidInput(
        f"{param} is {text[:_LONGEST_SHOWN]!r}: expected a day such as 2026-12-31", param=param
    )


def parse_moment(text: str, *, param: str) -> str:
    """The time that `2026-12-31T12:00:00Z` names, as it is recorded; milliseconds may be given.

    Raises:
        InvalidInput: no moment from the year 2000 on, another spelling, or not in UTC.
    """
    try:
        if _MOMENT.fullmatch(text):
            return iso_of(datetime.fromisoformat(text))
    except ValueError:
        pass
    raise InvalidInput(
        f"{param} is {text[:_LONGEST_SHOWN]!r}: expected a time in UTC such as "
        f"2026-12-31T12:00:00Z",
        param=param,
    )


def iso_of(time: datetime) -> str:
    """`time`, which is in UTC, as it is recorded."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
