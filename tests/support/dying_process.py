"""Work in a process of its own that dies as a power cut would end it, at a chosen SQL statement."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable

from sqlalchemy import Engine, event
from sqlalchemy.pool import ConnectionPoolEntry


def die_before_statement(engine: Engine, number: int) -> None:
    """Makes this process kill itself before the `number`th statement that SQLite runs for `engine`.

    Each row of an `executemany` is a statement of its own, and so are BEGIN and COMMIT. What a new
    connection is set up with does not count.
    """
    left = number

    def on_statement(statement: str) -> None:
        nonlocal left
        if statement.startswith("PRAGMA"):
            return
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_connect(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
        connection.set_trace_callback(on_statement)

    event.listen(engine, "connect", on_connect)


def run_in_child(work: Callable[[], None]) -> bool:
    """Whether `work` came to its end in a forked process, or that was killed.

    Raises:
        AssertionError: it ended in another way.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            # Nothing of the parent's, buffers and fixtures, may be ended here.
            os._exit(code)
    _child, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.waitstatus_to_exitcode(status) == 0, "the child failed instead of dying"
    return True
