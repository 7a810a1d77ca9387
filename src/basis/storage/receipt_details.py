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
    and on records older than 2026-11-23.
    """

    finish_reason: str
    failure_reason: str
    attempts: int
    breakdown: BreakdownRecord
    measured: MeasurementRecord
    versions: VersionRecord
    evidence: EvidenceRecord
    kind: str = ""
