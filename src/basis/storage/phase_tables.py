"""The tables of phases. Points and pools are decimal text, times are ISO 8601 in UTC.

Lines, pools and releases are only added. `phases` changes with its steps, `phase_exclusions` with
appeals. Times and texts that are not yet are "".
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from basis.storage.schema import metadata

phases = Table(
    "phases",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("rules", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("starts_at", String(24), nullable=False),
    Column("ends_at", String(24), nullable=False),
    Column("appeal_days", Integer, nullable=False),
    Column("vesting_from", String(24), nullable=False),
    Column("cliff_days", Integer, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("interval_days", Integer, nullable=False),
    Column("opened_at", String(24), nullable=False),
    Column("closed_at", String(24), nullable=False),
    Column("final_at", String(24), nullable=False),
    Column("closing", Integer, nullable=False),
    Column("receipt_count", Integer, nullable=False),
    Column("late_count", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("receipts_hash", String(64), nullable=False),
    Column("points_tables", Text, nullable=False),
    Column("file_hash", String(64), nullable=False),
)

phase_pools = Table(
    "phase_pools",
    metadata,
    Column("phase_id", String(32), ForeignKey("phases.id"), primary_key=True),
    Column("name", String(16), primary_key=True),
    Column("points_asset", String(8), nullable=False),
    Column("amount_raw", Text, nullable=False),
)

phase_points = Table(
    "phase_points",
    metadata,
    Column("phase_id", String(32), ForeignKey("phases.id"), primary_key=True),
    Column("pool", String(16), primary_key=True),
    Column("wallet", String(42), primary_key=True),
    Column("points_raw", Text, nullable=False),
    Index("ix_phase_points_wallet", "wallet"),
)

phase_exclusions = Table(
    "phase_exclusions",
    metadata,
    Column("phase_id", String(32), ForeignKey("phases.id"), primary_key=True),
    Column("wallet", String(42), primary_key=True),
    Column("reason", String(16), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("excluded_at", String(24), nullable=False),
    Column("appeal_text", Text, nullable=False),
    Column("filed_at", String(24), nullable=False),
    Column("decision", String(8), nullable=False),
    Column("decision_reason", Text, nullable=False),
    Column("decided_at", String(24), nullable=False),
)

phase_releases = Table(
    "phase_releases",
    metadata,
    Column("phase_id", String(32), ForeignKey("phases.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("released_at", String(24), nullable=False),
)
