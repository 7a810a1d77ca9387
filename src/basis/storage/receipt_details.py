"""What a receipt's record keeps outside the hash: why it is as it is."""

from __future__ import annotations

import msgspec


class BreakdownRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Every component of the reward, as decimal strings of base units."""

    charge_raw: str
    fee_raw: str
    pool_raw: str
    gross_raw: str
    penalty_collected_raw: str
    penalty_owed_raw: str
    reward_raw: str
    unearned_raw: str
    dust_raw: str


class PenaltyRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A penalty and the finding that it follows from."""

    reason: str
    amount_raw: str


class ChargeRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the customer was charged in credits, and the terms that say why.

    Epoch, model and multiplier of the terms stand elsewhere on the receipt. `locked_at` is when
    the terms were fixed: at acceptance, or by the quote that the customer took up.
    """

    microcredits: str
    held_microcredits: str
    prompt_price: str
    output_price: str
    basis_raw_per_microcredit: str
    protocol_fee_bps: int
    is_empty_answer_free: bool
    epoch_hash: str
    offer_hash: str
    terms_hash: str
    locked_at: str


class PointsRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The points of the job, and what they were computed from.

    `reason` says why there are none; "" where there are some. `assignment` is the hash of the
    record that the boost follows from; "" where nothing is boosted. The GPUs are what the worker
    claimed when it linked, their memory together.
    """

    asset: str
    amount_raw: str
    units: int
    multiplier_bps: int
    quality_bps: int
    latency_bps: int
    boost_bps: int
    table: str
    assignment: str
    gpu_name: str
    gpu_count: int
    gpu_memory_mib: int
    reason: str


class MeasurementRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the factors were looked up from."""

    quality_bps: int
    online_minutes: int
    first_token_us: int
    inter_token_us: int


class VersionRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which dated tables were in force."""

    catalog: str
    pricing: str
    factors: str
    latency_class: str


class EvidenceRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the worker said of itself; it pays nothing."""

    claimed_prompt_tokens: int = 0
    claimed_output_tokens: int = 0
    runtime: str = ""


class ReceiptDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All of it; texts are "" where they do not apply.

    `kind` is what was asked for: "chat", "completion" or "embedding"; "" of a job that was lost,
    and on records older than 2026-11-23. `charge` and `points` are None on records older than
    credits and points, and `key_id` is "" there.
    """

    finish_reason: str
    failure_reason: str
    attempts: int
    breakdown: BreakdownRecord
    measured: MeasurementRecord
    versions: VersionRecord
    evidence: EvidenceRecord
    kind: str = ""
    key_id: str = ""
    penalties: tuple[PenaltyRecord, ...] = ()
    charge: ChargeRecord | None = None
    points: PointsRecord | None = None
