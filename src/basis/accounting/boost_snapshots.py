"""Which snapshots count for a job, and what an owner holds by them: for the book and its audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from basis.rules.boost_tables import BoostTables, rule_in_force
from basis.rules.boosts import Source
from basis.rules.holdings import Measure, SnapshotHash
from basis.rules.wallet import Wallet
from basis.storage.holdings_store import SnapshotHead, load_heads, load_snapshot

HeadsByMeasure = Mapping[Measure, Sequence[SnapshotHead]]
"""Each measure's snapshots in the order in which they were recorded, which is that of their effect.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """The wallets of a snapshot that hold something, with the decimals of that."""

    amounts: Mapping[Wallet, int]
    decimals: int


def load_heads_by_measure(connection: Connection) -> HeadsByMeasure:
    """Every snapshot on record, without its holdings."""
    heads: dict[Measure, list[SnapshotHead]] = {}
    for head in load_heads(connection):
        heads.setdefault(head.measure, []).append(head)
    return heads


def load_holdings(connection: Connection, snapshot_hash: SnapshotHash) -> Holdings:
    """What the snapshot of this hash says.

    Raises:
        DamagedRecord: it is not what its hash says.
    """
    snapshot = load_snapshot(connection, snapshot_hash).snapshot
    return Holdings(
        amounts={one.wallet: one.amount_raw for one in snapshot.holdings if one.amount_raw},
        decimals=snapshot.decimals,
    )


def find_in_force(heads: HeadsByMeasure, tables: BoostTables, *, at: str) -> list[SnapshotHead]:
    """The snapshots that count for a job accepted at `at`, at most one for a measure."""
    found: list[SnapshotHead] = []
    for measure in Measure:
        if rule_in_force(tables, measure, at=at) is None:
            continue
        # Almost always it is the newest, so the search begins there.
        for head in reversed(heads.get(measure, ())):
            if head.effective_at <= at:
                found.append(head)
                break
    return found


def find_source(head: SnapshotHead, holdings: Holdings, wallet: str) -> Source | None:
    """What the wallet holds by the snapshot; None where that is nothing."""
    amount_raw = holdings.amounts.get(Wallet(wallet), 0)
    if not amount_raw:
        return None
    return Source(
        measure=head.measure,
        snapshot_hash=head.hash,
        amount_raw=amount_raw,
        decimals=holdings.decimals,
    )
