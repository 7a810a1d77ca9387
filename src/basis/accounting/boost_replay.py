"""Holds the boost on a receipt to the snapshots that counted for its job.

What it finds: a boost that is not the assignment's; an assignment that does not follow from what it
says was held and claimed, or is of another owner or by other tables; a snapshot that did not count
for the job; a holding that the snapshot does not have; an owner who held something and was not
boosted. It cannot see whether the claimed GPUs were there, which of the owner's other workers were
linked, or whether a snapshot is what the chain says: any archive node tells the last.
Memory stays flat: of snapshots and assignments a few are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy import Connection

from basis.accounting.boost_snapshots import (
    Holdings,
    find_in_force,
    find_source,
    load_heads_by_measure,
    load_holdings,
)
from basis.accounting.difference import Difference, expect_equal
from basis.rules.assignments import NO_ASSIGNMENT
from basis.rules.boost_tables import boost_tables_in_force
from basis.rules.boosts import BoostAssignment, Source, recompute_assignment
from basis.rules.errors import InvalidInput, NotFound
from basis.rules.holdings import SnapshotHash
from basis.rules.units import WHOLE_BPS
from basis.storage.holdings_store import load_assignment

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_SNAPSHOTS_KEPT: Final = 4
_ASSIGNMENTS_KEPT: Final = 10_000


class BoostReplay:
    """One pass over the receipts in `connection`, which should be one read transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._heads = load_heads_by_measure(connection)
        self._holdings: OrderedDict[SnapshotHash, Holdings] = OrderedDict()
        self._assignments: OrderedDict[str, BoostAssignment] = OrderedDict()

    def expect(
        self,
        name: str,
        *,
        worker_id: str,
        wallet: str,
        accepted_at: str,
        boost_bps: int,
        assignment: str,
    ) -> None:
        """Accepts the boost of the receipt `name` if it is as it follows.

        Raises:
            Difference: it is not.
            DamagedRecord: a snapshot or an assignment is not what its hash says.
        """
        tables = boost_tables_in_force(accepted_at)
        sources: list[Source] = []
        for head in find_in_force(self._heads, tables, at=accepted_at) if tables else ():
            source = find_source(head, self._holdings_of(head.hash), wallet)
            if source is not None:
                sources.append(source)
        if assignment == NO_ASSIGNMENT or tables is None or not sources:
            expect_equal(name, "boost", recorded=boost_bps, recomputed=WHOLE_BPS)
            expect_equal(name, "assignment", recorded=assignment, recomputed=NO_ASSIGNMENT)
            if sources:
                raise Difference(
                    f"{name}: its worker's owner {wallet} held what counts by the snapshot "
                    f"{sources[0].snapshot_hash}, and was not boosted"
                )
            return
        recorded = self._assignment_of(name, assignment)
        expect_equal(name, "owner", recorded=recorded.wallet, recomputed=wallet)
        expect_equal(
            name, "boost tables", recorded=recorded.tables_version, recomputed=tables.version
        )
        held = sorted((grant.source for grant in recorded.grants), key=lambda one: one.measure)
        expect_equal(
            name,
            "holdings",
            recorded=held,
            recomputed=sorted(sources, key=lambda one: one.measure),
        )
        expect_equal(name, "boost", recorded=boost_bps, recomputed=recorded.boost_of(worker_id))

    def _assignment_of(self, name: str, assignment_hash: str) -> BoostAssignment:
        def load() -> BoostAssignment:
            try:
                recorded = load_assignment(self._connection, assignment_hash).assignment
                again = recompute_assignment(recorded)
            except NotFound as error:
                raise Difference(
                    f"{name} names the boost assignment {assignment_hash[:64]}, which is not on "
                    f"record"
                ) from error
            except InvalidInput as error:
                raise Difference(f"boost assignment {assignment_hash}: {error.message}") from error
            if again != recorded:
                raise Difference(
                    f"boost assignment {assignment_hash} does not follow from what it says was "
                    f"held and claimed"
                )
            return recorded

        return _remember(self._assignments, assignment_hash, load, most=_ASSIGNMENTS_KEPT)

    def _holdings_of(self, snapshot_hash: SnapshotHash) -> Holdings:
        return _remember(
            self._holdings,
            snapshot_hash,
            lambda: load_holdings(self._connection, snapshot_hash),
            most=_SNAPSHOTS_KEPT,
        )


def _remember(
    known: OrderedDict[_Key, _Value], key: _Key, load: Callable[[], _Value], *, most: int
) -> _Value:
    """What `known` has under `key`, or what `load` gives; the longest unused is forgotten."""
    if key not in known:
        known[key] = load()
        if len(known) > most:
            known.popitem(last=False)
    known.move_to_end(key)
    return known[key]
