"""The table of what was published. Append-only: a published period is never changed."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table, text

from basis.storage.schema import metadata

exports = Table(
    "exports",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", String(64), nullable=False, unique=True),
    Column("since", String(10), nullable=False),
    Column("until", String(10), nullable=False),
    Column("receipts_to", Integer, nullable=False),
    Column("entries_to", Integer, nullable=False),
    Column("batches_to", Integer, nullable=False),
    Column("previous_hash", String(64), nullable=False, unique=True),
    Column("manifest_hash", String(64), nullable=False, unique=True),
    Column("closing_hash", String(64), nullable=False),
    Column("created_at", String(24), nullable=False),
    Column("activations_until", String(24), nullable=False, default="", server_default=text("''")),
)
