"""Holds: credits set aside for a job before any work is done for it.

A hold is the job's row in `open_jobs`; there is no other record of it. It is granted in the write
transaction that opens the job, against what is on record in that moment, so that two requests can
never count on the same credits; it ends when the row does, in the transaction that writes the
receipt. What a customer may spend is its balance and its credit limit, less all its holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
)

from basis.rules.entries import customer_account
from basis.rules.errors import BasisError, BudgetExceeded, InsufficientCredits, Unauthenticated
from basis.rules.units import CREDIT, format_amount
from basis.storage.amounts import read_signed_amount
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.schema import api_keys, balances, open_jobs, usage_days, users

_HELD_MICROCREDITS = func.coalesce(func.sum(open_jobs.c.held_microcredits), 0).label(
    "held_microcredits"
)
_HELD = (
    select(_HELD_MICROCREDITS)
    .where(open_jobs.c.user_id == users.c.id)
    .correlate(users)
    .scalar_subquery()
)
_ACCOUNTS = (
    select(
        users.c.id,
        users.c.credit_limit,
        func.coalesce(balances.c.amount_raw, "0").label("amount_raw"),
        # What a customer without limit holds is not summed up: it decides nothing.
        case((users.c.credit_limit.is_(None), 0), else_=_HELD).label("held_microcredits"),
    )
    .join(
        balances,
        and_(
            balances.c.account == literal(customer_account("")).concat(users.c.id),
            balances.c.asset == CREDIT.symbol,
        ),
        isouter=True,
    )
    .where(users.c.id.in_(bindparam("ids", expanding=True)))
)
_HELD_OF_USER = select(_HELD_MICROCREDITS).where(open_jobs.c.user_id == bindparam("held_by"))
_ASKING = api_keys.alias("asking")
_LIMITS = (
    select(api_keys.c.id, api_keys.c.credits_per_day, _ASKING.c.id.label("key_id"))
    .join(_ASKING, api_keys.c.id.in_((_ASKING.c.id, _ASKING.c.parent_id)))
    .where(
        _ASKING.c.id.in_(bindparam("ids", expanding=True)),
        api_keys.c.credits_per_day.is_not(None),
    )
)
"""The limits that count for each asking key: its own and its parent's."""


def _of_families(
    table: Table, amount: Column[int], day: ColumnElement[str]
) -> Select[*tuple[Any, ...]]:
    """The sum of `amount` on one day for each key that is one of `roots` or a sub-key of one.

    By customer first: the indexes of `table` begin with it.
    """
    return (
        select(api_keys.c.id, api_keys.c.parent_id, func.sum(amount).label(amount.name))
        .join(table, table.c.key_id == api_keys.c.id)
        .where(
            table.c.user_id.in_(bindparam("user_ids", expanding=True)),
            day == bindparam("on_day"),
            or_(
                api_keys.c.id.in_(bindparam("roots", expanding=True)),
                api_keys.c.parent_id.in_(bindparam("parents", expanding=True)),
            ),
        )
        .group_by(api_keys.c.id)
    )


_SPENT = _of_families(usage_days, usage_days.c.microcredits, usage_days.c.day)
_HELD_BY_KEY = _of_families(
    open_jobs, open_jobs.c.held_microcredits, func.substr(open_jobs.c.created_at, 1, 10)
)


class HoldRequest(Protocol):
    """What a hold is judged by; an open job is one."""

    @property
    def user_id(self) -> str:
        """The customer that pays."""
        ...

    @property
    def key_id(self) -> str:
        """The key that asks; "" where nobody's key did."""
        ...

    @property
    def held_microcredits(self) -> int:
        """What the job can cost at most."""
        ...

    @property
    def created_at(self) -> str:
        """When the job was accepted; its day is the one that its cost counts for."""
        ...


class _Limit(NamedTuple):
    """A limit of credits per day that counts for `key_id`; its own sorts before its parent's."""

    key_id: str
    is_parents: bool
    owner_id: str
    microcredits: int


@dataclass(slots=True)
class _Budget:
    """Credits per day of one key: its own and its sub-keys' spending and holds count."""

    limit: int
    used: int


def judge_holds(connection: Connection, wanted: Sequence[HoldRequest]) -> list[BasisError | None]:
    """Why each hold cannot be granted, in the order of `wanted`; None where it can.

    Those that can count at once, before the next one is looked at, as if their rows stood in
    `open_jobs` already. Call it in the write transaction that adds the rows.

    Raises:
        ValueError: a hold is negative, which would give credits instead of setting them aside.
        DamagedRecord: a figure that a hold is judged by cannot be read.
    """
    for job in wanted:
        if job.held_microcredits < 0:
            raise ValueError(f"a hold of {job.held_microcredits} micro-credits is negative")
    available = _load_available(connection, {job.user_id for job in wanted})
    budgets = _load_budgets(connection, wanted)
    refusals: list[BasisError | None] = []
    for job in wanted:
        refusal = _judge(job, available, budgets.get((job.key_id, job.created_at[:10]), ()))
        refusals.append(refusal)
        if refusal is None:
            left = available[job.user_id]
            if left is not None:
                available[job.user_id] = left - job.held_microcredits
            for budget in budgets.get((job.key_id, job.created_at[:10]), ()):
                budget.used += job.held_microcredits
    return refusals


