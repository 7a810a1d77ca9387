"""`/v1/models` for customers, `/api/catalog` for workers."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from aiohttp import web

from basis.gateway.context import CONTEXT, GatewayContext
from basis.rules.catalog import Model
from basis.wire.registration import CatalogEntry, CatalogResponse


async def get_models(request: web.Request) -> web.StreamResponse:
    """`GET /v1/models`: every model of the catalog, and whether somebody serves it now."""
    context = request.app[CONTEXT]
    await context.keys.authenticate(request)
    models = [_as_openai(context, model) for model in context.catalog.models]
    return _json({"object": "list", "data": models})


async def get_model(request: web.Request) -> web.StreamResponse:
    """`GET /v1/models/{name}`."""
    context = request.app[CONTEXT]
    await context.keys.authenticate(request)
    return _json(_as_openai(context, context.catalog.get(request.match_info["name"])))


async def get_catalog(request: web.Request) -> web.StreamResponse:
    """`GET /api/catalog`: what a worker must have to serve each model."""
    catalog = request.app[CONTEXT].catalog
    return _json(
        CatalogResponse(
            version=catalog.version, models=[catalog_entry(model) for model in catalog.models]
        )
    )


def catalog_entry(model: Model) -> CatalogEntry:
    """A row of the catalog as it is published."""
    return CatalogEntry(
        model=model.name,
        kinds=[kind.value for kind in model.kinds],
        context_tokens=model.context_tokens,
        multiplier_bps=model.multiplier_bps,
        latency_class=model.latency_class,
        digests=list(model.digests),
        runtimes=list(model.runtimes),
        min_memory_mib=model.min_memory_mib,
        ready=model.is_ready,
    )


def _as_openai(context: GatewayContext, model: Model) -> dict[str, object]:
    effective_from = datetime.fromisoformat(context.catalog.effective_from).replace(tzinfo=UTC)
    return {
        "id": model.name,
        "object": "model",
        "created": int(effective_from.timestamp()),
        "owned_by": "basis",
        "context_length": model.context_tokens,
        "kinds": [kind.value for kind in model.kinds],
        "multiplier_bps": model.multiplier_bps,
        "available": context.dispatcher.scheduler.can_serve(model.name),
    }


def _json(answer: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")
