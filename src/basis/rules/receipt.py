"""The receipt: the immutable economic core of one finished job, and its hash.

Exactly one per job. Status, signature, measurements and settlement pointers are outside the hash.
The 21 fields, their JSON names and SHA-256 over canonical JSON never change in place: another
format is another `receiptVersion`.
Source: mission N15; docs/decisions/0003-receipt-format.md; vectors/receipt.json.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import NewType

from basis.rules.canonical import canonical_json, sha256_hex
from basis.rules.errors import InvalidInput
from basis.rules.job import JobId, UserId, WorkerId
from basis.rules.units import AmountRaw, Bps, TokenCount

ReceiptHash = NewType("ReceiptHash", str)
"""64 lower-case hex digits."""

RECEIPT_VERSION = 1
CHAIN_ID = 8453
"""Base mainnet. Source: mission N15."""

_ISO_MILLIS = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptCore:
    """What is hashed. Identity fields are "" where there is none (a job that no worker took)."""

    job_id: JobId
    user_id: UserId
    user_wallet: str
    worker_id: WorkerId
    worker_wallet: str
    model_id: str
    prompt_tokens: TokenCount
    output_tokens: TokenCount
    latency_ms: int
    quality_bps: Bps
    uptime_bps: Bps
    latency_bps: Bps
    model_multiplier_bps: Bps
    total_charged_raw: AmountRaw
    worker_reward_raw: AmountRaw
    protocol_fee_raw: AmountRaw
    token_symbol: str
    token_address: str
    created_at: str
    chain_id: int = CHAIN_ID
    receipt_version: int = RECEIPT_VERSION


def core_json(core: ReceiptCore) -> dict[str, str | int]:
    """The core under its published names; amounts are decimal strings in base units."""
    return {
        "receiptVersion": core.receipt_version,
        "jobId": core.job_id,
        "userId": core.user_id,
        "userWallet": core.user_wallet,
        "workerId": core.worker_id,
        "workerWallet": core.worker_wallet,
        "modelId": core.model_id,
        "promptTokens": core.prompt_tokens,
        "outputTokens": core.output_tokens,
        "latencyMs": core.latency_ms,
        "qualityBps": core.quality_bps,
        "uptimeBps": core.uptime_bps,
        "latencyBps": core.latency_bps,
        "modelMultiplierBps": core.model_multiplier_bps,
        "totalChargedRaw": str(core.total_charged_raw),
        "workerRewardRaw": str(core.worker_reward_raw),
        "protocolFeeRaw": str(core.protocol_fee_raw),
        "tokenSymbol": core.token_symbol,
        "tokenAddress": core.token_address,
        "chainId": core.chain_id,
        "createdAt": core.created_at,
    }


def compute_receipt_hash(core: ReceiptCore) -> ReceiptHash:
    """SHA-256 over the canonical JSON of `core`.

    Raises:
        InvalidInput: a negative number, or a time that is not ISO 8601 in UTC with milliseconds.
    """
    validate_core(core)
    return ReceiptHash(sha256_hex(canonical_json(core_json(core))))


def canonical_core(
    receipt_version: int,
    job_id: str,
    user_id: str,
    user_wallet: str,
    worker_id: str,
    worker_wallet: str,
    model_id: str,
    prompt_tokens: int,
    output_tokens: int,
    latency_ms: int,
    quality_bps: int,
    uptime_bps: int,
    latency_bps: int,
    model_multiplier_bps: int,
    total_charged_raw: int,
    worker_reward_raw: int,
    protocol_fee_raw: int,
    token_symbol: str,
    token_address: str,
    chain_id: int,
    created_at: str,
) -> bytes:
    """The bytes that `compute_receipt_hash` hashes, from the fields in their published order.

    By position and on plain values, since an auditor calls it per receipt: the keys stand sorted
    here already. Nothing is validated.

    Raises:
        UnicodeEncodeError: a lone surrogate.
    """
    text = encode_basestring
    return (
        f'{{"chainId":{chain_id},"createdAt":{text(created_at)},"jobId":{text(job_id)},'
        f'"latencyBps":{latency_bps},"latencyMs":{latency_ms},"modelId":{text(model_id)},'
        f'"modelMultiplierBps":{model_multiplier_bps},"outputTokens":{output_tokens},'
        f'"promptTokens":{prompt_tokens},"protocolFeeRaw":"{protocol_fee_raw}",'
        f'"qualityBps":{quality_bps},"receiptVersion":{receipt_version},'
        f'"tokenAddress":{text(token_address)},"tokenSymbol":{text(token_symbol)},'
        f'"totalChargedRaw":"{total_charged_raw}","uptimeBps":{uptime_bps},'
        f'"userId":{text(user_id)},"userWallet":{text(user_wallet)},'
        f'"workerId":{text(worker_id)},"workerRewardRaw":"{worker_reward_raw}",'
        f'"workerWallet":{text(worker_wallet)}}}'
    ).encode()


def validate_core(core: ReceiptCore) -> None:
    """Refuses a core that no job can have produced.

    Raises:
        InvalidInput: it names the field.
    """
    counts = {name: value for name, value in core_json(core).items() if isinstance(value, int)}
    amounts = {
        "totalChargedRaw": core.total_charged_raw,
        "workerRewardRaw": core.worker_reward_raw,
        "protocolFeeRaw": core.protocol_fee_raw,
    }
    for name, value in {**counts, **amounts}.items():
        if value < 0:
            raise InvalidInput(f"{name} is {value}: it cannot be negative", param=name)
    if core.worker_reward_raw + core.protocol_fee_raw > core.total_charged_raw:
        raise InvalidInput("reward and fee exceed the charge", param="workerRewardRaw")
    if not _ISO_MILLIS.fullmatch(core.created_at):
        raise InvalidInput(
            f"createdAt is {core.created_at!r}: expected 2026-01-31T12:00:00.000Z",
            param="createdAt",
        )