def load_available(connection: Connection, user_id: str) -> int | None:
    """Micro-credits that the customer may spend now; None without limit or if it is unknown."""
    return _load_available(connection, {user_id}).get(user_id)


def load_held(connection: Connection, user_id: str) -> int:
    """Micro-credits that the customer's running jobs hold."""
    return connection.execute(_HELD_OF_USER, {"held_by": user_id}).scalar_one()


def _judge(
    job: HoldRequest, available: Mapping[str, int | None], budgets: Iterable[_Budget]
) -> BasisError | None:
    if job.user_id not in available:
        return Unauthenticated("the account of this key is not on record any more")
    wanted = job.held_microcredits
    left = available[job.user_id]
    if wanted and left is not None and wanted > left:
        return InsufficientCredits(
            f"This request can cost up to {format_amount(wanted, CREDIT)} and "
            f"{format_amount(left, CREDIT)} can be spent: top up at least "
            f"{format_amount(wanted - left, CREDIT)}, or ask for fewer tokens (max_tokens).",
            required=wanted,
            available=left,
        )
    for budget in budgets:
        rest = budget.limit - budget.used
        if wanted and wanted > rest:
            return BudgetExceeded(
                f"This request can cost up to {format_amount(wanted, CREDIT)} and "
                f"{format_amount(max(rest, 0), CREDIT)} of this key's "
                f"{format_amount(budget.limit, CREDIT)} a day are left: wait until 00:00 UTC, ask "
                f"for fewer tokens (max_tokens), or have the key's budget raised.",
                required=wanted,
                available=max(rest, 0),
            )
    return None


def _load_available(connection: Connection, ids: Iterable[str]) -> dict[str, int | None]:
    rows = connection.execute(_ACCOUNTS, {"ids": sorted(ids)})
    return dict(_as_available(row) for row in rows)


def _load_budgets(
    connection: Connection, wanted: Sequence[HoldRequest]
) -> dict[tuple[str, str], list[_Budget]]:
    """By (key, day): its own budget and that of its parent, shared between sub-keys."""
    ids = sorted({job.key_id for job in wanted})
    limits = sorted(map(_as_limit, connection.execute(_LIMITS, {"ids": ids})))
    if not limits:
        return {}
    asking = {limit.key_id for limit in limits}
    judged = [job for job in wanted if job.key_id in asking]
    user_ids = sorted({job.user_id for job in judged})
    owners = {limit.owner_id: limit.microcredits for limit in limits}
    budgets: defaultdict[tuple[str, str], list[_Budget]] = defaultdict(list)
    for day in sorted({job.created_at[:10] for job in judged}):
        used = _load_used(connection, sorted(owners), user_ids=user_ids, day=day)
        made = {
            owner: _Budget(limit=microcredits, used=used[owner])
            for owner, microcredits in owners.items()
        }
        for limit in limits:
            budgets[(limit.key_id, day)].append(made[limit.owner_id])
    return budgets


def _load_used(
    connection: Connection, roots: Sequence[str], *, user_ids: Sequence[str], day: str
) -> dict[str, int]:
    """What each of `roots` and its sub-keys have spent and hold on `day`."""
    used = dict.fromkeys(roots, 0)
    parameters = {"roots": roots, "parents": roots, "user_ids": user_ids, "on_day": day}
    spent = map(_as_spent, connection.execute(_SPENT, parameters))
    held = map(_as_held, connection.execute(_HELD_BY_KEY, parameters))
    for key_id, parent_id, microcredits in (*spent, *held):
        for owner in (key_id, parent_id):
            if owner in used:
                used[owner] += microcredits
    return used


@reads_rows_of(users, balances, open_jobs)
def _as_available(row: AnyRow) -> tuple[str, int | None]:
    if row.credit_limit is None:
        return row.id, None
    balance = read_signed_amount(row.amount_raw, field="amount_raw")
    return row.id, row.credit_limit + balance - row.held_microcredits


@reads_rows_of(api_keys, usage_days)
def _as_limit(row: AnyRow) -> _Limit:
    return _Limit(row.key_id, row.id != row.key_id, row.id, row.credits_per_day)


@reads_rows_of(api_keys, usage_days)
def _as_spent(row: AnyRow) -> tuple[str, str | None, int]:
    return row.id, row.parent_id, row.microcredits


@reads_rows_of(api_keys, open_jobs)
def _as_held(row: AnyRow) -> tuple[str, str | None, int]:
    return row.id, row.parent_id, row.held_microcredits
