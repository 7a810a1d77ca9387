"""Up to when each published period tells of pricing epochs"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "exports",
        sa.Column(
            "activations_until",
            sa.String(length=24),
            server_default=sa.text("''"),
            nullable=False,
        ),
    )
    op.execute(
        """
        UPDATE exports SET activations_until = coalesce((
            SELECT max(json_extract(details, '$.charge.lockedAt')) FROM receipts
            WHERE receipts.seq <= exports.receipts_to), '')
        """
    )
