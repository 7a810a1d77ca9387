"""The points of a job: from the facts that count for them to the record on the receipt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from basis.rules.entries import EarnedPoints
from basis.rules.factors import Factors
from basis.rules.gpus import ClaimedGpu
from basis.rules.job import JobStatus
from basis.rules.points import NO_BOOST, PointsBreakdown, compute_llm_points
from basis.rules.points_tables import POINTS_TABLES, points_table_of_version
from basis.rules.units import Bps, TokenCount
from basis.storage.receipt_details import PointsRecord
from basis.storage.receipt_store import StoredReceipt


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsFacts:
    """What points depend on beside the job itself.

    `assignment` is the hash of the record that the boost follows from. The GPUs are what the
    worker claimed when it linked; none is a `gpu_count` of 0.
    """

    table: str = POINTS_TABLES[-1].version
    boost_bps: Bps = NO_BOOST
    assignment: str = ""
    gpu_name: str = ""
    gpu_count: int = 0
    gpu_memory_mib: int = 0

    @property
    def gpus(self) -> tuple[ClaimedGpu, ...]:
        """The cards as the rules take them: as one, since only their memory together counts."""
        if self.gpu_count == 0:
            return ()
        return (ClaimedGpu(name=self.gpu_name, memory_mib=self.gpu_memory_mib),)


UNBOOSTED: Final = PointsFacts()
"""Of a worker without GPUs whose owner holds nothing that counts."""


def judge_text_points(
    facts: PointsFacts,
    *,
    status: JobStatus,
    worker_wallet: str,
    model_id: str,
    multiplier_bps: Bps,
    prompt_tokens: TokenCount,
    output_tokens: TokenCount,
    factors: Factors,
    is_charged: bool,
) -> PointsBreakdown:
    """The Llama Points of a text or embedding job.

    A model that the table has no row for counts with the multiplier that it was priced with.

    Raises:
        InvalidInput: the facts name a table that was never published.
    """
    return compute_llm_points(
        points_table_of_version(facts.table),
        status=status,
        worker_wallet=worker_wallet,
        model_id=model_id,
        catalog_multiplier_bps=multiplier_bps,
        prompt_tokens=prompt_tokens,
        output_tokens=output_tokens,
        quality_bps=factors.quality_bps,
        latency_bps=factors.latency_bps,
        boost_bps=facts.boost_bps,
        gpus=facts.gpus,
        is_charged=is_charged,
    )


def earned_points(points: PointsBreakdown | None) -> EarnedPoints | None:
    """What the ledger has to issue; None if it is nothing."""
    if points is None or points.amount_raw == 0:
        return None
    return EarnedPoints(asset=points.asset, amount_raw=points.amount_raw)


def points_record(facts: PointsFacts | None, points: PointsBreakdown | None) -> PointsRecord | None:
    """The points in the form in which a receipt keeps them; None where none were judged."""
    if facts is None or points is None:
        return None
    return PointsRecord(
        asset=points.asset,
        amount_raw=str(points.amount_raw),
        units=points.units,
        multiplier_bps=points.multiplier_bps,
        quality_bps=points.quality_bps,
        latency_bps=points.latency_bps,
        boost_bps=points.boost_bps,
        table=points.table,
        assignment=facts.assignment,
        gpu_name=facts.gpu_name,
        gpu_count=facts.gpu_count,
        gpu_memory_mib=facts.gpu_memory_mib,
        reason=points.reason.value,
    )


def points_facts_of(receipt: StoredReceipt) -> PointsFacts | None:
    """What a receipt's points depended on; None if it is older than points."""
    record = receipt.details.points
    if record is None:
        return None
    return PointsFacts(
        table=record.table,
        boost_bps=Bps(record.boost_bps),
        assignment=record.assignment,
        gpu_name=record.gpu_name,
        gpu_count=record.gpu_count,
        gpu_memory_mib=record.gpu_memory_mib,
    )
