"""How the recompute says that a figure on record is not the one that follows from the others."""

from __future__ import annotations


class Difference(Exception):
    """The first figure that differs; the message is the sentence that says so."""


def expect_equal(name: str, what: str, *, recorded: object, recomputed: object) -> None:
    """Accepts a figure of the record `name` that is as it follows.

    Raises:
        Difference: it is not.
    """
    if recorded != recomputed:
        raise Difference(f"{name}: {what} is recorded as {recorded}, recomputed as {recomputed}")
