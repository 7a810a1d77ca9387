"""Receipts and batches as JSON: what anyone needs to recompute what was paid."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from basis.gateway.bodies import read_int, refuse_unknown_query
from basis.gateway.context import CONTEXT
from basis.gateway.workers import client_address
from basis.rules.errors import InvalidInput
from basis.rules.job import JobStatus
from basis.rules.receipt import core_json
from basis.storage.batch_store import BatchRecord, load_batch, load_batches
from basis.storage.receipt_details import ReceiptDetails
from basis.storage.receipt_pages import load_receipt_page
from basis.storage.receipt_store import StoredReceipt, load_batched_hashes, load_receipt

_DEFAULT_PAGE = 50
_LARGEST_PAGE = 500
_Result = TypeVar("_Result")


async def get_receipts(request: web.Request) -> web.StreamResponse:
    """`GET /api/inference/receipts?limit=&before=&worker_id=&user_id=&status=`, newest first."""
    refuse_unknown_query(request, "limit", "before", "worker_id", "user_id", "status")
    limit = read_int(request, "limit", default=_DEFAULT_PAGE, low=1, high=_LARGEST_PAGE)
    before = read_int(request, "before", default=None, low=1, high=2**62)
    query = request.query
    status = query.get("status")
    if status is not None and status not in set(JobStatus):
        raise InvalidInput(
            f"status is {status[:40]!r}: completed, failed or cancelled", param="status"
        )

    def load(connection: Connection) -> dict[str, object]:
        page = load_receipt_page(
            connection,
            limit=limit or _DEFAULT_PAGE,
            before_seq=before,
            worker_id=query.get("worker_id"),
            user_id=query.get("user_id"),
            status=status,
        )
        found = [receipt_json(receipt) for receipt in page.receipts]
        return {"receipts": found, "before": page.before}

    return await answer_records(request, load)


async def get_receipt(request: web.Request) -> web.StreamResponse:
    """`GET /api/inference/receipts/{hash}`; a job id works too."""
    refuse_unknown_query(request)
    name = request.match_info["hash"]
    return await answer_records(
        request, lambda connection: receipt_json(load_receipt(connection, name))
    )


async def get_batches(request: web.Request) -> web.StreamResponse:
    """`GET /api/settlement/batches?limit=&before=`, newest first."""
    refuse_unknown_query(request, "limit", "before")
    limit = read_int(request, "limit", default=_DEFAULT_PAGE, low=1, high=_LARGEST_PAGE)
    before = read_int(request, "before", default=None, low=1, high=2**62)

    def load(connection: Connection) -> dict[str, object]:
        page = load_batches(connection, limit=limit or _DEFAULT_PAGE, before_seq=before)
        return {
            "settlement": "dry-run: batches are assembled and hashed, nothing is signed or sent",
            "batches": [batch_json(batch) for batch in page],
            "before": page[-1].seq if len(page) == limit else None,
        }

    return await answer_records(request, load)


async def get_batch(request: web.Request) -> web.StreamResponse:
    """`GET /api/settlement/batches/{hash}`, with the hashes of its receipts."""
    refuse_unknown_query(request)
    name = request.match_info["hash"]

    def load(connection: Connection) -> dict[str, object]:
        batch = load_batch(connection, name)
        return {**batch_json(batch), "receiptHashes": load_batched_hashes(connection, batch.hash)}

    return await answer_records(request, load)


def receipt_json(receipt: StoredReceipt) -> dict[str, object]:
    """A receipt as published: the hashed core, and beside it what explains it."""
    return {
        "hash": receipt.recorded_hash,
        "core": core_json(receipt.core),
        "status": receipt.status.value,
        "rewardStatus": receipt.reward_status.value,
        "batchHash": receipt.batch_hash,
        "details": _public_details(receipt.details),
    }


def _public_details(details: ReceiptDetails) -> dict[str, object]:
    """All but the key that asked: receipts are public, and who of a customer's asked is not."""
    public: dict[str, object] = msgspec.to_builtins(details)
    del public["keyId"]
    return public


def batch_json(batch: BatchRecord) -> dict[str, object]:
    """A batch as published."""
    return {
        "number": batch.seq,
        "hash": batch.hash,
        "previousBatchHash": batch.previous_hash,
        "status": batch.status.value,
        "attempt": batch.attempt,
        "isDryRun": batch.is_dry_run,
        "totalRaw": str(batch.total_raw),
        "receiptCount": batch.receipt_count,
        "payouts": [
            {
                "wallet": payout.wallet,
                "amountRaw": str(payout.amount_raw),
                "receiptCount": payout.receipt_count,
            }
            for payout in batch.payouts
        ],
        "chainId": batch.chain_id,
        "tokenSymbol": batch.token_symbol,
        "tokenAddress": batch.token_address,
        "reason": batch.reason,
        "createdAt": batch.created_at,
    }


async def read_records(
    request: web.Request, load: Callable[[Connection], _Result], *, cost: int = 1
) -> _Result:
    """What `load` reads in one transaction, away from the event loop, for whoever asks.

    Raises:
        LimitExceeded, Overloaded: see `PublicReads.load`.
    """
    context = request.app[CONTEXT]
    return await context.public_reads.load(client_address(request, context), load, cost=cost)


async def answer_records(
    request: web.Request, load: Callable[[Connection], object], *, cost: int = 1
) -> web.StreamResponse:
    """What `load` reads and turns into JSON, away from the event loop, written to whoever asks.

    Raises:
        LimitExceeded, Overloaded: see `PublicReads.answer`.
    """
    context = request.app[CONTEXT]
    address = client_address(request, context)

    def make_body(connection: Connection) -> bytes:
        return msgspec.json.encode(load(connection))

    async with context.public_reads.answer(address, make_body, cost=cost) as body:
        response = web.Response(body=body, content_type="application/json")
        try:
            async with asyncio.timeout(context.settings.server.body_timeout_s):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        return response


def json_answer(answer: object) -> web.Response:
    """`answer` as JSON."""
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")
