"""The tables. Amounts are decimal text (18 decimals outgrow 64 bits), times are ISO 8601 in UTC.

Append-only: receipts (but for status pointers), ledger_entries, ledger_postings, batches (but for
status). `open_jobs` holds what was accepted and has no receipt yet: after a crash its rows are
the jobs that were lost, and each gets its receipt at the next start.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

users = Table(
    "users",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("wallet", String(42), nullable=False),
    Column("created_at", String(24), nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("user_id", String(64), ForeignKey("users.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("created_at", String(24), nullable=False),
    Column("revoked_at", String(24)),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("wallet", String(42), nullable=False),
    Column("runtime", String(16), nullable=False),
    Column("models", Text, nullable=False),
    Column("token_hash", String(64), nullable=False),
    Column("earned_raw", Text, nullable=False, default="0"),
    Column("created_at", String(24), nullable=False),
    Column("updated_at", String(24), nullable=False),
)

presence = Table(
    "presence",
    metadata,
    Column("worker_id", String(64), ForeignKey("workers.id"), primary_key=True),
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("minutes_mask", Integer, nullable=False),
)

open_jobs = Table(
    "open_jobs",
    metadata,
    Column("job_id", String(40), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("user_wallet", String(42), nullable=False),
    Column("model_id", String(64), nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("multiplier_bps", Integer, nullable=False),
    Column("versions", Text, nullable=False),
    Column("created_at", String(24), nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("job_id", String(40), nullable=False, unique=True),
    Column("status", String(16), nullable=False),
    Column("core", Text, nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("worker_id", String(64), nullable=False),
    Column("worker_wallet", String(42), nullable=False),
    Column("reward_raw", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("reward_status", String(16), nullable=False),
    Column("batch_hash", String(64)),
    Column("created_at", String(24), nullable=False),
    Index("ix_receipts_reward_status", "reward_status"),
    Index("ix_receipts_worker_id", "worker_id"),
    Index("ix_receipts_user_id", "user_id"),
    Index("ix_receipts_batch_hash", "batch_hash"),
)

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("cause", Text, nullable=False),
    Column("created_at", String(24), nullable=False),
)

ledger_postings = Table(
    "ledger_postings",
    metadata,
    Column("entry_id", String(64), primary_key=True),
    Column("account", String(160), primary_key=True),
    Column("asset", String(16), primary_key=True),
    Column("amount_raw", Text, nullable=False),
    Index("ix_ledger_postings_account", "account"),
)

balances = Table(
    "balances",
    metadata,
    Column("account", String(160), primary_key=True),
    Column("asset", String(16), primary_key=True),
    Column("amount_raw", Text, nullable=False),
)

batches = Table(
    "batches",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("previous_hash", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("is_dry_run", Boolean, nullable=False),
    Column("total_raw", Text, nullable=False),
    Column("receipt_count", Integer, nullable=False),
    Column("payouts", Text, nullable=False),
    Column("chain_id", Integer, nullable=False),
    Column("token_symbol", String(16), nullable=False),
    Column("token_address", String(42), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("created_at", String(24), nullable=False),
    UniqueConstraint("previous_hash", "hash"),
)
