"""Tracebacks for the log: where it broke and with what, but not the words of the exception.

An exception's message quotes whatever was being read, and a customer's prompt may be that. What the
system and SQLite say of themselves holds no values, so it is kept.
"""

from __future__ import annotations

import sqlite3
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import TextIO

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def format_plainly(exc_info: ExceptionInfo) -> str:
    """The traceback of the exception and of those that led to it, the first cause first."""
    return "\n\nwhich led to:\n".join(
        _format_one(error) for error in reversed(list(_chain(exc_info[1])))
    )


def write_plainly(stream: TextIO, exc_info: ExceptionInfo) -> None:
    """Writes the same to `stream`, as structlog's console wants it."""
    stream.write("\n" + format_plainly(exc_info))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """`error` and what it came from, newest first."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _format_one(error: BaseException) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{frames}{type(error).__module__}.{type(error).__qualname__}{_harmless_words(error)}"


def _harmless_words(error: BaseException) -> str:
    if isinstance(error, sqlite3.Error):
        return f": {error}"
    if isinstance(error, OSError) and error.strerror:
        return f": {error.strerror}"
    return ""
