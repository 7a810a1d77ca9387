"""Times as they are recorded: ISO 8601 in UTC with milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def now_iso() -> str:
    """The wall clock's time, for instance `2026-11-21T12:00:00.000Z`."""
    return iso_of(datetime.now(UTC))


def days_ago_iso(days: int) -> str:
    """The wall clock's time so many days ago. Times so written sort as they passed."""
    return iso_of(datetime.now(UTC) - timedelta(days=days))


def after_iso(time: str, *, seconds: int) -> str:
    """The time that comes `seconds` after `time`."""
    return iso_of(datetime.fromisoformat(time) + timedelta(seconds=seconds))


def iso_of(time: datetime) -> str:
    """`time`, which is in UTC, as it is recorded."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
