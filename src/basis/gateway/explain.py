"""A receipt's explanation over HTTP, as public as the receipt."""

from __future__ import annotations

from aiohttp import web

from basis.accounting.explain import explanation_json, load_explanation
from basis.gateway.bodies import refuse_unknown_query
from basis.gateway.records import json_answer, read_records


async def get_explanation(request: web.Request) -> web.StreamResponse:
    """`GET /api/inference/receipts/{hash}/explain`; a job id works too."""
    refuse_unknown_query(request)
    name = request.match_info["hash"]

    explanation = await read_records(request, lambda connection: load_explanation(connection, name))
    return json_answer(explanation_json(explanation))
