"""Reads pages of receipts, newest first, of whoever asks for them, within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, literal_column, select, true

from basis.storage.receipt_store import StoredReceipt, as_receipt
from basis.storage.schema import receipts

_MOST_SEARCHED = 5_000
"""Receipts that one page looks through: some 10 ms. Ours to choose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptPage:
    """Receipts, newest first, and the number before which the next page begins; None at the end."""

    receipts: Sequence[StoredReceipt]
    before: int | None


def load_receipt_page(
    connection: Connection,
    *,
    limit: int,
    before_seq: int | None = None,
    worker_id: str | None = None,
    user_id: str | None = None,
    status: str | None = None,
) -> ReceiptPage:
    """At most `limit` receipts, newest first, older than `before_seq`.

    Of several things asked for, one is looked up and the others are looked for in what it gives:
    an index for each pair would cost every job. So there may be fewer receipts than `limit`, and
    more behind them, where many were looked through.
    """
    wanted = [
        (column, value)
        for column, value in (
            (receipts.c.user_id, user_id),
            (receipts.c.worker_id, worker_id),
            (receipts.c.status, status),
        )
        if value is not None
    ]
    is_older = true() if before_seq is None else receipts.c.seq < before_seq
    query = select(receipts).where(is_older).order_by(receipts.c.seq.desc()).limit(limit)
    last_seq = None
    if wanted:
        column, value = wanted[0]
        query = query.where(column == value)
        if len(wanted) > 1:
            last_seq = _find_last_searched(connection, (column == value) & is_older)
            # The plus keeps SQLite from another index, in which it would look through all.
            for name, also in ((other.name, text) for other, text in wanted[1:]):
                query = query.where(literal_column(f"+receipts.{name}") == also)
            if last_seq is not None:
                query = query.where(receipts.c.seq >= last_seq)
    page = [as_receipt(row) for row in connection.execute(query)]
    return ReceiptPage(receipts=page, before=page[-1].seq if len(page) == limit else last_seq)


def _find_last_searched(connection: Connection, is_found: ColumnElement[bool]) -> int | None:
    """The number of the last receipt that a page may look at; None if it may look at them all."""
    query = select(receipts.c.seq).where(is_found).order_by(receipts.c.seq.desc())
    return connection.execute(query.offset(_MOST_SEARCHED - 1).limit(1)).scalar()
