"""Opens the durable store for writing: SQLite in the data folder, migrated to the newest schema.

WAL with synchronous=FULL: a commit that returned survives a power cut. Every write transaction
begins IMMEDIATE, so that the orchestrator and a command of the operator's never deadlock. Commands
that only look go through `storage.reading`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry

from basis.rules.errors import Misconfigured, SchemaDiffers, StorageUnavailable
from basis.storage.damaged import decode_text

DATABASE_FILE = "basis.sqlite3"
_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_TIMEOUT_MS = 15_000
_WRITE_OPTION = "basis_write"


def open_database(folder: Path, *, create: bool) -> Engine:
    """An engine over the store in `folder`, at the newest schema.

    Raises:
        Misconfigured: no store there and `create` is false, the folder cannot be written, or the
            file is no database.
        SchemaDiffers: its schema is newer than this program.
        StorageUnavailable: another process kept the write lock.
    """
    path = folder / DATABASE_FILE if create else find_store(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = _make_engine(path)
        _migrate(engine)
    except OSError as error:
        raise Misconfigured(f"the data folder {folder} cannot be used: {error}") from error
    except CommandError as error:
        raise _too_new(path, str(error)) from error
    except DatabaseError as error:
        raise Misconfigured(f"{path} cannot be opened as a database: {error.orig}") from error
    return engine


def find_store(folder: Path) -> Path:
    """The database file in `folder`.

    Raises:
        Misconfigured: there is no such folder, or no store in it.
    """
    path = folder / DATABASE_FILE
    if path.is_file():
        return path
    what = f"no data in {folder}" if folder.is_dir() else f"no data folder {folder}"
    raise Misconfigured(
        f"there is {what}: start `basis up` there first, or name the folder with --data"
    )


def validate_schema(connection: Connection, path: Path) -> None:
    """Refuses a store whose schema is not this program's; `path` is its file, for the message.

    Raises:
        SchemaDiffers: it is older or newer.
    """
    found = MigrationContext.configure(connection).get_current_revision()
    script = ScriptDirectory(str(_MIGRATIONS))
    if found == script.get_current_head():
        return
    if found is not None and found not in {step.revision for step in script.walk_revisions()}:
        raise _too_new(path, f"its schema is {found}")
    raise SchemaDiffers(
        f"{path} was written by an older version of basis: start `basis up` once to migrate it"
    )


def _make_engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"check_same_thread": False, "timeout": _BUSY_TIMEOUT_MS / 1000},
        hide_parameters=True,  # errors are logged, and records are nobody's business there
        pool_size=8,
        max_overflow=8,
    )

    def on_connect(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
        # The driver must not begin transactions by itself: we say IMMEDIATE below.
        connection.isolation_level = None
        connection.text_factory = decode_text
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={_BUSY_TIMEOUT_MS}",
            "wal_autocheckpoint=4000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    def on_begin(connection: Connection) -> None:
        is_write = connection.get_execution_options().get(_WRITE_OPTION, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


def for_writing(engine: Engine) -> Engine:
    """The same engine, whose transactions take the write lock at once: for every write."""
    return engine.execution_options(**{_WRITE_OPTION: True})


@contextmanager
def begin_write(engine: Engine) -> Generator[Connection]:
    """One write transaction of a command, or of the start: committed at the end of the block.

    Raises:
        StorageUnavailable: another process kept the write lock; nothing was recorded.
    """
    try:
        with for_writing(engine).begin() as connection:
            yield connection
    except DatabaseError as error:
        if not is_locked_out(error):
            raise
        raise StorageUnavailable("another process is writing to the store: try again") from error


def is_locked_out(error: Exception) -> bool:
    """Whether `error` says that another process kept the write lock longer than we wait for it."""
    cause = error.orig if isinstance(error, DatabaseError) else None
    # Errors of the driver's own have no code. The low byte is the primary one of SQLite's.
    code: int = getattr(cause, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY


def _too_new(path: Path, why: str) -> SchemaDiffers:
    return SchemaDiffers(
        f"{path} was written by a newer version of basis: install that one ({why})"
    )


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with begin_write(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
