"""How fast a worker has been with one model lately, as the gateway measured it; kept in memory.

Time over tokens of whole answers, from the sending of the job to its last frame: a worker that
holds an answer back and sends it at once looks no faster than it is.
"""

from __future__ import annotations

from dataclasses import dataclass

_KEPT = 7
_PARTS = 8
"""With each answer what came before counts for an eighth less, so that no single one decides."""
_PER_TOKEN = 1_000
"""Tokens are counted in thousandths, so that what is kept of one does not round to nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Decaying sums: long answers count for more than short ones, as they should."""

    busy_us: int = 0
    token_parts: int = 0

    def after(self, *, busy_us: int, tokens: int) -> Pace:
        """The pace once one more answer of so many tokens took so long."""
        return Pace(
            busy_us=self.busy_us * _KEPT // _PARTS + busy_us,
            token_parts=self.token_parts * _KEPT // _PARTS + tokens * _PER_TOKEN,
        )

    @property
    def token_us(self) -> int | None:
        """Microseconds per token, rounded down; None as long as nothing was measured."""
        return self.busy_us * _PER_TOKEN // self.token_parts if self.token_parts else None


UNMEASURED = Pace()
