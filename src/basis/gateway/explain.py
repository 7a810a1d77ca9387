"""A receipt's explanation over HTTP, as public as the receipt."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from basis.accounting.explain import Explanation, explanation_json, load_explanation
from basis.gateway.bodies import refuse_unknown_query
from basis.gateway.context import CONTEXT


async def get_explanation(request: web.Request) -> web.StreamResponse:
    """`GET /api/inference/receipts/{hash}/explain`; a job id works too."""
    context = request.app[CONTEXT]
    refuse_unknown_query(request)
    name = request.match_info["hash"]

    def load() -> Explanation:
        with context.engine.connect() as connection:
            return load_explanation(connection, name)

    explanation = await asyncio.to_thread(load)
    return web.Response(
        body=msgspec.json.encode(explanation_json(explanation)), content_type="application/json"
    )
