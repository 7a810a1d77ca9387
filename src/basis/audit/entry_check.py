"""Entries whose cause is outside of an export: payments and repairs, held to their shape.

Who paid, and why an operator repaired something, nobody can compute. But a payment moves one
customer's credits and nothing else, an adjustment moves one amount between two accounts that hands
may touch, and a reversal is the opposite of the entry that it names. None happens twice.
"""

from __future__ import annotations

from typing import Final

from basis.audit.difference import Difference, expect_equal
from basis.rules.entries import CREDITS_FUNDED, find_funding_flaw
from basis.rules.errors import BasisError
from basis.rules.ledger import Entry, Posting, make_entry
from basis.rules.repairs import (
    ADJUSTMENT,
    REPAIRS,
    REVERSAL,
    make_reversal,
    remake_adjustment,
    validate_reason,
)

PHASE_KINDS: Final = frozenset({"phase_opened", "phase_shared", "vesting_released"})
"""Of entries that follow from phases."""
_FUNDING: Final = "funding/"
_WITHHELD: Final = "-"
"""Stands for the name of a payment."""


def withheld_cause(postings: tuple[Posting, ...]) -> str:
    """A cause for an entry of a payment whose name is not published: its source is known."""
    sources = [one.account for one in postings if one.account.startswith(_FUNDING)]
    return f"{sources[0].removeprefix(_FUNDING) if sources else ''}/{_WITHHELD}"


class EntryBook:
    """The payments and repairs of a network through its periods; `is_whole` if from the first."""

    def __init__(self) -> None:
        self.is_whole = False
        self._seen: set[bytes] = set()
        self._repairs: dict[str, Entry] = {}

    def check_once(self, name: str, digest: bytes) -> None:
        """Takes the id of an entry, which is no job's.

        Raises:
            Difference: there was one of this id.
        """
        if digest in self._seen:
            raise Difference(f"{name} is booked a second time (I3)")
        self._seen.add(digest)

    def check(self, name: str, entry: Entry, *, reason: str) -> None:
        """Holds an entry that is neither a job's nor a batch's to what one of its kind can be.

        Raises:
            Difference: it cannot have been booked so.
        """
        if (entry.kind in REPAIRS) != bool(reason):
            raise Difference(f"{name} has {'a' if reason else 'no'} reason")
        if entry.kind in PHASE_KINDS:
            return
        try:
            if entry.kind == CREDITS_FUNDED:
                flaw = find_funding_flaw(entry)
                if flaw:
                    raise Difference(f"{name}: {flaw}")
            elif entry.kind in REPAIRS:
                again = self._again(name, entry)
                expect_equal(name, "postings", recorded=entry.postings, recomputed=again.postings)
                validate_reason(reason)
                self._repairs[entry.id] = entry
            else:
                raise Difference(f"{name} is of no kind that basis books")
        except BasisError as error:
            raise Difference(f"{name} cannot have been booked: {error.message}") from error

    def _again(self, name: str, entry: Entry) -> Entry:
        if entry.kind == REVERSAL:
            recorded = self._repairs.get(entry.cause)
            if recorded is None and self.is_whole:
                raise Difference(f"{name} takes back an entry that is not there")
            return make_reversal(_opposite(entry) if recorded is None else recorded)
        again = remake_adjustment(entry)
        if again is None:
            raise Difference(f"{name} does not move between two accounts")
        return again


def _opposite(entry: Entry) -> Entry:
    """What a reversal takes back, where that was booked before the first period that is given."""
    return make_entry(
        kind=ADJUSTMENT,
        cause=entry.cause,
        postings=[
            Posting(account=one.account, asset=one.asset, amount_raw=-one.amount_raw)
            for one in entry.postings
        ],
    )
