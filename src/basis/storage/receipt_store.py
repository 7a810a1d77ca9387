"""Reads receipts: one, those to be batched, all in order. Pages of them: `receipt_pages`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, and_, select

from basis.rules.batch import PayableReceipt
from basis.rules.errors import DamagedRecord, NotFound
from basis.rules.job import JobId, JobStatus, RewardStatus, UserId, WorkerId
from basis.rules.receipt import ReceiptCore, ReceiptHash, core_json
from basis.rules.units import Bps, TokenCount
from basis.rules.wallet import Wallet
from basis.storage.amounts import read_amount
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.receipt_details import ReceiptDetails
from basis.storage.schema import receipts

_PAGE = 500
IS_PAYABLE = and_(
    receipts.c.reward_status == RewardStatus.PENDING.value, receipts.c.batch_hash.is_(None)
)
"""Of receipts whose reward waits for its first batch; a failed batch keeps its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReceipt:
    """A receipt as it was recorded. `recorded_hash` is compared by recomputing, not trusted.

    `misfiled_column` names a column for searching that contradicts the core or the details;
    "" if none does.
    """

    seq: int
    recorded_hash: ReceiptHash
    core: ReceiptCore
    status: JobStatus
    details: ReceiptDetails
    reward_status: RewardStatus
    batch_hash: str | None
    misfiled_column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayableReceipts:
    """Receipts for one batch, in the order in which they were recorded."""

    receipts: Sequence[PayableReceipt]
    last_seq: int
    """Number of the last of them; 0 if there are none."""
    newest_at: str
    """The latest of their times; "" if there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchMember:
    """A receipt as its batch sees it."""

    payable: PayableReceipt
    reward_status: RewardStatus
    created_at: str


def load_receipt(connection: Connection, name: str) -> StoredReceipt:
    """The receipt of this hash or job id.

    Raises:
        NotFound: there is none.
        DamagedRecord: it cannot be read.
    """
    row = connection.execute(
        select(receipts).where((receipts.c.hash == name) | (receipts.c.job_id == name))
    ).first()
    if row is None:
        raise NotFound(f"there is no receipt {name[:80]!r}; give its hash or its job id")
    return as_receipt(row)


def iterate_receipts(connection: Connection) -> Iterator[StoredReceipt]:
    """Every receipt, oldest first."""
    for page in iterate_receipt_pages(connection):
        yield from page


def iterate_receipt_pages(
    connection: Connection, *, after: int = 0, to: int | None = None
) -> Iterator[list[StoredReceipt]]:
    """Receipts numbered above `after` up to `to`, oldest first, in pages of which none is empty."""
    query = select(receipts).order_by(receipts.c.seq).limit(_PAGE)
    if to is not None:
        query = query.where(receipts.c.seq <= to)
    last_seq = after
    while True:
        rows = connection.execute(query.where(receipts.c.seq > last_seq)).all()
        if not rows:
            return
        yield [as_receipt(row) for row in rows]
        last_seq = rows[-1].seq


def load_payable(connection: Connection, *, limit: int) -> PayableReceipts:
    """The oldest `limit` receipts whose reward waits for its first batch."""
    rows = connection.execute(
        select(
            receipts.c.seq,
            receipts.c.hash,
            receipts.c.worker_wallet,
            receipts.c.reward_raw,
            receipts.c.created_at,
        )
        .where(IS_PAYABLE)
        .order_by(receipts.c.seq)
        .limit(limit)
    ).all()
    return PayableReceipts(
        receipts=[_as_payable(row) for row in rows],
        last_seq=rows[-1].seq if rows else 0,
        newest_at=max((row.created_at for row in rows), default=""),
    )


def load_batched_hashes(connection: Connection, batch_hash: str) -> list[ReceiptHash]:
    """The sorted hashes of the receipts that point to this batch."""
    query = select(receipts.c.seq, receipts.c.hash).where(receipts.c.batch_hash == batch_hash)
    return sorted(_as_hash(row) for row in connection.execute(query))


def load_members(connection: Connection, batch_hash: str) -> list[BatchMember]:
    """The receipts that point to this batch, oldest first.

    Only the columns for searching are read, since a batch has many members.
    """
    query = (
        select(
            receipts.c.seq,
            receipts.c.hash,
            receipts.c.worker_wallet,
            receipts.c.reward_raw,
            receipts.c.reward_status,
            receipts.c.created_at,
        )
        .where(receipts.c.batch_hash == batch_hash)
        .order_by(receipts.c.seq)
    )
    return [_as_member(row) for row in connection.execute(query)]


@reads_rows_of(receipts)
def _as_hash(row: AnyRow) -> ReceiptHash:
    return ReceiptHash(row.hash)


@reads_rows_of(receipts)
def _as_payable(row: AnyRow) -> PayableReceipt:
    return _payable_of(row)


@reads_rows_of(receipts)
def _as_member(row: AnyRow) -> BatchMember:
    return BatchMember(
        payable=_payable_of(row),
        reward_status=RewardStatus(row.reward_status),
        created_at=row.created_at,
    )


def _payable_of(row: AnyRow) -> PayableReceipt:
    return PayableReceipt(
        receipt_hash=ReceiptHash(row.hash),
        worker_wallet=Wallet(row.worker_wallet),
        reward_raw=read_amount(row.reward_raw, field="reward_raw"),
    )


@reads_rows_of(receipts)
def as_receipt(row: AnyRow) -> StoredReceipt:
    """The receipt that a whole row of the table holds."""
    core = parse_core(row.core)
    details = msgspec.json.decode(row.details, type=ReceiptDetails)
    return StoredReceipt(
        seq=row.seq,
        recorded_hash=ReceiptHash(row.hash),
        core=core,
        status=JobStatus(row.status),
        details=details,
        reward_status=RewardStatus(row.reward_status),
        batch_hash=row.batch_hash,
        misfiled_column=_find_misfiled(row, core, details),
    )


def _find_misfiled(row: AnyRow, core: ReceiptCore, details: ReceiptDetails) -> str:
    points = details.points
    filed: dict[str, tuple[str, str]] = {
        "job_id": (row.job_id, core.job_id),
        "user_id": (row.user_id, core.user_id),
        "worker_id": (row.worker_id, core.worker_id),
        "worker_wallet": (row.worker_wallet, core.worker_wallet),
        "reward_raw": (row.reward_raw, str(core.worker_reward_raw)),
        "created_at": (row.created_at, core.created_at),
        "key_id": (row.key_id, details.key_id),
        "points_asset": (row.points_asset, points.asset if points is not None else ""),
        "points_raw": (row.points_raw, points.amount_raw if points is not None else "0"),
    }
    return next((name for name, (column, own) in filed.items() if column != own), "")


class _CoreRecord(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    receipt_version: int
    job_id: str
    user_id: str
    user_wallet: str
    worker_id: str
    worker_wallet: str
    model_id: str
    prompt_tokens: int
    output_tokens: int
    latency_ms: int
    quality_bps: int
    uptime_bps: int
    latency_bps: int
    model_multiplier_bps: int
    total_charged_raw: str
    worker_reward_raw: str
    protocol_fee_raw: str
    token_symbol: str
    token_address: str
    chain_id: int
    created_at: str


def parse_core(text: str) -> ReceiptCore:
    """The core that a record holds, which has exactly one spelling: that of `encode_core`.

    Raises:
        DamagedRecord: it is spelt otherwise; or a field is missing, unknown or of another type.
    """
    try:
        record = msgspec.json.decode(text, type=_CoreRecord)
    except msgspec.MsgspecError as error:
        raise DamagedRecord(f"the core of a receipt is damaged: {error}") from error
    core = ReceiptCore(
        receipt_version=record.receipt_version,
        job_id=JobId(record.job_id),
        user_id=UserId(record.user_id),
        user_wallet=record.user_wallet,
        worker_id=WorkerId(record.worker_id),
        worker_wallet=record.worker_wallet,
        model_id=record.model_id,
        prompt_tokens=TokenCount(record.prompt_tokens),
        output_tokens=TokenCount(record.output_tokens),
        latency_ms=record.latency_ms,
        quality_bps=Bps(record.quality_bps),
        uptime_bps=Bps(record.uptime_bps),
        latency_bps=Bps(record.latency_bps),
        model_multiplier_bps=Bps(record.model_multiplier_bps),
        total_charged_raw=read_amount(record.total_charged_raw, field="totalChargedRaw"),
        worker_reward_raw=read_amount(record.worker_reward_raw, field="workerRewardRaw"),
        protocol_fee_raw=read_amount(record.protocol_fee_raw, field="protocolFeeRaw"),
        token_symbol=record.token_symbol,
        token_address=record.token_address,
        chain_id=record.chain_id,
        created_at=record.created_at,
    )
    if encode_core(core) != text:
        # 13.0 for 13, a name that stands twice, a space: JSON readers let all of them through.
        raise DamagedRecord(f"the core of job {core.job_id} is not spelt as basis writes it")
    return core


def encode_core(core: ReceiptCore) -> str:
    """The text under which a core is recorded: its published JSON, fields in their order."""
    return msgspec.json.encode(core_json(core)).decode()
