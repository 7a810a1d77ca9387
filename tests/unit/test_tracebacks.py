"""Tracebacks of the log: place, type and cause, without the words that an exception carries."""

from __future__ import annotations

import errno
import io
import sqlite3
import sys

from basis.tracebacks import format_plainly, write_plainly

PROMPT = "xyzzy"


def traceback_of(error: BaseException, cause: BaseException | None = None) -> str:
    """What the log shows of `error`, raised here."""
    try:
        raise error from cause
    except type(error):
        _, caught, trace = sys.exc_info()
        assert caught is not None
        return format_plainly((type(caught), caught, trace))


def test_traceback__message_with_a_prompt__shows_type_and_place_alone() -> None:
    shown = traceback_of(ValueError(f"cannot read {PROMPT}"))

    assert "test_tracebacks.py" in shown
    assert shown.endswith("builtins.ValueError")
    assert PROMPT not in shown


def test_traceback__cause__stands_first_and_is_as_silent() -> None:
    shown = traceback_of(RuntimeError(PROMPT), cause=KeyError(PROMPT))

    assert shown.index("builtins.KeyError") < shown.index("builtins.RuntimeError")
    assert PROMPT not in shown


def test_traceback__error_of_the_system_or_of_sqlite__keeps_its_words() -> None:
    assert traceback_of(OSError(errno.ENOSPC, "no space left")).endswith("no space left")
    full = sqlite3.OperationalError("database or disk is full")
    assert "database or disk is full" in traceback_of(RuntimeError(PROMPT), cause=full)


def test_traceback__notes_and_causes_in_a_circle__come_to_an_end() -> None:
    error, cause = RuntimeError(PROMPT), ValueError(PROMPT)
    cause.__cause__ = error
    error.add_note(PROMPT)

    assert PROMPT not in traceback_of(error, cause=cause)


def test_traceback__written_to_the_console__is_the_same() -> None:
    error = ValueError(PROMPT)
    stream = io.StringIO()

    write_plainly(stream, (ValueError, error, None))

    assert stream.getvalue() == "\nbuiltins.ValueError"
