"""Reads the durable store and leaves it as it is: for every command that only looks.

Nothing is migrated, made or locked, so that a look can neither hold up a running orchestrator nor
begin anything in a wrong folder. Whoever writes goes through `storage.database`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from basis.rules.errors import Misconfigured, StorageUnavailable
from basis.storage.damaged import decode_text
from basis.storage.database import find_store, validate_schema

_BUSY_TIMEOUT_S = 5.0
"""A reader waits for nobody but another one that rebuilds the log's index after a crash."""


@contextmanager
def read_store(folder: Path) -> Generator[Connection]:
    """One read transaction over the store in `folder`: all of it as it was at one moment.

    Raises:
        Misconfigured: there is no store, or the file is no database.
        SchemaDiffers: it is of an older or a newer version of basis.
        StorageUnavailable: a store that nobody used was written in the meantime.
    """
    path = find_store(folder)
    is_at_rest = _has_empty_log(path)
    version = _file_version(path)
    engine = _make_engine(path, is_at_rest=is_at_rest)
    try:
        with engine.connect() as connection:
            validate_schema(connection, path)
            yield connection
    except DatabaseError as error:
        _check_untouched(path, version, is_at_rest=is_at_rest)
        raise Misconfigured(f"{path} cannot be read as a database: {error.orig}") from error
    finally:
        engine.dispose()
    _check_untouched(path, version, is_at_rest=is_at_rest)


def _make_engine(path: Path, *, is_at_rest: bool) -> Engine:
    # Over a store that nobody has open, `mode=ro` would leave a log and its index behind; and it
    # needs a folder that can be written. `immutable` asks for neither, but trusts the file to stay
    # as it is, so that is checked afterwards.
    mode = "mode=ro&immutable=1" if is_at_rest else "mode=ro"
    uri = f"{path.absolute().as_uri()}?{mode}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        connection.text_factory = decode_text
        return connection

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    event.listen(engine, "begin", on_begin)
    return engine


def _has_empty_log(path: Path) -> bool:
    """Whether the database file alone holds all that was committed.

    SQLite removes its log when the last writer closes, and keeps it after a crash.
    """
    log = path.with_name(path.name + "-wal")
    return not log.exists() or log.stat().st_size == 0


def _file_version(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _check_untouched(path: Path, version: tuple[int, int], *, is_at_rest: bool) -> None:
    if is_at_rest and _file_version(path) != version:
        raise StorageUnavailable(f"{path} was written while it was read: try again")
