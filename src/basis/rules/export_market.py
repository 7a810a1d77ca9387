"""The files of an export that tell what owners of workers signed, and their columns.

As `export_format`, of which they are a part. All that an owner signs is in them, so that its digest
can be computed and its signature checked.
Source: docs/reference/export.md; docs/decisions/0015-export.md.
"""

from __future__ import annotations

from basis.rules.export_format import Column, ColumnKind, ParquetFile


def _columns(**kinds: ColumnKind) -> tuple[Column, ...]:
    return tuple(Column(name=name, kind=kind) for name, kind in kinds.items())


_INTEGER, _TEXT = ColumnKind.INTEGER, ColumnKind.TEXT
_DIGEST, _TIME = ColumnKind.DIGEST, ColumnKind.TIME

OFFERS = ParquetFile(
    name="offers.parquet",
    columns=_columns(
        number=_INTEGER,
        hash=_DIGEST,
        worker_id=_TEXT,
        wallet=_TEXT,
        capacity=_INTEGER,
        not_before=_INTEGER,
        expires_at=_INTEGER,
        nonce=_INTEGER,
        signature=_TEXT,
        rails=_TEXT,
        accepted_at=_TIME,
    ),
)
"""Every offer that a row of the terms names, numbered from 1 as they first occur. From `worker_id`
to `nonce`, with its asks, it is what the owner signed; `rails` is the version of the bounds that
judged it when it was accepted."""

ASKS = ParquetFile(
    name="asks.parquet",
    columns=_columns(
        offer=_INTEGER,
        place=_INTEGER,
        model=_TEXT,
        prompt_price=_INTEGER,
        output_price=_INTEGER,
    ),
)
"""What each of those offers asks for a model, in the order in which it was signed."""

MARKET_FILES = (OFFERS, ASKS)
