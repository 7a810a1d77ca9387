"""Usage by day, customer, key and model: sums over receipts, kept beside them.

The day is that of the job's acceptance in UTC. Receipts from before there were credits name no key
and are not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as upsert

from basis.rules.job import JobStatus
from basis.rules.receipt import ReceiptCore
from basis.storage.amounts import read_amount
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.receipt_details import ReceiptDetails
from basis.storage.schema import usage_days

_SUMS = ("requests", "completed", "prompt_tokens", "output_tokens", "microcredits")
_UPSERT = upsert(usage_days)
_ADD = _UPSERT.on_conflict_do_update(
    index_elements=["day", "user_id", "key_id", "model_id"],
    set_={name: usage_days.c[name] + _UPSERT.excluded[name] for name in _SUMS},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageDay:
    """What one key asked of one model on one day; tokens and credits of completed jobs alone."""

    day: str
    user_id: str
    key_id: str
    model_id: str
    requests: int
    completed: int
    prompt_tokens: int
    output_tokens: int
    microcredits: int


class CountedJob(Protocol):
    """What counts of a finished job."""

    @property
    def core(self) -> ReceiptCore:
        """The receipt's core."""
        ...

    @property
    def status(self) -> JobStatus:
        """How the job ended."""
        ...

    @property
    def details(self) -> ReceiptDetails:
        """What stands beside the core."""
        ...


def sum_usage(jobs: Sequence[CountedJob]) -> dict[tuple[str, str, str, str], list[int]]:
    """(day, customer, key, model) to requests, completed, prompt and output tokens, micro-credits.

    Jobs that name no key count nowhere.
    """
    sums: dict[tuple[str, str, str, str], list[int]] = {}
    for job in jobs:
        core, details = job.core, job.details
        if not details.key_id:
            continue
        key = (core.created_at[:10], core.user_id, details.key_id, core.model_id)
        row = sums.setdefault(key, [0] * len(_SUMS))
        row[0] += 1
        if job.status is JobStatus.COMPLETED:
            charged = details.charge.microcredits if details.charge is not None else "0"
            row[1] += 1
            row[2] += core.prompt_tokens
            row[3] += core.output_tokens
            row[4] += read_amount(charged, field="microcredits")
    return sums


def add_usage(connection: Connection, jobs: Sequence[CountedJob]) -> None:
    """Adds finished jobs, whose receipts are written in the same transaction."""
    sums = sum_usage(jobs)
    if sums:
        connection.execute(
            _ADD,
            [
                {
                    "day": day,
                    "user_id": user_id,
                    "key_id": key_id,
                    "model_id": model_id,
                    **dict(zip(_SUMS, row, strict=True)),
                }
                for (day, user_id, key_id, model_id), row in sums.items()
            ],
        )


def load_usage(
    connection: Connection,
    *,
    user_id: str | None = None,
    key_ids: Sequence[str] | None = None,
    since: str = "",
    until: str = "9999-12-31",
) -> list[UsageDay]:
    """The days from `since` to `until`, both of them too, oldest first."""
    query = select(usage_days).where(usage_days.c.day >= since, usage_days.c.day <= until)
    if user_id is not None:
        query = query.where(usage_days.c.user_id == user_id)
    if key_ids is not None:
        query = query.where(usage_days.c.key_id.in_(list(key_ids)))
    columns = usage_days.c
    ordered = query.order_by(columns.day, columns.user_id, columns.key_id, columns.model_id)
    return [_as_usage(row) for row in connection.execute(ordered)]


@reads_rows_of(usage_days)
def _as_usage(row: AnyRow) -> UsageDay:
    return UsageDay(
        day=row.day,
        user_id=row.user_id,
        key_id=row.key_id,
        model_id=row.model_id,
        requests=row.requests,
        completed=row.completed,
        prompt_tokens=row.prompt_tokens,
        output_tokens=row.output_tokens,
        microcredits=row.microcredits,
    )
