"""Phases as recorded: terms, steps, counted points, exclusions, released parts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from basis.rules.errors import NotFound
from basis.rules.phase_steps import CountedReceipts, Phase
from basis.rules.phases import PHASE_RULES_VERSION, Exclusion, PhaseId
from basis.rules.wallet import Wallet
from basis.storage.damaged import AnyRow
from basis.storage.phase_rows import as_exclusion, as_phase, as_points, as_pool, as_release
from basis.storage.phase_tables import (
    phase_exclusions,
    phase_points,
    phase_pools,
    phase_releases,
    phases,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPhase:
    """A phase, the SHA-256 of its final file ("" until it is final), and the parts released."""

    phase: Phase
    file_hash: str
    released: tuple[int, ...]


def store_new_phase(connection: Connection, phase: Phase) -> None:
    """Records a phase that has just been opened."""
    terms, vesting = phase.terms, phase.terms.vesting
    connection.execute(
        insert(phases).values(
            id=terms.id,
            rules=PHASE_RULES_VERSION,
            status=phase.status.value,
            starts_at=terms.starts_at,
            ends_at=terms.ends_at,
            appeal_days=terms.appeal_days,
            vesting_from=vesting.starts_at,
            cliff_days=vesting.cliff_days,
            parts=vesting.parts,
            interval_days=vesting.interval_days,
            opened_at=phase.opened_at,
            closed_at="",
            final_at="",
            closing=0,
            receipt_count=0,
            late_count=0,
            last_seq=0,
            receipts_hash="",
            points_tables="[]",
            file_hash="",
        )
    )
    connection.execute(
        insert(phase_pools),
        [
            {
                "phase_id": terms.id,
                "name": pool.name,
                "points_asset": pool.points_asset,
                "amount_raw": str(pool.amount_raw),
            }
            for pool in terms.pools
        ],
    )


def store_closed(connection: Connection, phase: Phase, counted: CountedReceipts) -> None:
    """Records that a phase is closed, over which receipts, and the points that they gave."""
    connection.execute(
        update(phases)
        .where(phases.c.id == phase.terms.id)
        .values(
            status=phase.status.value,
            closed_at=phase.closed_at,
            closing=counted.closing,
            receipt_count=counted.count,
            late_count=counted.late_count,
            last_seq=counted.last_seq,
            receipts_hash=counted.hash,
            points_tables=msgspec.json.encode(counted.tables).decode(),
        )
    )
    rows = [
        {
            "phase_id": phase.terms.id,
            "pool": pool,
            "wallet": wallet,
            "points_raw": str(points_raw),
        }
        for (pool, wallet), points_raw in sorted(phase.points.items())
        if points_raw
    ]
    if rows:
        connection.execute(insert(phase_points), rows)


def store_final(connection: Connection, phase: Phase, *, file_hash: str) -> None:
    """Records that a phase is final, and the hash of what is published of it."""
    connection.execute(
        update(phases)
        .where(phases.c.id == phase.terms.id)
        .values(status=phase.status.value, final_at=phase.final_at, file_hash=file_hash)
    )


def store_exclusion(connection: Connection, phase_id: PhaseId, exclusion: Exclusion) -> None:
    """Records an exclusion, or what became of its appeal."""
    connection.execute(
        delete(phase_exclusions).where(
            (phase_exclusions.c.phase_id == phase_id)
            & (phase_exclusions.c.wallet == exclusion.wallet)
        )
    )
    appeal = exclusion.appeal
    connection.execute(
        insert(phase_exclusions).values(
            phase_id=phase_id,
            wallet=exclusion.wallet,
            reason=exclusion.reason.value,
            evidence=exclusion.evidence,
            excluded_at=exclusion.excluded_at,
            appeal_text=appeal.text if appeal else "",
            filed_at=appeal.filed_at if appeal else "",
            decision=appeal.decision.value if appeal else "",
            decision_reason=appeal.reason if appeal else "",
            decided_at=appeal.decided_at if appeal else "",
        )
    )


def store_release(
    connection: Connection, phase_id: PhaseId, *, number: int, released_at: str
) -> None:
    """Records that a part of a phase has been released."""
    connection.execute(
        insert(phase_releases).values(phase_id=phase_id, number=number, released_at=released_at)
    )


def load_phase(connection: Connection, phase_id: str, *, with_points: bool = True) -> StoredPhase:
    """The phase of this id; without its points, if only its steps matter.

    Raises:
        NotFound: there is none.
        DamagedRecord: it cannot be read.
    """
    row = connection.execute(select(phases).where(phases.c.id == phase_id)).first()
    if row is None:
        raise NotFound(f"there is no phase {phase_id[:40]!r}; `basis phase show` lists them")
    return _complete(connection, row, with_points=with_points)


def find_phase(connection: Connection, phase_id: str) -> StoredPhase | None:
    """The phase of this id, or None.

    Raises:
        DamagedRecord: it cannot be read.
    """
    row = connection.execute(select(phases).where(phases.c.id == phase_id)).first()
    return None if row is None else _complete(connection, row)


def load_phases(connection: Connection) -> list[StoredPhase]:
    """Every phase, by start and id, without its points: `load_phase` has them."""
    rows = connection.execute(select(phases).order_by(phases.c.starts_at, phases.c.id)).all()
    return [_complete(connection, row, with_points=False) for row in rows]


def load_phase_ids(connection: Connection) -> list[PhaseId]:
    """The ids of every phase, in the order in which they start."""
    query = select(phases.c.id).order_by(phases.c.starts_at, phases.c.id)
    return [PhaseId(name) for name in connection.execute(query).scalars()]


def load_wallet_points(connection: Connection, wallet: Wallet) -> dict[str, dict[str, int]]:
    """What closed phases counted of a wallet: points by pool's name, by phase."""
    query = (
        select(phase_points)
        .where(phase_points.c.wallet == wallet)
        .order_by(phase_points.c.phase_id, phase_points.c.pool)
    )
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in connection.execute(query):
        phase_id, key, points_raw = as_points(row)
        found[phase_id][key[0]] = points_raw
    return dict(found)


def _complete(connection: Connection, row: AnyRow, *, with_points: bool = True) -> StoredPhase:
    phase_id = row.id
    pools = connection.execute(
        select(phase_pools).where(phase_pools.c.phase_id == phase_id).order_by(phase_pools.c.name)
    )
    exclusions = connection.execute(
        select(phase_exclusions)
        .where(phase_exclusions.c.phase_id == phase_id)
        .order_by(phase_exclusions.c.wallet)
    )
    points = (
        connection.execute(select(phase_points).where(phase_points.c.phase_id == phase_id))
        if with_points
        else ()
    )
    released = connection.execute(
        select(phase_releases)
        .where(phase_releases.c.phase_id == phase_id)
        .order_by(phase_releases.c.number)
    )
    return StoredPhase(
        phase=as_phase(
            row,
            pools=tuple(map(as_pool, pools)),
            points=dict(as_points(one)[1:] for one in points),
            exclusions=tuple(map(as_exclusion, exclusions)),
        ),
        file_hash=row.file_hash,
        released=tuple(map(as_release, released)),
    )
