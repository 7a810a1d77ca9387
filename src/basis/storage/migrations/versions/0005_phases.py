"""Phases: pools, counted points, exclusions with appeals, released parts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_phases()
    _create_parts()
    _create_exclusions()


def _create_phases() -> None:
    op.create_table(
        "phases",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("rules", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("starts_at", sa.String(length=24), nullable=False),
        sa.Column("ends_at", sa.String(length=24), nullable=False),
        sa.Column("appeal_days", sa.Integer(), nullable=False),
        sa.Column("vesting_from", sa.String(length=24), nullable=False),
        sa.Column("cliff_days", sa.Integer(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("interval_days", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.String(length=24), nullable=False),
        sa.Column("closed_at", sa.String(length=24), nullable=False),
        sa.Column("final_at", sa.String(length=24), nullable=False),
        sa.Column("closing", sa.Integer(), nullable=False),
        sa.Column("receipt_count", sa.Integer(), nullable=False),
        sa.Column("late_count", sa.Integer(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("receipts_hash", sa.String(length=64), nullable=False),
        sa.Column("points_tables", sa.Text(), nullable=False),
        sa.Column("file_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phases")),
    )


def _create_parts() -> None:
    op.create_table(
        "phase_pools",
        sa.Column("phase_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("points_asset", sa.String(length=8), nullable=False),
        sa.Column("amount_raw", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["phase_id"], ["phases.id"], name=op.f("fk_phase_pools_phase_id")),
        sa.PrimaryKeyConstraint("phase_id", "name", name=op.f("pk_phase_pools")),
    )
    op.create_table(
        "phase_points",
        sa.Column("phase_id", sa.String(length=32), nullable=False),
        sa.Column("pool", sa.String(length=16), nullable=False),
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.Column("points_raw", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["phase_id"], ["phases.id"], name=op.f("fk_phase_points_phase_id")),
        sa.PrimaryKeyConstraint("phase_id", "pool", "wallet", name=op.f("pk_phase_points")),
    )
    op.create_index("ix_phase_points_wallet", "phase_points", ["wallet"], unique=False)
    op.create_table(
        "phase_releases",
        sa.Column("phase_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("released_at", sa.String(length=24), nullable=False),
        sa.ForeignKeyConstraint(
            ["phase_id"], ["phases.id"], name=op.f("fk_phase_releases_phase_id")
        ),
        sa.PrimaryKeyConstraint("phase_id", "number", name=op.f("pk_phase_releases")),
    )


def _create_exclusions() -> None:
    op.create_table(
        "phase_exclusions",
        sa.Column("phase_id", sa.String(length=32), nullable=False),
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("excluded_at", sa.String(length=24), nullable=False),
        sa.Column("appeal_text", sa.Text(), nullable=False),
        sa.Column("filed_at", sa.String(length=24), nullable=False),
        sa.Column("decision", sa.String(length=8), nullable=False),
        sa.Column("decision_reason", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.String(length=24), nullable=False),
        sa.ForeignKeyConstraint(
            ["phase_id"], ["phases.id"], name=op.f("fk_phase_exclusions_phase_id")
        ),
        sa.PrimaryKeyConstraint("phase_id", "wallet", name=op.f("pk_phase_exclusions")),
    )
