"""Makes phases, pools, points and exclusions of the rows that keep them."""

from __future__ import annotations

import msgspec

from basis.rules.errors import DamagedRecord
from basis.rules.phase_steps import CountedReceipts, Phase, PhaseStatus
from basis.rules.phases import (
    PHASE_RULES_VERSION,
    Appeal,
    AppealDecision,
    Exclusion,
    ExclusionReason,
    PhaseId,
    PhasePool,
    PhaseTerms,
)
from basis.rules.vesting import VestingTerms
from basis.rules.wallet import Wallet
from basis.storage.amounts import read_amount
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.phase_tables import (
    phase_exclusions,
    phase_points,
    phase_pools,
    phase_releases,
    phases,
)


def as_phase(
    row: AnyRow,
    *,
    pools: tuple[PhasePool, ...],
    points: dict[tuple[str, Wallet], int],
    exclusions: tuple[Exclusion, ...],
) -> Phase:
    """The phase of a row of `phases`, with what stands in the other tables."""
    status, counted = _as_state(row)
    return Phase(
        terms=PhaseTerms(
            id=PhaseId(row.id),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            appeal_days=row.appeal_days,
            pools=pools,
            vesting=VestingTerms(
                starts_at=row.vesting_from,
                cliff_days=row.cliff_days,
                parts=row.parts,
                interval_days=row.interval_days,
            ),
        ),
        status=status,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        final_at=row.final_at,
        counted=counted,
        points=points,
        exclusions=exclusions,
    )


@reads_rows_of(phases)
def _as_state(row: AnyRow) -> tuple[PhaseStatus, CountedReceipts | None]:
    if row.rules != PHASE_RULES_VERSION:
        raise DamagedRecord(f"its rules are {row.rules!r}, which this version does not know")
    status = PhaseStatus(row.status)
    if not row.closing:
        return status, None
    return status, CountedReceipts(
        closing=row.closing,
        count=row.receipt_count,
        late_count=row.late_count,
        last_seq=row.last_seq,
        hash=row.receipts_hash,
        tables=msgspec.json.decode(row.points_tables, type=tuple[str, ...]),
    )


@reads_rows_of(phase_pools)
def as_pool(row: AnyRow) -> PhasePool:
    """A pool of a phase."""
    return PhasePool(
        name=row.name,
        points_asset=row.points_asset,
        amount_raw=read_amount(row.amount_raw, field="amount_raw"),
    )


@reads_rows_of(phase_points)
def as_points(row: AnyRow) -> tuple[str, tuple[str, Wallet], int]:
    """The phase, pool and wallet of counted points, and how many they are."""
    points_raw = read_amount(row.points_raw, field="points_raw")
    return row.phase_id, (row.pool, Wallet(row.wallet)), points_raw


@reads_rows_of(phase_exclusions)
def as_exclusion(row: AnyRow) -> Exclusion:
    """An exclusion with what became of it."""
    appeal = None
    if row.decision:
        appeal = Appeal(
            text=row.appeal_text,
            filed_at=row.filed_at,
            decision=AppealDecision(row.decision),
            reason=row.decision_reason,
            decided_at=row.decided_at,
        )
    return Exclusion(
        wallet=Wallet(row.wallet),
        reason=ExclusionReason(row.reason),
        evidence=row.evidence,
        excluded_at=row.excluded_at,
        appeal=appeal,
    )


@reads_rows_of(phase_releases)
def as_release(row: AnyRow) -> int:
    """The number of a released part."""
    return int(row.number)
