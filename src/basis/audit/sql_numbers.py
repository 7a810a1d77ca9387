"""Exact arithmetic in SQL: 64 bits where the ranges prove that they are enough, else 128.

DuckDB multiplies and adds 128-bit integers as fast as it reads them, but divides them a hundred
times slower. So a quotient is not computed but proved, by q x d <= n < (q + 1) x d; a division
stands only where an amount is too large for the product, and where a difference is explained.
An overflow is an error in DuckDB, never a wrong number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from basis.rules.errors import DamagedExport

INT64_MAX: Final = 2**63 - 1
_FAST_LIMIT: Final = 10**25
"""Below it an amount can be multiplied by 10^12 in 38 digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """How a period's amounts are computed: `is_wide` says that their columns are DECIMAL(38,0)."""

    is_wide: bool

    def big(self, expression: str) -> str:
        """`expression` in 128 bits."""
        return f"CAST({expression} AS {'DECIMAL(38,0)' if self.is_wide else 'HUGEINT'})"

    def rest(self, result: str, *, value: str, factor: str, whole: int) -> str:
        """What `value x factor // whole` leaves over, if `result` is that quotient.

        Else something that is negative, or not below `whole`. None of the operands is negative, and
        the factor is at most `whole`.
        """
        proof = (
            f"{self.big(value)} * {self.big(factor)} - {self.big(result)} * {self.big(str(whole))}"
        )
        if not self.is_wide:
            return f"({proof})"
        limit = self.big(str(_FAST_LIMIT))
        quotient = floor_of(value, factor=factor, whole=whole)
        left = f"(CAST({value} AS HUGEINT) % {whole}) * CAST({factor} AS HUGEINT) % {whole}"
        slow = f"CASE WHEN CAST({result} AS HUGEINT) = {quotient} THEN {left} ELSE -1 END"
        return (
            f"CASE WHEN {value} < {limit} AND {result} < {limit} THEN {proof} "
            f"ELSE {self.big(slow)} END"
        )


def floor_of(value: str, *, factor: str, whole: int) -> str:
    """`value x factor // whole` by division, for any value below 10^38 and factor <= whole."""
    big, by = f"CAST({value} AS HUGEINT)", f"CAST({factor} AS HUGEINT)"
    return f"({big} // {whole} * {by} + ({big} % {whole}) * {by} // {whole})"


def quote(text: str) -> str:
    """`text` as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def quote_path(path: str) -> str:
    """A file's path as a literal.

    Raises:
        DamagedExport: DuckDB would take it for a pattern of several files.
    """
    if any(mark in path for mark in "*?[]{}"):
        raise DamagedExport(f"{path} cannot be read by DuckDB: move it to a path without *?[]{{}}")
    return quote(path)


def choose(place: str, cases: Sequence[str]) -> str:
    """The expression at the place that a column names, which is one of them, counted from 1."""
    if len(cases) < 2:
        return cases[0] if cases else "NULL"
    branches = " ".join(f"WHEN {number} THEN {case}" for number, case in enumerate(cases, start=1))
    return f"CASE {place} {branches} END"


def is_one_of(column: str, values: list[str]) -> str:
    """Whether a text column has one of these values."""
    return f"{column} IN ({', '.join(quote(value) for value in sorted(values)) or 'NULL'})"
