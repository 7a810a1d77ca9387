"""Holdings snapshots over the periods that are given: none vanishes, none comes after the fact.

Snapshots are recorded in the order of their times, and a period has of each measure the one that
counted at its first receipt with points and those that came to count up to its last one. So what
one period tells of a time, every other one has to tell of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from basis.audit.boost_records import Snapshot
from basis.audit.difference import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a period has; `first` and `last` are times of its receipts with points, or ""."""

    name: str
    first: str
    last: str
    numbers: frozenset[int]


class SnapshotHistory:
    """All snapshots of the periods so far, by their numbers."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Snapshot, str]] = {}
        """With the period that told of it first."""
        self._periods: list[_Told] = []

    def add(self, name: str, snapshots: Sequence[Snapshot], *, first: str, last: str) -> None:
        """Takes the snapshots of a period, whose jobs with points were accepted in this time.

        Raises:
            Difference: a period so far lacks one that counted in it, or has one that did not.
        """
        for snapshot in snapshots:
            self._known.setdefault(snapshot.number, (snapshot, name))
        numbers = frozenset(snapshot.number for snapshot in snapshots)
        self._periods.append(_Told(name=name, first=first, last=last, numbers=numbers))
        self._check_order()
        for told in self._periods:
            self._check_period(told)

    def _check_order(self) -> None:
        newest: Snapshot | None = None
        for _number, (snapshot, name) in sorted(self._known.items(), key=lambda item: item[0]):
            if newest is not None and snapshot.effective_at < newest.effective_at:
                raise Difference(
                    f"{name}: holdings snapshot number {snapshot.number} takes effect before "
                    f"number {newest.number}"
                )
            newest = snapshot

    def _check_period(self, told: _Told) -> None:
        due = self._due(told)
        for number in sorted(due - told.numbers):
            teller = self._known[number][1]
            raise Difference(
                f"{told.name} lacks holdings snapshot number {number}, which counted for its jobs "
                f"as {teller} has it"
            )
        for number in sorted(told.numbers - due):
            raise Difference(
                f"{told.name} has holdings snapshot number {number}, which counted for none of "
                f"its jobs"
            )

    def _due(self, told: _Told) -> set[int]:
        """Those that counted at some time from its first to its last receipt."""
        due: set[int] = set()
        begun: dict[str, int] = {}
        if not told.last:
            return due
        for number, (snapshot, _name) in sorted(self._known.items(), key=lambda item: item[0]):
            if snapshot.effective_at <= told.first:
                begun[snapshot.measure.value] = number
            elif snapshot.effective_at <= told.last:
                due.add(number)
        return due | set(begun.values())
