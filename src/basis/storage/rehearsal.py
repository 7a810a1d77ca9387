"""A write that is shown and never kept: nothing of the data folder is changed by it.

The store is not migrated and no key is made. What is written stays in memory until it is undone.
What SQLite lays beside a store while it is open (`-wal`, `-shm`) is gone again afterwards, and a
log that a crash left behind stays as it is. Whoever means it goes through `storage.database`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from basis.rules.errors import Misconfigured, StorageUnavailable
from basis.storage.damaged import decode_text
from basis.storage.database import find_store, is_locked_out, validate_schema

_BUSY_TIMEOUT_S = 15.0


@contextmanager
def rehearse_write(folder: Path) -> Generator[Connection]:
    """A write transaction over the store in `folder` that is undone at the end of the block.

    Raises:
        Misconfigured: there is no store, it may not be written, or the file is no database.
        SchemaDiffers: it is of an older or a newer version of basis.
        StorageUnavailable: another process kept the write lock.
    """
    path = find_store(folder)
    uri = path.absolute().as_uri()

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{uri}?mode=rw", uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None
        )
        connection.text_factory = decode_text
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA cache_spill=OFF")  # else a long write goes to the log
        return connection

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)
    event.listen(engine, "begin", on_begin)
    with ExitStack() as kept_open:
        kept_open.callback(engine.dispose)
        try:
            if _has_log(path):
                # The last writer to close brings the log into the file: a reader is open longer.
                reader = closing(sqlite3.connect(f"{uri}?mode=ro", uri=True))
                kept_open.enter_context(reader).execute("SELECT count(*) FROM sqlite_schema")
            connection = kept_open.enter_context(engine.connect())
            validate_schema(connection, path)
        except (DatabaseError, sqlite3.DatabaseError) as error:
            if is_locked_out(error):
                raise StorageUnavailable(
                    "another process is writing to the store: try again"
                ) from error
            cause = error.orig if isinstance(error, DatabaseError) else error
            raise Misconfigured(f"{path} cannot be opened as a database: {cause}") from error
        yield connection
        connection.rollback()


def _has_log(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0
