"""Reads what phases need of receipts: the points of a period, and who gave them work.

A phase counts the receipts of jobs accepted in [from, to), up to the newest one at its closing. A
receipt that is recorded later with such a time (the clock was set back, or the job was between its
acceptance and its record at that moment) is late, and counts in the next phase of its points that
is closed: so each is counted once, and none is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, func, or_, select

from basis.rules.errors import DamagedRecord
from basis.rules.phases import PhaseId
from basis.rules.wallet import Wallet
from basis.storage.amounts import read_amount
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.phase_tables import phase_pools, phases
from basis.storage.schema import open_jobs, receipts, workers

_PAGE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierPhase:
    """A phase of the same points that was closed before; `last_seq` is the last that it counted."""

    id: PhaseId
    starts_at: str
    ends_at: str
    last_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsReceipt:
    """A receipt with points. `table` is the points table that it names, or ""."""

    seq: int
    receipt_hash: str
    wallet: Wallet
    points_raw: int
    table: str
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedJob:
    """Who worked for whom, in a job that brought points. A wallet may be ""."""

    wallet: Wallet
    user_id: str
    user_wallet: str
    points_asset: str
    points_raw: int


def load_last_seq(connection: Connection) -> int:
    """The sequence number of the newest receipt; 0 if there is none."""
    return connection.execute(select(func.max(receipts.c.seq))).scalar() or 0


def find_running_job(connection: Connection, *, before: str) -> str:
    """The id of a job that was accepted before an instant and has no receipt yet; "" if none."""
    query = select(open_jobs.c.job_id).where(open_jobs.c.created_at < before).limit(1)
    return connection.execute(query).scalar() or ""


def has_receipts_after(connection: Connection, seq: int, *, before: str) -> bool:
    """Whether a receipt after number `seq` is of a job accepted before an instant."""
    query = select(receipts.c.seq).where(receipts.c.seq > seq, receipts.c.created_at < before)
    return connection.execute(query.limit(1)).first() is not None


def load_next_closing(connection: Connection) -> int:
    """The number that the next phase to be closed gets: they are counted from 1."""
    return (connection.execute(select(func.max(phases.c.closing))).scalar() or 0) + 1


def load_earlier_phases(
    connection: Connection, *, points_asset: str, closing: int
) -> list[EarlierPhase]:
    """The phases of these points that were closed before the closing of this number."""
    query = (
        select(phases.c.id, phases.c.starts_at, phases.c.ends_at, phases.c.last_seq)
        .join(phase_pools, phase_pools.c.phase_id == phases.c.id)
        .where(phase_pools.c.points_asset == points_asset)
        .where(phases.c.closing > 0, phases.c.closing < closing)
        .order_by(phases.c.starts_at)
    )
    return [_as_earlier(row) for row in connection.execute(query)]


def iterate_points(
    connection: Connection,
    *,
    points_asset: str,
    starts_at: str,
    ends_at: str,
    last_seq: int,
    earlier: Sequence[EarlierPhase],
) -> Iterator[PointsReceipt]:
    """The receipts with points that a phase counts, in the order in which they were recorded.

    Raises:
        DamagedRecord: one of them cannot be read.
    """
    swept_seq = max((phase.last_seq for phase in earlier), default=last_seq)
    seq = 0
    while True:
        query = (
            select(
                receipts.c.seq,
                receipts.c.hash,
                receipts.c.worker_wallet,
                receipts.c.details,
                receipts.c.created_at,
                receipts.c.points_asset,
                receipts.c.points_raw,
            )
            .where(receipts.c.seq > seq, receipts.c.seq <= last_seq)
            .where(receipts.c.points_asset == points_asset, receipts.c.points_raw != "0")
            .where(
                or_(
                    receipts.c.created_at.between(starts_at, ends_at),
                    receipts.c.seq > swept_seq,
                )
            )
            .order_by(receipts.c.seq)
            .limit(_PAGE)
        )
        rows = connection.execute(query).all()
        if not rows:
            return
        for row in rows:
            is_late = row.seq > swept_seq and any(
                phase.starts_at <= row.created_at < phase.ends_at for phase in earlier
            )
            if is_late or starts_at <= row.created_at < ends_at:
                yield _as_points_receipt(row)
        seq = rows[-1].seq


def iterate_served_jobs(
    connection: Connection, *, points_assets: Sequence[str], starts_at: str, ends_at: str
) -> Iterator[ServedJob]:
    """The jobs of a period that brought points of any of `points_assets`, oldest first.

    Raises:
        DamagedRecord: one of them cannot be read.
    """
    seq = 0
    while True:
        rows = connection.execute(
            select(
                receipts.c.seq,
                receipts.c.core,
                receipts.c.user_id,
                receipts.c.worker_wallet,
                receipts.c.points_asset,
                receipts.c.points_raw,
            )
            .where(receipts.c.seq > seq, receipts.c.points_asset.in_(points_assets))
            .where(receipts.c.points_raw != "0")
            .where(receipts.c.created_at >= starts_at, receipts.c.created_at < ends_at)
            .order_by(receipts.c.seq)
            .limit(_PAGE)
        ).all()
        if not rows:
            return
        yield from map(_as_served_job, rows)
        seq = rows[-1].seq


def load_first_registrations(connection: Connection) -> list[tuple[Wallet, str]]:
    """Each wallet that has a worker, with the instant of its first registration."""
    query = (
        select(workers.c.wallet, func.min(workers.c.created_at))
        .group_by(workers.c.wallet)
        .order_by(workers.c.wallet)
    )
    return [(Wallet(wallet), str(first)) for wallet, first in connection.execute(query)]


class _PointsPart(msgspec.Struct, frozen=True):
    table: str = ""


class _DetailsPart(msgspec.Struct, frozen=True):
    points: _PointsPart | None = None


class _CorePart(msgspec.Struct, frozen=True, rename="camel"):
    user_wallet: str


@reads_rows_of(phases)
def _as_earlier(row: AnyRow) -> EarlierPhase:
    return EarlierPhase(
        id=PhaseId(row.id), starts_at=row.starts_at, ends_at=row.ends_at, last_seq=row.last_seq
    )


@reads_rows_of(receipts)
def _as_points_receipt(row: AnyRow) -> PointsReceipt:
    details = msgspec.json.decode(row.details, type=_DetailsPart)
    if not row.worker_wallet:
        raise DamagedRecord("it has points, but no wallet that they are of")
    return PointsReceipt(
        seq=row.seq,
        receipt_hash=row.hash,
        wallet=Wallet(row.worker_wallet),
        points_raw=read_amount(row.points_raw, field="points_raw"),
        table=details.points.table if details.points is not None else "",
        created_at=row.created_at,
    )


@reads_rows_of(receipts)
def _as_served_job(row: AnyRow) -> ServedJob:
    core = msgspec.json.decode(row.core, type=_CorePart)
    return ServedJob(
        wallet=Wallet(row.worker_wallet),
        user_id=row.user_id,
        user_wallet=core.user_wallet,
        points_asset=row.points_asset,
        points_raw=read_amount(row.points_raw, field="points_raw"),
    )
