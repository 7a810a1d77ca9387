"""`GET /api/account/usage`: what a customer used, by day, model or key; a sub-key sees its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
from aiohttp import web

from basis.gateway.bodies import refuse_unknown_query
from basis.gateway.context import CONTEXT, GatewayContext
from basis.gateway.streamed_rows import csv_lines, stream_parts
from basis.rules.errors import InvalidInput
from basis.storage.usage_totals import (
    USAGE_COLUMNS,
    USAGE_PAGE,
    UsageQuery,
    UsageTotal,
    load_usage_totals,
    make_usage_query,
    usage_json,
)

_FORMS = ("json", "csv")


async def get_usage(request: web.Request) -> web.StreamResponse:
    """`GET /api/account/usage?from=&to=&by=day|model|key&format=json|csv`, both days included."""
    context = request.app[CONTEXT]
    customer = await context.keys.authenticate(request)
    refuse_unknown_query(request, "from", "to", "by", "format")
    form = read_form(request)
    query = make_usage_query(
        user_id=customer.user_id,
        key_ids=None if customer.parent_id is None else (customer.key_id,),
        since=request.query.get("from", ""),
        until=request.query.get("to", ""),
        by=request.query.get("by", "day"),
    )
    parts = _as_csv(context, query) if form == "csv" else _as_json(context, query)
    return await stream_parts(request, parts, form=form)


def read_form(request: web.Request) -> str:
    """The query parameter `format`.

    Raises:
        InvalidInput: neither json nor csv.
    """
    form = request.query.get("format", "json")
    if form not in _FORMS:
        raise InvalidInput(f"format is {form[:40]!r}: expected json or csv", param="format")
    return form


async def _pages(context: GatewayContext, query: UsageQuery) -> AsyncIterator[list[UsageTotal]]:
    """The totals, each page in a read of its own, so that a slow reader keeps none open."""
    after: str | None = None
    while True:

        def load(after: str | None = after) -> list[UsageTotal]:
            with context.engine.connect() as connection:
                return load_usage_totals(connection, query, after=after, limit=USAGE_PAGE)

        page = await asyncio.to_thread(load)
        yield page
        if len(page) < USAGE_PAGE:
            return
        after = page[-1].name


async def _as_csv(context: GatewayContext, query: UsageQuery) -> AsyncIterator[bytes]:
    head: list[tuple[object, ...]] = [(query.by.value, *USAGE_COLUMNS)]
    async for page in _pages(context, query):
        rows = [
            (
                total.name,
                total.requests,
                total.completed,
                total.prompt_tokens,
                total.output_tokens,
                total.microcredits,
            )
            for total in page
        ]
        yield csv_lines([*head, *rows])
        head = []


async def _as_json(context: GatewayContext, query: UsageQuery) -> AsyncIterator[bytes]:
    start = {"by": query.by.value, "from": query.since or None, "to": query.until}
    before = msgspec.json.encode(start).removesuffix(b"}") + b',"rows":['
    async for page in _pages(context, query):
        rows = [msgspec.json.encode(usage_json(query, total)) for total in page]
        if rows:
            yield before + b",".join(rows)
            before = b","
    yield (b"" if before == b"," else before) + b"]}"
