"""The orchestrator's own words, made fit for a line of the log and for the panel."""

from __future__ import annotations

_LONGEST = 300


def shorten(text: str) -> str:
    """`text` on one line without control characters, 300 characters at most."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * _LONGEST]).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."
