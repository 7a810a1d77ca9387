"""Usage of one customer, summed by day, model or key, and read by the page."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from basis.rules.dates import parse_day
from basis.rules.errors import DamagedRecord, InvalidInput
from basis.storage.schema import usage_days

USAGE_PAGE = 500
USAGE_COLUMNS = ("requests", "completed", "prompt_tokens", "output_tokens", "microcredits")
_LAST_DAY = "9999-12-31"


class UsageGroup(enum.StrEnum):
    """By what usage is summed."""

    DAY = "day"
    MODEL = "model"
    KEY = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageTotal:
    """What one day, model or key comes to; tokens and micro-credits of completed jobs alone."""

    name: str
    requests: int
    completed: int
    prompt_tokens: int
    output_tokens: int
    microcredits: int


_COLUMNS = {
    UsageGroup.DAY: usage_days.c.day,
    UsageGroup.MODEL: usage_days.c.model_id,
    UsageGroup.KEY: usage_days.c.key_id,
}
_SUMS = (
    usage_days.c.requests,
    usage_days.c.completed,
    usage_days.c.prompt_tokens,
    usage_days.c.output_tokens,
    usage_days.c.microcredits,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """Whose usage, of which days (both of them too), summed by what.

    `key_ids` narrows it to these keys; None is all of the customer's.
    """

    user_id: str
    key_ids: tuple[str, ...] | None
    since: str
    until: str
    by: UsageGroup


def load_usage_totals(
    connection: Connection, query: UsageQuery, *, after: str | None, limit: int
) -> list[UsageTotal]:
    """The totals behind the one named `after`, at most `limit`, in the order of their names.

    Raises:
        DamagedRecord: a figure is none.
    """
    column = _COLUMNS[query.by]
    statement = (
        select(column, *(func.sum(one) for one in _SUMS))
        .where(usage_days.c.user_id == query.user_id)
        .where(usage_days.c.day >= query.since, usage_days.c.day <= query.until)
        .group_by(column)
        .order_by(column)
        .limit(limit)
    )
    if query.key_ids is not None:
        statement = statement.where(usage_days.c.key_id.in_(query.key_ids))
    if after is not None:
        statement = statement.where(column > after)
    return [_as_total(row) for row in connection.execute(statement)]


def iterate_usage_totals(connection: Connection, query: UsageQuery) -> Iterator[UsageTotal]:
    """Every total, in the order of their names; read by the page."""
    after: str | None = None
    while True:
        page = load_usage_totals(connection, query, after=after, limit=USAGE_PAGE)
        yield from page
        if len(page) < USAGE_PAGE:
            return
        after = page[-1].name


def make_usage_query(
    *, user_id: str, key_ids: tuple[str, ...] | None, since: str, until: str, by: str
) -> UsageQuery:
    """The query that texts ask for; "" as a day is no bound.

    Raises:
        InvalidInput: no day, no such group, or the last day before the first.
    """
    if by not in set(UsageGroup):
        raise InvalidInput(f"by is {by[:40]!r}: expected {', '.join(UsageGroup)}", param="by")
    first = parse_day(since, param="from") if since else ""
    last = parse_day(until, param="to") if until else _LAST_DAY
    if last < first:
        raise InvalidInput(f"to is {last}, which is before {first}", param="to")
    return UsageQuery(user_id=user_id, key_ids=key_ids, since=first, until=last, by=UsageGroup(by))


def usage_json(query: UsageQuery, total: UsageTotal) -> dict[str, object]:
    """A total as published; micro-credits as a decimal string."""
    return {
        query.by.value: total.name,
        "requests": total.requests,
        "completed": total.completed,
        "promptTokens": total.prompt_tokens,
        "outputTokens": total.output_tokens,
        "microcredits": str(total.microcredits),
    }


def _as_total(row: Sequence[object]) -> UsageTotal:
    name, *sums = row
    if not isinstance(name, str):
        raise DamagedRecord("a record of usage_days has a name that is no text")
    figures = [one for one in sums if isinstance(one, int)]
    if len(figures) != len(sums):
        raise DamagedRecord(f"the usage of {name[:80]!r} has a figure that is no integer")
    requests, completed, prompt_tokens, output_tokens, microcredits = figures
    return UsageTotal(
        name=name,
        requests=requests,
        completed=completed,
        prompt_tokens=prompt_tokens,
        output_tokens=output_tokens,
        microcredits=microcredits,
    )
