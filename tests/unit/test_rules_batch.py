"""Settlement batches and their hashes, by vectors/batch.json."""

from __future__ import annotations

import hashlib
import json

import pytest
from rule_vectors import Case, load_vectors, vector_cases

from basis.rules.batch import (
    NO_BATCH,
    Batch,
    BatchHash,
    PayableReceipt,
    assemble_batch,
    compute_batch_hash,
)
from basis.rules.errors import InvalidInput
from basis.rules.receipt import ReceiptHash
from basis.rules.units import AmountRaw
from basis.rules.wallet import Wallet


def _assemble(case: Case, *, reverse: bool = False) -> Batch:
    receipts = [
        PayableReceipt(
            receipt_hash=ReceiptHash(row["receiptHash"]),
            worker_wallet=Wallet(row["workerWallet"]),
            reward_raw=AmountRaw(int(row["rewardRaw"])),
        )
        for row in case["receipts"]
    ]
    return assemble_batch(
        reversed(receipts) if reverse else receipts,
        previous_hash=BatchHash(case["previousHash"]),
        chain_id=case["chainId"],
        token_symbol=case["tokenSymbol"],
        token_address=case["tokenAddress"],
    )


@pytest.mark.parametrize("case", vector_cases("batch", refused=False))
def test_assemble_batch__vector__sums_the_rewards_of_each_wallet(case: Case) -> None:
    batch = _assemble(case)
    assert [
        {
            "wallet": payout.wallet,
            "amountRaw": str(payout.amount_raw),
            "receiptCount": payout.receipt_count,
        }
        for payout in batch.payouts
    ] == case["payouts"]
    assert str(batch.total_raw) == case["totalRaw"]


@pytest.mark.parametrize("case", vector_cases("batch", refused=False))
def test_batch_hash__vector__is_reproduced(case: Case) -> None:
    assert compute_batch_hash(_assemble(case)) == case["hash"]


@pytest.mark.parametrize("case", vector_cases("batch", refused=False))
def test_batch_hash__receipts_in_reverse__is_the_same(case: Case) -> None:
    assert compute_batch_hash(_assemble(case, reverse=True)) == case["hash"]


@pytest.mark.parametrize("case", vector_cases("batch", refused=False))
def test_batch_hash__standard_library_alone__finds_the_same(case: Case) -> None:
    document = {
        "batchVersion": 1,
        "previousBatchHash": case["previousHash"],
        "chainId": case["chainId"],
        "tokenSymbol": case["tokenSymbol"],
        "tokenAddress": case["tokenAddress"],
        "receiptHashes": sorted(row["receiptHash"] for row in case["receipts"]),
        "payouts": [
            {"wallet": row["wallet"], "amountRaw": row["amountRaw"]} for row in case["payouts"]
        ],
        "totalRaw": case["totalRaw"],
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert text == case["canonical"]
    assert hashlib.sha256(text.encode()).hexdigest() == compute_batch_hash(_assemble(case))


def test_batch_hash__other_vectors__are_all_different() -> None:
    cases = [case for case in load_vectors("batch")["cases"] if "refused" not in case]
    hashes = {case["canonical"]: case["hash"] for case in cases}
    assert len(set(hashes.values())) == len(hashes) == len(cases) - 1  # one pair by intent


@pytest.mark.parametrize("case", vector_cases("batch", refused=True))
def test_assemble_batch__nothing_payable__raises(case: Case) -> None:
    with pytest.raises(InvalidInput) as caught:
        _assemble(case)
    assert caught.value.code == case["refused"]


def test_no_batch__stands_for__64_zeros() -> None:
    assert NO_BATCH == "0" * 64
