"""Where balances must stay (I4): after each entry that could bring one down, and at the end.

A job's entry moves every account away from its bound, but for a customer's credits, which are not
judged: a credit limit is a setting of the operator's, and an export does not say what it was. So
balances need to be looked at after the other entries only, with what jobs had posted by then.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Final

from basis.audit.difference import Difference
from basis.rules.accounts import validate_floors
from basis.rules.errors import BasisError
from basis.rules.ledger import AccountPath, Entry

Balances = dict[tuple[str, str], int]
TAKING: Final = frozenset({"rewards_batching", "phase_shared", "adjustment", "reversal"})
"""Kinds of entries that can take from an account on which jobs post."""


class RunningBalances:
    """Balances as one entry of a period follows another.

    `jobs` is what jobs posted by the place of the first of `cuts`, entries by their numbers, that
    came after them.
    """

    def __init__(
        self, opening: Balances, jobs: Mapping[int, Balances], *, cuts: tuple[int, ...]
    ) -> None:
        self.held = opening
        self._jobs = dict(jobs)
        self._cuts = cuts

    def apply(self, name: str, seq: int, entry: Entry) -> None:
        """Books an entry, after the jobs that came before it.

        Raises:
            Difference: a balance is past its bound.
        """
        for place in sorted(self._jobs):
            if place > bisect_left(self._cuts, seq):
                break
            self._join(self._jobs.pop(place))
        for posting in entry.postings:
            key = (str(posting.account), posting.asset)
            self.held[key] = self.held.get(key, 0) + posting.amount_raw
        check_floors(
            name,
            (
                ((str(posting.account), posting.asset), self.held[posting.account, posting.asset])
                for posting in entry.postings
            ),
        )

    def finish(self) -> Balances:
        """All balances, after the jobs that came last."""
        for place in sorted(self._jobs):
            self._join(self._jobs.pop(place))
        return self.held

    def _join(self, sums: Balances) -> None:
        for key, amount_raw in sums.items():
            self.held[key] = self.held.get(key, 0) + amount_raw


def check_floors(name: str, balances: Iterable[tuple[tuple[str, str], int]]) -> None:
    """Accepts balances that are all where the chart wants them, customers' credits apart.

    Raises:
        Difference: the first that is not, or that is on no account of the chart.
    """
    try:
        validate_floors(
            ((AccountPath(account), asset), held_raw) for (account, asset), held_raw in balances
        )
    except BasisError as error:
        raise Difference(f"{name}: {error.message} (I4)") from error
