"""How the columns of an export are described: names and kinds, in their order.

Source: docs/reference/export.md; docs/decisions/0015-export.md.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ColumnKind(enum.StrEnum):
    """How a column is kept in Parquet.

    NUMBER is what records are numbered by, so it mostly rises from row to row; ID is text that no
    two rows share; AMOUNT is a 64-bit
    integer where every amount of the column's file fits into one, else DECIMAL(38,0); DIGEST is 32
    bytes; TIME is UTC in milliseconds.
    """

    INTEGER = "integer"
    NUMBER = "number"
    AMOUNT = "amount"
    TEXT = "text"
    ID = "id"
    DIGEST = "digest"
    TIME = "time"
    FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column by its name, which never changes its meaning."""

    name: str
    kind: ColumnKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetFile:
    """One file of an export, with the columns that it has in their order."""

    name: str
    columns: tuple[Column, ...]

    def names(self, kind: ColumnKind) -> tuple[str, ...]:
        """The columns of this kind."""
        return tuple(column.name for column in self.columns if column.kind is kind)


def columns(**kinds: ColumnKind) -> tuple[Column, ...]:
    """Columns of these names and kinds, in this order."""
    return tuple(Column(name=name, kind=kind) for name, kind in kinds.items())


INTEGER, NUMBER, AMOUNT = ColumnKind.INTEGER, ColumnKind.NUMBER, ColumnKind.AMOUNT
TEXT, ID, DIGEST = ColumnKind.TEXT, ColumnKind.ID, ColumnKind.DIGEST
TIME, FLAG = ColumnKind.TIME, ColumnKind.FLAG
