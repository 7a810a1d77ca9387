"""How an audit says that a published figure is not the one that follows from the others."""

from __future__ import annotations


class Difference(Exception):
    """The first figure that differs; the message is the sentence that says so."""


def expect_equal(name: str, what: str, *, recorded: object, recomputed: object) -> None:
    """Accepts a figure of the record `name` that is as it follows.

    Raises:
        Difference: it is not.
    """
    if recorded != recomputed:
        raise differs(name, what, recorded=recorded, recomputed=recomputed)


def differs(name: str, what: str, *, recorded: object, recomputed: object) -> Difference:
    """The sentence about one figure; both engines say it in the same words."""
    return Difference(f"{name}: {what} is recorded as {recorded}, recomputed as {recomputed}")


def receipt_name(seq: int, job_id: str) -> str:
    """How both engines name a receipt."""
    return f"receipt number {seq} (job {job_id})"
