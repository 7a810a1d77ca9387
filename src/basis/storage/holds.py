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
from typing import Protocol

from sqlalchemy import Connection, and_, bindparam, func, or_, select

from basis.rules.entries import customer_account
from basis.rules.errors import BasisError, BudgetExceeded, InsufficientCredits, Unauthenticated
from basis.rules.units import CREDIT, format_amount
from basis.storage.amounts import read_signed_amount
from basis.storage.damaged import AnyRow, reads_rows_of
from basis.storage.schema import api_keys, balances, open_jobs, usage_days, users

_ACCOUNTS = select(users.c.id, users.c.credit_limit).where(
    users.c.id.in_(bindparam("ids", expanding=True))
)
_BALANCES = select(balances).where(
    balances.c.asset == CREDIT.symbol,
    balances.c.account.in_(bindparam("accounts", expanding=True)),
)
_HELD = (
    select(open_jobs.c.user_id, func.sum(open_jobs.c.held_microcredits).label("held"))
    .where(open_jobs.c.user_id.in_(bindparam("ids", expanding=True)))
    .group_by(open_jobs.c.user_id)
)
_KEYS = select(api_keys.c.id, api_keys.c.parent_id, api_keys.c.credits_per_day).where(
    or_(
        api_keys.c.id.in_(bindparam("ids", expanding=True)),
        api_keys.c.id.in_(
            select(api_keys.c.parent_id).where(
                api_keys.c.id.in_(bindparam("child_ids", expanding=True))
            )
        ),
    )
)
_FAMILIES = select(api_keys.c.id, api_keys.c.parent_id).where(
    or_(
        api_keys.c.id.in_(bindparam("roots", expanding=True)),
        api_keys.c.parent_id.in_(bindparam("parents", expanding=True)),
    )
)
_SPENT = (
    select(usage_days.c.key_id, func.sum(usage_days.c.microcredits).label("spent"))
    .where(
        and_(
            usage_days.c.key_id.in_(bindparam("ids", expanding=True)),
            usage_days.c.day == bindparam("on_day"),
        )
    )
    .group_by(usage_days.c.key_id)
)
_HELD_BY_KEY = (
    select(open_jobs.c.key_id, func.sum(open_jobs.c.held_microcredits).label("held"))
    .where(
        and_(
            open_jobs.c.key_id.in_(bindparam("ids", expanding=True)),
            func.substr(open_jobs.c.created_at, 1, 10) == bindparam("on_day"),
        )
    )
    .group_by(open_jobs.c.key_id)
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


@dataclass(slots=True)
class _Budget:
    """Credits per day of one key: its own and its sub-keys' spending and holds count."""

    limit: int
    used: int


def judge_holds(connection: Connection, wanted: Sequence[HoldRequest]) -> list[BasisError | None]:
    """Why each hold cannot be granted, in the order of `wanted`; None where it can.

    Those that can count at once, before the next one is looked at, as if their rows stood in
    `open_jobs` already. Call it in the write transaction that adds the rows.
    """
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
    return dict(_held_rows(connection, [user_id])).get(user_id, 0)


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
        if wanted > rest:
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
    user_ids = sorted(ids)
    rows = connection.execute(_ACCOUNTS, {"ids": user_ids})
    limits = dict(_as_limit(row) for row in rows)
    limited = [user_id for user_id, limit in limits.items() if limit is not None]
    available: dict[str, int | None] = dict(limits)
    if not limited:
        return available
    accounts: dict[str, str] = {customer_account(user_id): user_id for user_id in limited}
    for row in connection.execute(_BALANCES, {"accounts": list(accounts)}):
        account, balance = _as_balance(row)
        user_id = accounts[account]
        available[user_id] = (available[user_id] or 0) + balance
    for user_id, held in _held_rows(connection, limited):
        available[user_id] = (available[user_id] or 0) - held
    return available


def _load_budgets(
    connection: Connection, wanted: Sequence[HoldRequest]
) -> dict[tuple[str, str], list[_Budget]]:
    """By (key, day): its own budget and that of its parent, shared between sub-keys."""
    ids = sorted({job.key_id for job in wanted if job.key_id})
    if not ids:
        return {}
    keys = {
        key_id: (parent_id, limit)
        for key_id, parent_id, limit in map(
            _as_key, connection.execute(_KEYS, {"ids": ids, "child_ids": ids})
        )
    }
    limited = sorted(key_id for key_id, (_parent, limit) in keys.items() if limit is not None)
    if not limited:
        return {}
    used = {
        day: _load_used(connection, limited, day) for day in {job.created_at[:10] for job in wanted}
    }
    made: dict[tuple[str, str], _Budget] = {}
    budgets: defaultdict[tuple[str, str], list[_Budget]] = defaultdict(list)
    for day, by_key in used.items():
        for key_id in ids:
            for owner in (key_id, keys.get(key_id, (None, None))[0]):
                limit = keys[owner][1] if owner in keys else None
                if owner is None or limit is None:
                    continue
                if (owner, day) not in made:
                    made[(owner, day)] = _Budget(limit=limit, used=by_key[owner])
                budgets[(key_id, day)].append(made[(owner, day)])
    return budgets


def _load_used(connection: Connection, roots: Sequence[str], day: str) -> dict[str, int]:
    """What each of `roots` and its sub-keys have spent and hold on `day`."""
    rows = connection.execute(_FAMILIES, {"roots": list(roots), "parents": list(roots)}).all()
    members = sorted({row.id for row in rows})
    single: defaultdict[str, int] = defaultdict(int)
    parameters = {"ids": members, "on_day": day}
    for row in connection.execute(_SPENT, parameters):
        single[row.key_id] += row.spent
    for row in connection.execute(_HELD_BY_KEY, parameters):
        single[row.key_id] += row.held
    return {
        root: sum(single[row.id] for row in rows if root in {row.id, row.parent_id})
        for root in roots
    }


def _held_rows(connection: Connection, ids: Sequence[str]) -> list[tuple[str, int]]:
    return [(row.user_id, row.held) for row in connection.execute(_HELD, {"ids": list(ids)})]


@reads_rows_of(users)
def _as_limit(row: AnyRow) -> tuple[str, int | None]:
    return row.id, row.credit_limit


@reads_rows_of(balances)
def _as_balance(row: AnyRow) -> tuple[str, int]:
    return row.account, read_signed_amount(row.amount_raw, field="amount_raw")


@reads_rows_of(api_keys)
def _as_key(row: AnyRow) -> tuple[str, str | None, int | None]:
    return row.id, row.parent_id, row.credits_per_day
