"""A settlement batch: which receipts it pays, how much to whom, and its hash.

The hash is taken over the canonical JSON of the batch before it, the token, the sorted receipt
hashes and the sorted payouts. It depends on nothing else, so anyone who has the receipts finds the
same hash in whatever order they come (I9), and a hash settles once.
Source: mission N8; vectors/batch.json.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NewType

from basis.rules.canonical import canonical_json, sha256_hex
from basis.rules.errors import InvalidInput
from basis.rules.receipt import ReceiptHash
from basis.rules.units import AmountRaw
from basis.rules.wallet import Wallet

BatchHash = NewType("BatchHash", str)
"""64 lower-case hex digits."""

BATCH_VERSION = 1
NO_BATCH = BatchHash("0" * 64)
"""Stands for the batch before the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayableReceipt:
    """What a batch needs to know of a receipt."""

    receipt_hash: ReceiptHash
    worker_wallet: Wallet
    reward_raw: AmountRaw


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """The sum that one wallet gets of a batch."""

    wallet: Wallet
    amount_raw: AmountRaw
    receipt_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A closed batch; receipts and payouts stand sorted."""

    previous_hash: BatchHash
    chain_id: int
    token_symbol: str
    token_address: str
    receipt_hashes: tuple[ReceiptHash, ...]
    payouts: tuple[Payout, ...]

    @property
    def total_raw(self) -> AmountRaw:
        """What the batch pays in all."""
        return AmountRaw(sum(payout.amount_raw for payout in self.payouts))


def assemble_batch(
    receipts: Iterable[PayableReceipt],
    *,
    previous_hash: BatchHash,
    chain_id: int,
    token_symbol: str,
    token_address: str,
) -> Batch:
    """The batch that pays `receipts`, whatever their order.

    Raises:
        InvalidInput: none at all, one twice (I5), or one without a reward.
    """
    by_hash: dict[ReceiptHash, PayableReceipt] = {}
    for receipt in receipts:
        if receipt.receipt_hash in by_hash:
            raise InvalidInput(f"receipt {receipt.receipt_hash} stands twice in the batch")
        if receipt.reward_raw <= 0:
            raise InvalidInput(f"receipt {receipt.receipt_hash} has no reward to pay")
        by_hash[receipt.receipt_hash] = receipt
    if not by_hash:
        raise InvalidInput("a batch needs at least one receipt")
    return Batch(
        previous_hash=previous_hash,
        chain_id=chain_id,
        token_symbol=token_symbol,
        token_address=token_address,
        receipt_hashes=tuple(sorted(by_hash)),
        payouts=_payouts(by_hash.values()),
    )


def compute_batch_hash(batch: Batch) -> BatchHash:
    """SHA-256 over the canonical JSON of `batch`."""
    return BatchHash(
        sha256_hex(
            canonical_json(
                {
                    "batchVersion": BATCH_VERSION,
                    "previousBatchHash": batch.previous_hash,
                    "chainId": batch.chain_id,
                    "tokenSymbol": batch.token_symbol,
                    "tokenAddress": batch.token_address,
                    "receiptHashes": list(batch.receipt_hashes),
                    "payouts": [
                        {"wallet": payout.wallet, "amountRaw": str(payout.amount_raw)}
                        for payout in batch.payouts
                    ],
                    "totalRaw": str(batch.total_raw),
                }
            )
        )
    )


def _payouts(receipts: Iterable[PayableReceipt]) -> tuple[Payout, ...]:
    amounts: defaultdict[Wallet, int] = defaultdict(int)
    counts: defaultdict[Wallet, int] = defaultdict(int)
    for receipt in receipts:
        amounts[receipt.worker_wallet] += receipt.reward_raw
        counts[receipt.worker_wallet] += 1
    return tuple(
        Payout(wallet=wallet, amount_raw=AmountRaw(amounts[wallet]), receipt_count=counts[wallet])
        for wallet in sorted(amounts)
    )
