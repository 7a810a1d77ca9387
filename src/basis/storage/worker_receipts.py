"""Reads the receipts of one worker, or of one wallet, by the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, literal, select

from basis.storage.receipt_store import StoredReceipt, as_receipt
from basis.storage.schema import receipts

_PAGE = 500
_END_OF_DAY = "T~"
"""Sorts after every time of the day before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarningsFilter:
    """Which receipts; "" does not restrict. Days are `2026-11-23`, and both of them count."""

    worker_id: str = ""
    wallet: str = ""
    since: str = ""
    until: str = ""

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same for the store."""
        found: list[ColumnElement[bool]] = []
        if self.worker_id:
            found.append(receipts.c.worker_id == self.worker_id)
        if self.wallet:
            found.append(receipts.c.worker_wallet == self.wallet)
        if self.since:
            found.append(receipts.c.created_at >= self.since)
        if self.until:
            found.append(receipts.c.created_at <= self.until + _END_OF_DAY)
        return found


def count_worker_receipts(connection: Connection, wanted: EarningsFilter, *, most: int) -> int:
    """How many there are, counted to `most` at least and no further."""
    some = select(literal(1).label("one")).select_from(receipts).where(*wanted.conditions())
    return connection.execute(
        select(func.count()).select_from(some.limit(most).subquery())
    ).scalar_one()


def iterate_worker_receipts(
    connection: Connection, wanted: EarningsFilter
) -> Iterator[list[StoredReceipt]]:
    """All of them, in no promised order, in pages that fit into memory; none is empty."""
    # One query, whose rows SQLite hands out as they are asked for. An order would cost: by `seq` it
    # is had from an index that does not know the days, through all of the worker's past.
    rows = connection.execute(select(receipts).where(*wanted.conditions()))
    for page in rows.partitions(_PAGE):
        yield [as_receipt(row) for row in page]
