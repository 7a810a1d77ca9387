"""Alembic's entry: it migrates over the connection that `storage.database` hands it."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from basis.storage.schema import metadata


def migrate() -> None:
    """Brings the connection's database to the newest schema."""
    connection = context.config.attributes["connection"]
    if not isinstance(connection, Connection):
        raise TypeError("migrations run through basis.storage.database.open_database")
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


migrate()
