"""The tables. Amounts are decimal text (18 decimals outgrow 64 bits), but for micro-credits, which
are bounded far below 2^63 and are integers; times are ISO 8601 in UTC.

Append-only: receipts (but for status pointers), ledger_entries, ledger_postings, batches (but for
status), pricing_epochs (but for the one activation), holdings_snapshots, boost_assignments,
account_changes. Those of payments stand in `payment_tables`. `open_jobs` holds what
was accepted and has no receipt yet, with the credits held for it: after a crash its rows are the
jobs that were lost, and each gets its receipt at the next start. `balances` and `usage_days` are
projections: sums over entries and receipts, kept in the same transactions.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
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
    text,
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
    Column("credit_limit", BigInteger, nullable=True),
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
    Column("parent_id", String(16), ForeignKey("api_keys.id")),
    Column("credits_per_day", BigInteger),
    Column("requests_per_minute", Integer),
    Column("tokens_per_minute", Integer),
    Column("models", Text, nullable=False, default="[]", server_default=text("'[]'")),
    Column("expires_at", String(24)),
    Column("prefers", String(8), nullable=False, default="", server_default=text("''")),
    Index("ix_api_keys_parent_id", "parent_id"),
)

account_changes = Table(
    "account_changes",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("created_at", String(24), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("key_id", String(16), nullable=False),
    Column("field", String(32), nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Index("ix_account_changes_user_id", "user_id"),
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

worker_offers = Table(
    "worker_offers",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("worker_id", String(64), nullable=False),
    Column("wallet", String(42), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("content", Text, nullable=False),
    Column("signature", String(132), nullable=False),
    Column("rails", String(64), nullable=False),
    Column("epoch", String(64), nullable=False),
    Column("accepted_at", String(24), nullable=False),
    Column("status", String(16), nullable=False),
    Column("ended_at", String(24)),
    UniqueConstraint("worker_id", "wallet", "nonce"),
    Index("ix_worker_offers_status", "status"),
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
    Column("key_id", String(16), nullable=False, default="", server_default=text("''")),
    Column("held_microcredits", BigInteger, nullable=False, default=0, server_default=text("0")),
    Column("expires_at", String(24), nullable=False, default="", server_default=text("''")),
    Column("terms", Text, nullable=False, default="", server_default=text("''")),
    Index("ix_open_jobs_user_id", "user_id"),
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
    Column("key_id", String(16), nullable=False, default="", server_default=text("''")),
    Column("points_asset", String(8), nullable=False, default="", server_default=text("''")),
    Column("points_raw", Text, nullable=False, default="0", server_default=text("'0'")),
    Index("ix_receipts_reward_status", "reward_status"),
    Index("ix_receipts_worker_id", "worker_id"),
    Index("ix_receipts_worker_id_created_at", "worker_id", "created_at"),
    Index("ix_receipts_user_id", "user_id"),
    Index("ix_receipts_status", "status"),
    Index("ix_receipts_batch_hash", "batch_hash"),
)

usage_days = Table(
    "usage_days",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("user_id", String(64), primary_key=True),
    Column("key_id", String(16), primary_key=True),
    Column("model_id", String(64), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("completed", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("microcredits", BigInteger, nullable=False),
    Index("ix_usage_days_key_id", "key_id", "day"),
    Index("ix_usage_days_user_id", "user_id", "day"),
)

pricing_epochs = Table(
    "pricing_epochs",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("content", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("proposed_at", String(24), nullable=False),
    Column("effective_from", String(24), unique=True),
    Column("activated_at", String(24)),
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
    Column("entry_seq", Integer, primary_key=True, autoincrement=False),
    Column("account", String(160), primary_key=True),
    Column("asset", String(16), primary_key=True),
    Column("amount_raw", Text, nullable=False),
    Index("ix_ledger_postings_account", "account", "asset", "entry_seq"),
    sqlite_with_rowid=False,
)
"""By the entry's number: appended in order, and an account is read in the order of booking."""

ledger_reasons = Table(
    "ledger_reasons",
    metadata,
    Column("entry_id", String(64), primary_key=True),
    Column("reason", Text, nullable=False),
)
"""Why the operator booked an entry that follows from no other record."""

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

holdings_snapshots = Table(
    "holdings_snapshots",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("measure", String(16), nullable=False),
    Column("record", Text, nullable=False),
    Column("signature", Text, nullable=False),
    Column("recorded_at", String(24), nullable=False),
    Column("effective_at", String(24), nullable=False),
)

boost_assignments = Table(
    "boost_assignments",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("wallet", String(42), nullable=False),
    Column("record", Text, nullable=False),
    Column("created_at", String(24), nullable=False),
    Index("ix_boost_assignments_wallet", "wallet"),
)
