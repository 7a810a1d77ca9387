"""The receipt's core, its canonical bytes and its hash, by vectors/receipt.json."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields

import pytest
from rule_vectors import Case, vector_cases

from basis.rules.canonical import canonical_json
from basis.rules.errors import InvalidInput
from basis.rules.job import JobId, UserId, WorkerId
from basis.rules.receipt import (
    CHAIN_ID,
    RECEIPT_VERSION,
    ReceiptCore,
    compute_receipt_hash,
    core_json,
    validate_core,
)
from basis.rules.units import AmountRaw, Bps, TokenCount


def _core(case: Case) -> ReceiptCore:
    core = case["core"]
    return ReceiptCore(
        receipt_version=core["receiptVersion"],
        job_id=JobId(core["jobId"]),
        user_id=UserId(core["userId"]),
        user_wallet=core["userWallet"],
        worker_id=WorkerId(core["workerId"]),
        worker_wallet=core["workerWallet"],
        model_id=core["modelId"],
        prompt_tokens=TokenCount(core["promptTokens"]),
        output_tokens=TokenCount(core["outputTokens"]),
        latency_ms=core["latencyMs"],
        quality_bps=Bps(core["qualityBps"]),
        uptime_bps=Bps(core["uptimeBps"]),
        latency_bps=Bps(core["latencyBps"]),
        model_multiplier_bps=Bps(core["modelMultiplierBps"]),
        total_charged_raw=AmountRaw(int(core["totalChargedRaw"])),
        worker_reward_raw=AmountRaw(int(core["workerRewardRaw"])),
        protocol_fee_raw=AmountRaw(int(core["protocolFeeRaw"])),
        token_symbol=core["tokenSymbol"],
        token_address=core["tokenAddress"],
        chain_id=core["chainId"],
        created_at=core["createdAt"],
    )


@pytest.mark.parametrize("case", vector_cases("receipt", refused=False))
def test_core_json__vector__has_the_published_names_and_values(case: Case) -> None:
    assert core_json(_core(case)) == case["core"]


@pytest.mark.parametrize("case", vector_cases("receipt", refused=False))
def test_receipt_hash__vector__is_reproduced(case: Case) -> None:
    assert canonical_json(core_json(_core(case))).decode() == case["canonical"]
    assert compute_receipt_hash(_core(case)) == case["sha256"]


@pytest.mark.parametrize("case", vector_cases("receipt", refused=False))
def test_receipt_hash__standard_library_alone__finds_the_same(case: Case) -> None:
    text = json.dumps(case["core"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == compute_receipt_hash(_core(case))


@pytest.mark.parametrize("case", vector_cases("receipt", refused=True))
def test_receipt_hash__impossible_core__raises_and_names_the_field(case: Case) -> None:
    with pytest.raises(InvalidInput) as caught:
        compute_receipt_hash(_core(case))
    assert caught.value.code == case["refused"]
    assert caught.value.param == case["param"]


@pytest.mark.parametrize("case", vector_cases("receipt", refused=True))
def test_validate_core__impossible_core__raises(case: Case) -> None:
    with pytest.raises(InvalidInput):
        validate_core(_core(case))


def test_core__published_format__has_21_fields_of_version_1_on_base() -> None:
    assert len(fields(ReceiptCore)) == 21
    assert RECEIPT_VERSION == 1
    assert CHAIN_ID == 8453
