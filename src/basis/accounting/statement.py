"""An account's statement: what it opened with, every entry, what it closes with.

A period counts by the time on record. Entries stand in the order of booking, which is almost but
not exactly that of their times: jobs are booked when they end, under the time of their beginning.
The account is read twice by the page, so that no statement is too long for memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from basis.rules.dates import parse_instant
from basis.rules.errors import InvalidInput
from basis.rules.ledger import AccountPath
from basis.storage.ledger_reading import AccountLine, iterate_lines

_PROGRESS_STEP = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `begin` until before `end`, as ISO 8601 in UTC; "" is no bound."""

    begin: str = ""
    end: str = ""

    def has_begun(self, time: str) -> bool:
        """Whether `time` is not before the period."""
        return time >= self.begin

    def has_ended(self, time: str) -> bool:
        """Whether `time` is after the period."""
        return bool(self.end) and time >= self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The sums of an account in one asset over a period."""

    account: AccountPath
    asset: str
    opening_raw: int
    closing_raw: int
    entry_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One entry of the period, and what the account held behind it."""

    line: AccountLine
    balance_raw: int


class StatementSum:
    """The sums of an account over a period, entry by entry in the order of booking."""

    def __init__(self, account: AccountPath, asset: str, period: Period) -> None:
        self._account, self._asset, self._period = account, asset, period
        self._opening_raw = self._moved_raw = self._entry_count = 0

    def add(self, line: AccountLine) -> None:
        """Counts the next entry."""
        if not self._period.has_begun(line.created_at):
            self._opening_raw += line.amount_raw
        elif not self._period.has_ended(line.created_at):
            self._moved_raw += line.amount_raw
            self._entry_count += 1

    def statement(self) -> Statement:
        """Over the entries so far."""
        return Statement(
            account=self._account,
            asset=self._asset,
            opening_raw=self._opening_raw,
            closing_raw=self._opening_raw + self._moved_raw,
            entry_count=self._entry_count,
        )


def parse_period(*, begin: str, end: str) -> Period:
    """The period between two days (`2026-11-23`) or times (`2026-11-23T12:00:00Z`) in UTC.

    Raises:
        InvalidInput: one is neither, or nothing lies between them.
    """
    period = Period(
        begin=parse_instant(begin, param="from") if begin else "",
        end=parse_instant(end, param="to") if end else "",
    )
    if period.end and period.end <= period.begin:
        raise InvalidInput(f"to is {end}: expected a time after {begin}", param="to")
    return period


def compute_statement(
    connection: Connection,
    account: AccountPath,
    asset: str,
    period: Period,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> Statement:
    """The sums of `account` in `asset`; `on_progress` is told the number of entries read.

    Raises:
        DamagedRecord: one of its entries cannot be read.
    """
    total = StatementSum(account, asset, period)
    for number, line in enumerate(iterate_lines(connection, account, asset), start=1):
        if on_progress is not None and number % _PROGRESS_STEP == 0:
            on_progress(number)
        total.add(line)
    return total.statement()


def iterate_statement(
    connection: Connection, statement: Statement, period: Period
) -> Iterator[StatementLine]:
    """The entries of `statement`, in the order of booking, with the balance behind each."""
    balance_raw = statement.opening_raw
    for line in iterate_lines(connection, statement.account, statement.asset):
        if period.has_begun(line.created_at) and not period.has_ended(line.created_at):
            balance_raw += line.amount_raw
            yield StatementLine(line=line, balance_raw=balance_raw)
