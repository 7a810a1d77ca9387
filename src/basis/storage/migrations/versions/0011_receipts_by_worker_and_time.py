"""Receipts of a worker by their time"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_receipts_worker_id_created_at", "receipts", ["worker_id", "created_at"])
