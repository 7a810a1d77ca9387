"""Postings by the number of their entry, and the reasons of repairs"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from basis.rules.errors import DamagedRecord

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Writes every posting anew; one of no entry stops it, since it has no number.

    Raises:
        DamagedRecord: there is such a posting.
    """
    stray = op.get_bind().execute(
        sa.text(
            "SELECT count(*) FROM ledger_postings "
            "WHERE entry_id NOT IN (SELECT id FROM ledger_entries)"
        )
    )
    if count := stray.scalar_one():
        raise DamagedRecord(f"{count} records of ledger_postings are of no entry: restore a backup")
    op.drop_index("ix_ledger_postings_account", "ledger_postings")
    op.rename_table("ledger_postings", "old_ledger_postings")
    op.create_table(
        "ledger_postings",
        sa.Column("entry_seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=160), nullable=False),
        sa.Column("asset", sa.String(length=16), nullable=False),
        sa.Column("amount_raw", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("entry_seq", "account", "asset", name=op.f("pk_ledger_postings")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO ledger_postings "
        "SELECT entry.seq, posting.account, posting.asset, posting.amount_raw "
        "FROM old_ledger_postings AS posting "
        "JOIN ledger_entries AS entry ON entry.id = posting.entry_id "
        "ORDER BY entry.seq, posting.account, posting.asset"
    )
    op.drop_table("old_ledger_postings")
    op.create_index(
        "ix_ledger_postings_account", "ledger_postings", ["account", "asset", "entry_seq"]
    )
    op.create_table(
        "ledger_reasons",
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_ledger_reasons")),
    )
