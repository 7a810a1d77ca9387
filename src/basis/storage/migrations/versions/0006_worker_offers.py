"""What owners of workers signed: offers and withdrawals"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "worker_offers",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("worker_id", sa.String(length=64), nullable=False),
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(length=132), nullable=False),
        sa.Column("rails", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.String(length=64), nullable=False),
        sa.Column("accepted_at", sa.String(length=24), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("ended_at", sa.String(length=24), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_worker_offers")),
        sa.UniqueConstraint("hash", name=op.f("uq_worker_offers_hash")),
        sa.UniqueConstraint(
            "worker_id", "wallet", "nonce", name=op.f("uq_worker_offers_worker_id_wallet_nonce")
        ),
    )
    op.create_index("ix_worker_offers_status", "worker_offers", ["status"])
