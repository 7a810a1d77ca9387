"""Turns records into the rows of an export. Prompts and answers are in none of them.

Nor is the key that a job came by: no figure follows from it, and it would tell apart the people
behind one account. Source: docs/reference/export.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from basis.accounting.parquet_file import Value
from basis.rules.export_format import BREAKDOWN_NAMES, UNCHECKED
from basis.rules.receipt import ReceiptCore
from basis.storage.amounts import read_amount
from basis.storage.receipt_details import PointsRecord, ReceiptDetails
from basis.storage.receipt_store import StoredReceipt

Row = dict[str, Value]

_POSTPAID: Row = {
    "terms_hash": "",
    "epoch_hash": "",
    "prompt_price": 0,
    "output_price": 0,
    "basis_raw_per_microcredit": 0,
    "protocol_fee_bps": 0,
    "is_empty_answer_free": False,
    "offer_hash": "",
}
"""Of a job whose epoch says all of this."""

_NO_POINTS = PointsRecord(
    asset="",
    amount_raw="0",
    units=0,
    multiplier_bps=0,
    quality_bps=0,
    latency_bps=0,
    boost_bps=0,
    table="",
    assignment="",
    gpu_name="",
    gpu_count=0,
    gpu_memory_mib=0,
    reason="",
)
"""Of a receipt that is older than points."""


def receipt_row(
    receipt: StoredReceipt,
    *,
    terms_number: int,
    batch_number: int,
    entry_seq: int,
    entry_at: str | None,
) -> Row:
    """All that is published of a receipt, but for the number of its standing.

    `entry_at` is when its job was booked, None if nothing was; `entry_seq` is the number of that
    entry, or 0.
    """
    core, details = receipt.core, receipt.details
    row = _core_row(core)
    row |= {
        "seq": receipt.seq,
        "hash": receipt.recorded_hash,
        "status": receipt.status.value,
        "batch_number": batch_number,
        "has_entry": entry_at is not None,
        "entry_seq": entry_seq,
        "entry_at": entry_at if entry_at is not None else core.created_at,
    }
    row |= _details_row(details)
    row |= _charge_row(receipt, terms_number)
    row |= _points_row(details.points)
    return row


def terms_row(receipt: StoredReceipt) -> Row:
    """The row of the terms by which a receipt was judged, without its number."""
    core, versions, record = receipt.core, receipt.details.versions, receipt.details.charge
    row: Row = {
        "is_postpaid": record is None,
        "catalog": versions.catalog,
        "pricing": versions.pricing,
        "factors": versions.factors,
        "latency_class": versions.latency_class,
        "model_id": core.model_id,
        "multiplier_bps": core.model_multiplier_bps,
    }
    if record is None:
        return row | _POSTPAID
    return row | {
        "terms_hash": record.terms_hash,
        "epoch_hash": record.epoch_hash,
        "prompt_price": read_amount(record.prompt_price, field="promptPrice"),
        "output_price": read_amount(record.output_price, field="outputPrice"),
        "basis_raw_per_microcredit": read_amount(
            record.basis_raw_per_microcredit, field="basisRawPerMicrocredit"
        ),
        "protocol_fee_bps": record.protocol_fee_bps,
        "is_empty_answer_free": record.is_empty_answer_free,
        "offer_hash": record.offer_hash,
    }


def penalty_rows(receipt: StoredReceipt) -> Iterator[Row]:
    """The penalties of a job, in the order in which they are recorded."""
    for place, penalty in enumerate(receipt.details.penalties, start=1):
        yield {
            "receipt_seq": receipt.seq,
            "place": place,
            "reason": penalty.reason,
            "amount_raw": read_amount(penalty.amount_raw, field="amountRaw"),
        }


def verdict_row(receipt: StoredReceipt) -> Row:
    """What was found of the answer: nothing checks answers yet."""
    return {
        "seq": receipt.seq,
        "quality_bps": receipt.details.measured.quality_bps,
        "basis": UNCHECKED,
        "reason": "",
    }


def _core_row(core: ReceiptCore) -> Row:
    return {
        "receipt_version": core.receipt_version,
        "job_id": core.job_id,
        "user_id": core.user_id,
        "user_wallet": core.user_wallet,
        "worker_id": core.worker_id,
        "worker_wallet": core.worker_wallet,
        "model_id": core.model_id,
        "prompt_tokens": core.prompt_tokens,
        "output_tokens": core.output_tokens,
        "latency_ms": core.latency_ms,
        "quality_bps": core.quality_bps,
        "uptime_bps": core.uptime_bps,
        "latency_bps": core.latency_bps,
        "model_multiplier_bps": core.model_multiplier_bps,
        "total_charged_raw": core.total_charged_raw,
        "worker_reward_raw": core.worker_reward_raw,
        "protocol_fee_raw": core.protocol_fee_raw,
        "token_symbol": core.token_symbol,
        "token_address": core.token_address,
        "chain_id": core.chain_id,
        "created_at": core.created_at,
    }


def _details_row(details: ReceiptDetails) -> Row:
    measured, evidence = details.measured, details.evidence
    row: Row = {
        "kind": details.kind,
        "finish_reason": details.finish_reason,
        "failure_reason": details.failure_reason,
        "attempts": details.attempts,
        "measured_quality_bps": measured.quality_bps,
        "online_minutes": measured.online_minutes,
        "first_token_us": measured.first_token_us,
        "inter_token_us": measured.inter_token_us,
        "claimed_prompt_tokens": evidence.claimed_prompt_tokens,
        "claimed_output_tokens": evidence.claimed_output_tokens,
        "runtime": evidence.runtime,
    }
    for name in BREAKDOWN_NAMES:
        row[name] = read_amount(getattr(details.breakdown, name), field=name)
    return row


def _charge_row(receipt: StoredReceipt, terms_number: int) -> Row:
    charge = receipt.details.charge
    penalties = (
        read_amount(penalty.amount_raw, field="amountRaw") for penalty in receipt.details.penalties
    )
    row: Row = {"terms_number": terms_number, "penalty_raw": sum(penalties)}
    if charge is None:
        return row | {
            "microcredits": 0,
            "held_microcredits": 0,
            "locked_at": receipt.core.created_at,
        }
    return row | {
        "microcredits": read_amount(charge.microcredits, field="microcredits"),
        "held_microcredits": read_amount(charge.held_microcredits, field="heldMicrocredits"),
        "locked_at": charge.locked_at,
    }


def _points_row(points: PointsRecord | None) -> Row:
    if points is None:
        points = _NO_POINTS
    return {
        "points_table": points.table,
        "points_asset": points.asset,
        "points_units": points.units,
        "points_multiplier_bps": points.multiplier_bps,
        "points_boost_bps": points.boost_bps,
        "points_assignment": points.assignment,
        "points_gpu_name": points.gpu_name,
        "points_gpu_count": points.gpu_count,
        "points_gpu_memory_mib": points.gpu_memory_mib,
        "points_reason": points.reason,
        "points_raw": read_amount(points.amount_raw, field="pointsRaw"),
    }
