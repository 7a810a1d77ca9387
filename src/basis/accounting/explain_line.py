"""One line of an explanation: what was computed, from which numbers, by which dated table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TOKENS: Final = "tokens"
MICROCREDITS: Final = "micro-credits"
PER_MILLION: Final = "micro-credits per million tokens"
BASIS_RAW: Final = "base units of BASIS"
BPS: Final = "bps"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainLine:
    """A step from tokens to base units.

    `formula` is arithmetic on whole numbers alone: + - * / and brackets, `ceil`, `floor`, `min`
    and `max`, where a division is always inside a `ceil` or `floor`. It comes to `result`, which
    is decimal text where there is a formula. It is "" where the figure was counted, measured,
    looked up or agreed on; then `note` says how. `table` and `date` are "" where no table decides.
    """

    step: str
    """tokens, price, charge, reward, points, ledger or batch."""
    label: str
    result: str
    unit: str = ""
    formula: str = ""
    table: str = ""
    date: str = ""
    """From when on the table is in force; "" too of one that ships without a date."""
    note: str = ""
