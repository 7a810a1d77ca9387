"""Reads rows of the store without trusting them: SQLite keeps whatever a column was given.

Every function that makes a record of a row is put under `reads_rows_of`, so that a row that
something else changed is refused by name instead of breaking whoever reads it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from sqlalchemy import Row, Table

from basis.rules.errors import DamagedRecord

_Record = TypeVar("_Record")
AnyRow: TypeAlias = Row[*tuple[Any, ...]]
_RowReader = Callable[[AnyRow], _Record]

_UNREADABLE: Final = (
    DamagedRecord,
    msgspec.MsgspecError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What decoding raises: of JSON, of an enum, of an amount."""
_LONGEST_REASON: Final = 240
_LONGEST_KEY: Final = 80


def decode_text(raw: bytes) -> str | bytes:
    """The text of a column; its bytes as they are where they are no UTF-8.

    It is the driver's `text_factory`. The driver's own one fails for the whole query, and as
    if the file were no database.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def reads_rows_of(
    table: Table, *joined: Table
) -> Callable[[_RowReader[_Record]], _RowReader[_Record]]:
    """Makes the reader below refuse every row that it cannot read, by table and primary key.

    The rows have columns of `table`, its key among them, and may have some of `joined`.

    Raises:
        DamagedRecord: a column holds another type than the schema says, or cannot be decoded. Only
            the beginning of a long value is quoted.
    """
    kinds: dict[str, tuple[type[Any], ...]] = {}
    for column in (column for one in (*joined, table) for column in one.columns):
        kind = column.type.python_type
        kinds[column.name] = (kind, type(None)) if column.nullable else (kind,)
    keys = [column.name for column in table.primary_key.columns]

    def guard(read: _RowReader[_Record]) -> _RowReader[_Record]:
        @functools.wraps(read)
        def read_checked(row: AnyRow) -> _Record:
            try:
                names = row._fields  # type: ignore[reportPrivateUsage]  # public: a namedtuple's
                for name, value in zip(names, row, strict=True):
                    if not isinstance(value, kinds[name]):
                        raise DamagedRecord(_complaint(name, value, kinds[name][0]))
                return read(row)
            except _UNREADABLE as error:
                key = ", ".join(f"{name} {_shorten(getattr(row, name))}" for name in keys)
                raise DamagedRecord(
                    f"the record of {table.name} with {key} is damaged: {_reason_of(error)}"
                ) from error

        return read_checked

    return guard


def _complaint(column: str, value: object, kind: type[object]) -> str:
    if value is None:
        return f"{column} is empty"
    return f"{column} is {_shorten(value)}, which is no {kind.__name__}"


def _shorten(value: object) -> str:
    # A value may have megabytes: it is cut before it is spelt out, and after.
    start = value[:_LONGEST_KEY] if isinstance(value, str | bytes) else value
    shown = start if isinstance(start, str) and start.isprintable() else repr(start)
    is_whole = start == value and len(shown) <= _LONGEST_KEY
    return shown if is_whole else shown[: _LONGEST_KEY - 3] + "..."


def _reason_of(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "its JSON is nested too deeply"
    reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
    return reason if len(reason) <= _LONGEST_REASON else reason[: _LONGEST_REASON - 3] + "..."
