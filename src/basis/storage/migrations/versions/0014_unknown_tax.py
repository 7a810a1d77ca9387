"""The tax of payments that were kept before it was read is unknown, not nothing"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("payments") as payments:
        payments.alter_column("tax_minor", existing_type=sa.BigInteger(), nullable=True)
    # Some of them had no tax: whoever assigns one says so, which is better than credits for a tax.
    op.execute(
        "UPDATE payments SET tax_minor = NULL "
        "WHERE user_id IS NULL AND tax_minor = 0 AND source = 'stripe'"
    )
