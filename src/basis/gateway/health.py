"""`/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

import msgspec
from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from basis.gateway.context import CONTEXT


async def get_health(_request: web.Request) -> web.StreamResponse:
    """Alive: the event loop answers."""
    return web.Response(text="ok\n")


async def get_ready(request: web.Request) -> web.StreamResponse:
    """Ready: new jobs are taken, and the store takes writes. Workers are not asked for.

    `warnings` are for the operator, and no reason to send customers elsewhere.
    """
    context = request.app[CONTEXT]
    problems: list[str] = []
    if context.stopping.is_set():
        problems.append("stopping")
    if context.writer.last_error is not None:
        problems.append("the store refuses writes")
    served = sorted(context.dispatcher.scheduler.models_served())
    warnings: list[str] = []
    if context.damaged_jobs.count:
        warnings.append(f"{context.damaged_jobs.count} open jobs are damaged: the log names them")
    body = {
        "ready": not problems,
        "problems": problems,
        "warnings": warnings,
        "models_served": served,
    }
    return web.Response(
        body=msgspec.json.encode(body),
        status=503 if problems else 200,
        content_type="application/json",
    )


async def get_metrics(request: web.Request) -> web.StreamResponse:
    """Prometheus's text format."""
    metrics = request.app[CONTEXT].metrics
    return web.Response(
        body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )
