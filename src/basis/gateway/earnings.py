"""A worker's earnings over HTTP, as public as its receipts."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy import Connection

from basis.accounting.earnings import GROUPS, sum_earnings
from basis.gateway.bodies import refuse_unknown_query
from basis.gateway.context import CONTEXT
from basis.gateway.records import answer_records
from basis.rules.dates import parse_day
from basis.rules.errors import InvalidInput
from basis.storage.clock import days_ago_iso
from basis.storage.worker_receipts import EarningsFilter, count_worker_receipts
from basis.wire.earnings import EarningsResponse

_DAYS_SHOWN = 30
"""Without `from`: today and the days before it."""
_MOST_RECEIPTS = 20_000
"""Of one answer, some half a second of one thread; the operator's command has no bound."""
_COST = 20
"""Reads for which one of these counts: the largest takes as long as that many of others."""


async def get_earnings(request: web.Request) -> web.StreamResponse:
    """`GET /api/workers/{worker_id}/earnings?from=&to=&by=day|model`."""
    context = request.app[CONTEXT]
    refuse_unknown_query(request, "from", "to", "by")
    worker = context.roster.get(request.match_info["worker_id"])
    by = request.query.get("by", "day")
    if by not in GROUPS:
        raise InvalidInput(f"by is {by[:40]!r}: expected {' or '.join(GROUPS)}", param="by")
    since = request.query.get("from", days_ago_iso(_DAYS_SHOWN)[:10])
    wanted = EarningsFilter(
        worker_id=worker.id,
        since=parse_day(since, param="from"),
        until=parse_day(request.query.get("to", days_ago_iso(0)[:10]), param="to"),
    )

    def load(connection: Connection) -> EarningsResponse:
        counted = count_worker_receipts(connection, wanted, most=_MOST_RECEIPTS + 1)
        if counted > _MOST_RECEIPTS:
            raise InvalidInput(
                f"there are more than {_MOST_RECEIPTS} receipts from {wanted.since} to "
                f"{wanted.until}: ask for fewer days",
                param="from",
            )
        return sum_earnings(connection, wanted, by=by)

    return await answer_records(request, load, cost=_COST)
