"""Credits, holds, limits of keys, usage by day, pricing epochs

Customers that exist already were billed afterwards, and go on so: their limit is none.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _extend_customers()
    _extend_jobs()
    _create_usage()
    _create_epochs()


def _extend_customers() -> None:
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("credit_limit", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("api_keys") as keys:
        keys.add_column(sa.Column("parent_id", sa.String(length=16), nullable=True))
        keys.add_column(sa.Column("credits_per_day", sa.BigInteger(), nullable=True))
        keys.add_column(sa.Column("requests_per_minute", sa.Integer(), nullable=True))
        keys.add_column(sa.Column("tokens_per_minute", sa.Integer(), nullable=True))
        keys.add_column(
            sa.Column("models", sa.Text(), nullable=False, server_default=sa.text("'[]'"))
        )
        keys.add_column(sa.Column("expires_at", sa.String(length=24), nullable=True))
        keys.add_column(
            sa.Column("prefers", sa.String(length=8), nullable=False, server_default=sa.text("''"))
        )
        keys.create_foreign_key(op.f("fk_api_keys_parent_id"), "api_keys", ["parent_id"], ["id"])
        keys.create_index("ix_api_keys_parent_id", ["parent_id"])


def _extend_jobs() -> None:
    with op.batch_alter_table("open_jobs") as jobs:
        jobs.add_column(
            sa.Column("key_id", sa.String(length=16), nullable=False, server_default=sa.text("''"))
        )
        jobs.add_column(
            sa.Column(
                "held_microcredits", sa.BigInteger(), nullable=False, server_default=sa.text("0")
            )
        )
        jobs.add_column(
            sa.Column(
                "expires_at", sa.String(length=24), nullable=False, server_default=sa.text("''")
            )
        )
        jobs.add_column(sa.Column("terms", sa.Text(), nullable=False, server_default=sa.text("''")))
        jobs.create_index("ix_open_jobs_user_id", ["user_id"])
    # Not in a batch: SQLite would copy the whole table to add three columns.
    op.add_column(
        "receipts",
        sa.Column("key_id", sa.String(length=16), nullable=False, server_default=sa.text("''")),
    )
    op.add_column(
        "receipts",
        sa.Column(
            "points_asset", sa.String(length=8), nullable=False, server_default=sa.text("''")
        ),
    )
    op.add_column(
        "receipts",
        sa.Column("points_raw", sa.Text(), nullable=False, server_default=sa.text("'0'")),
    )


def _create_usage() -> None:
    op.create_table(
        "usage_days",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("model_id", sa.String(length=64), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("completed", sa.BigInteger(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("microcredits", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "user_id", "key_id", "model_id", name=op.f("pk_usage_days")),
    )
    op.create_index("ix_usage_days_key_id", "usage_days", ["key_id", "day"])
    op.create_index("ix_usage_days_user_id", "usage_days", ["user_id", "day"])


def _create_epochs() -> None:
    op.create_table(
        "pricing_epochs",
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("proposed_at", sa.String(length=24), nullable=False),
        sa.Column("effective_from", sa.String(length=24), nullable=True),
        sa.Column("activated_at", sa.String(length=24), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_pricing_epochs")),
        sa.UniqueConstraint("effective_from", name=op.f("uq_pricing_epochs_effective_from")),
    )
