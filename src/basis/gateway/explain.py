"""A receipt's explanation over HTTP, as public as the receipt."""

from __future__ import annotations

from aiohttp import web

from basis.accounting.explain import explanation_json, load_explanation
from basis.gateway.bodies import refuse_unknown_query
from basis.gateway.records import answer_records


async def get_explanation(request: web.Request) -> web.StreamResponse:
    """`GET /api/inference/receipts/{hash}/explain`; a job id works too."""
    refuse_unknown_query(request)
    name = request.match_info["hash"]

    return await answer_records(
        request, lambda connection: explanation_json(load_explanation(connection, name))
    )
