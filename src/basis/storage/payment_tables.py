"""The tables of payments, and of what was given back of them. Times are ISO 8601 in UTC.

Amounts with `_minor` are of the currency's smallest units, as the payment service tells them: below
2^53. Rows are added and never deleted; `refunds` and `disputes` hold sums that only grow.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, Text

from basis.storage.schema import metadata

payments = Table(
    "payments",
    metadata,
    Column("source", String(16), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("user_id", String(64), ForeignKey("users.id")),
    Column("microcredits", BigInteger, nullable=False),
    Column("returned_microcredits", BigInteger, nullable=False),
    Column("reference", String(128), nullable=False),
    Column("account_given", Text, nullable=False),
    Column("currency", String(8), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("tax_minor", BigInteger, nullable=True, server_default="0"),
    Column("reason", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", String(24), nullable=False),
    Column("assigned_at", String(24)),
    Index("ix_payments_user_id", "user_id"),
    Index("ix_payments_reference", "source", "reference"),
)

refunds = Table(
    "refunds",
    metadata,
    Column("source", String(16), primary_key=True),
    Column("reference", String(128), primary_key=True),
    Column("currency", String(8), nullable=False),
    Column("refunded_minor", BigInteger, nullable=False),
    Column("updated_at", String(24), nullable=False),
)
disputes = Table(
    "disputes",
    metadata,
    Column("source", String(16), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("reference", String(128), nullable=False),
    Column("currency", String(8), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("withdrawn_minor", BigInteger, nullable=False),
    Column("reinstated_minor", BigInteger, nullable=False),
    Column("status", String(40), nullable=False),
    Column("updated_at", String(24), nullable=False),
    Index("ix_disputes_reference", "source", "reference"),
)
