"""Lists that rows look up by a number of theirs, in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from basis.audit.sql_numbers import INT64_MAX, quote

if TYPE_CHECKING:
    import duckdb

Values = Sequence[int] | Sequence[bool] | Sequence[str]
LOOKUPS: Final = "lookups"
"""The table with the lists: one row, to be joined with every other."""


class Lookups:
    """The lists of a query, each in a column of `LOOKUPS`.

    An element is found as fast as a column is read, unlike by a join or a CASE. In the query itself
    DuckDB would copy a list for every 2,048 rows.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def at(self, values: Values, place: str) -> str:
        """The element at the place that a column names, which is one of them, counted from 1.

        What is the same everywhere is no list: with a constant DuckDB computes what it can before.
        """
        if len(set(values)) == 1:
            return f"CAST({_literal(values[0])} AS {_kind(values)})"
        written = f"CAST([{', '.join(map(_literal, values))}] AS {_kind(values)}[])"
        name = self._names.setdefault(written, f"list_{len(self._names)}")
        return f"{name}[{place}]"

    def of_table(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: str,
        place: str,
        expressions: Mapping[str, str],
    ) -> dict[str, str]:
        """Expressions over a table whose rows are numbered from 1, by the number in a column."""
        extremes = ", ".join(f"min({one}), max({one})" for one in expressions.values())
        found = connection.execute(f"SELECT {extremes} FROM {table}").fetchone() or ()
        looked_up: dict[str, str] = {}
        for (name, expression), least, most in zip(
            expressions.items(), found[::2], found[1::2], strict=True
        ):
            if least == most:
                looked_up[name] = self.at([least], place)
                continue
            written = f"(SELECT list({expression} ORDER BY number) FROM {table})"
            column = self._names.setdefault(written, f"list_{len(self._names)}")
            looked_up[name] = f"{column}[{place}]"
        return looked_up

    def write(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Makes the table, once everything that a query looks up is known."""
        lists = [f"{written} AS {name}" for written, name in self._names.items()]
        columns = ", ".join(lists or ["NULL AS nothing"])
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {LOOKUPS} AS SELECT {columns}")


def _literal(value: int | bool | str) -> str:
    return quote(value) if isinstance(value, str) else str(value)


def _kind(values: Values) -> str:
    first = values[0]
    if isinstance(first, str):
        return "VARCHAR"
    if isinstance(first, bool):
        return "BOOLEAN"
    return "HUGEINT" if max(cast("Sequence[int]", values)) > INT64_MAX else "BIGINT"
