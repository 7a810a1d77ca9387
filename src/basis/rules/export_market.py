"""The files of an export that tell what owners of workers signed, and their columns.

As `export_format`, of which they are a part. All that an owner signs is in them, so that its digest
can be computed and its signature checked.
Source: docs/reference/export.md; docs/decisions/0015-export.md.
"""

from __future__ import annotations

from basis.rules.export_columns import DIGEST, INTEGER, TEXT, TIME, ParquetFile, columns

OFFERS = ParquetFile(
    name="offers.parquet",
    columns=columns(
        number=INTEGER,
        hash=DIGEST,
        worker_id=TEXT,
        wallet=TEXT,
        capacity=INTEGER,
        not_before=INTEGER,
        expires_at=INTEGER,
        nonce=INTEGER,
        signature=TEXT,
        rails=TEXT,
        accepted_at=TIME,
    ),
)
"""Every offer that a row of the terms names, numbered from 1 as they first occur. From `worker_id`
to `nonce`, with its asks, it is what the owner signed; `rails` is the version of the bounds that
judged it when it was accepted."""

ASKS = ParquetFile(
    name="asks.parquet",
    columns=columns(
        offer=INTEGER,
        place=INTEGER,
        model=TEXT,
        prompt_price=INTEGER,
        output_price=INTEGER,
    ),
)
"""What each of those offers asks for a model, in the order in which it was signed."""

MARKET_FILES = (OFFERS, ASKS)
