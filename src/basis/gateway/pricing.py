"""`GET /api/pricing`: the epochs, which of them prices now, and which will: public."""

from __future__ import annotations

from aiohttp import web

from basis.accounting.price_table import (
    DatedEpoch,
    EpochState,
    compute_price_table,
    dated_epoch_json,
    load_dated_epochs,
    price_table_json,
)
from basis.gateway.bodies import refuse_unknown_query
from basis.gateway.context import CONTEXT, GatewayContext
from basis.gateway.records import json_answer, read_records
from basis.storage.clock import now_iso


async def get_pricing(request: web.Request) -> web.StreamResponse:
    """`GET /api/pricing`. What is proposed and not activated is the operator's own affair."""
    context = request.app[CONTEXT]
    refuse_unknown_query(request)
    now = now_iso()

    known = await read_records(request, lambda connection: load_dated_epochs(connection, now=now))
    public = [one for one in known if one.state is not EpochState.PROPOSED]
    coming = [one for one in public if one.state is EpochState.ACTIVATED]
    (in_force,) = (one for one in public if one.state is EpochState.IN_FORCE)
    answer = {
        "at": now,
        "inForce": _with_prices(context, in_force),
        "next": _with_prices(context, coming[0]) if coming else None,
        "epochs": [dated_epoch_json(one) for one in public],
    }
    return json_answer(answer)


def _with_prices(context: GatewayContext, one: DatedEpoch) -> dict[str, object]:
    table = compute_price_table(one.epoch, context.catalog)
    return {**dated_epoch_json(one), "effectivePrices": price_table_json(table)}
