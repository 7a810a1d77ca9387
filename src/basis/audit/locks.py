"""When a price may have been locked: while its epoch was in force, and its worker's offer held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from basis.audit.offer_records import PublishedOffer
from basis.audit.tables import PublishedTables
from basis.rules.epochs import EPOCHS
from basis.rules.pricing import QUOTE_LIFE_S

_ALWAYS: Final = ""
_NEVER: Final = "9999-12-31T23:59:59.999Z"
"""Before every time that is written in ISO 8601."""
_LAST_SECOND: Final = 253_402_300_799
"""Of the year 9999."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockWindow:
    """From `begins` to before `ends` a price could be locked; `flaw` says what is so outside."""

    begins: str
    ends: str
    flaw: str


def epoch_window(version: str, tables: PublishedTables) -> LockWindow:
    """While the epoch was in force.

    One that ships may have priced at any time before the operator's first: nobody knows when a
    network was upgraded. One of the operator's own counts from its activation on, or never.
    """
    ends = [one.effective_from for one in tables.activations]
    ends.append(_after(tables.activations_until))
    is_shipped = any(one.version == version for one in EPOCHS)
    begins, until = (_ALWAYS, ends[0]) if is_shipped else (_NEVER, _NEVER)
    for one, (_mine, following) in zip(tables.activations, pairwise(ends), strict=True):
        if one.version == version:
            begins, until = one.effective_from, following
    return LockWindow(
        begins=begins, ends=until, flaw=f"the pricing epoch {version} was not in force"
    )


def offer_window(published: PublishedOffer) -> LockWindow:
    """From when the offer was accepted and had begun until it ended."""
    return LockWindow(
        begins=max(published.accepted_at, _iso_of(published.offer.not_before)),
        ends=_iso_of(published.offer.expires_at),
        flaw=f"its offer {published.hash} did not hold",
    )


def find_lock_flaw(windows: tuple[LockWindow, ...], *, locked_at: str, created_at: str) -> str:
    """Why a price of these windows cannot have been locked then for the job; "" if it can."""
    if locked_at != created_at:
        last = _after(locked_at, milliseconds=QUOTE_LIFE_S * 1_000)
        if not windows or not locked_at <= created_at < last:
            return f"its price was locked at {locked_at}, but the job came at {created_at}"
    for window in windows:
        if not window.begins <= locked_at < window.ends:
            return f"{window.flaw} at {locked_at}"
    return ""


def _iso_of(second: int) -> str:
    moment = datetime.fromtimestamp(min(second, _LAST_SECOND), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _after(time: str, *, milliseconds: int = 1) -> str:
    """So much later; before every time if `time` is none."""
    if not time:
        return _ALWAYS
    try:
        moment = datetime.fromisoformat(time) + timedelta(milliseconds=milliseconds)
    except (ValueError, OverflowError):
        return time  # no time of the calendar, or its last: nothing can come after it
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
