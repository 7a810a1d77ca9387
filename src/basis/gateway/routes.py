"""Every path of the orchestrator, on one screen."""

from __future__ import annotations

from aiohttp import web

from basis.gateway.account import get_account
from basis.gateway.account_statement import get_statement
from basis.gateway.account_usage import get_usage
from basis.gateway.billing_webhook import post_stripe_webhook
from basis.gateway.bodies import BODY_TIMEOUT_S
from basis.gateway.connections import guard_connection
from basis.gateway.context import CONTEXT, GatewayContext
from basis.gateway.earnings import get_earnings
from basis.gateway.embeddings import post_embeddings
from basis.gateway.errors import SERVER_NAME, answer_errors
from basis.gateway.explain import get_explanation
from basis.gateway.health import get_health, get_metrics, get_ready
from basis.gateway.market import (
    delete_offers,
    get_market,
    get_offer,
    post_offer,
    post_withdrawal,
)
from basis.gateway.model_list import get_catalog, get_model, get_models
from basis.gateway.phases import get_phase, get_phases, get_points
from basis.gateway.pricing import get_pricing
from basis.gateway.quotes import post_quote
from basis.gateway.records import get_batch, get_batches, get_receipt, get_receipts
from basis.gateway.text_jobs import post_chat, post_completion
from basis.gateway.workers import (
    connect_worker,
    get_worker,
    get_workers,
    post_heartbeat,
    post_register,
)
from basis.wire.earnings import EARNINGS_PATH
from basis.wire.frames import CONNECT_PATH
from basis.wire.offers import MARKET_PATH, OFFERS_PATH, WITHDRAWALS_PATH
from basis.wire.registration import (
    CATALOG_PATH,
    HEARTBEAT_PATH,
    REGISTER_PATH,
    WORKERS_PATH,
)


def make_application(context: GatewayContext) -> web.Application:
    """The HTTP application over a running orchestrator's parts."""
    application = web.Application(
        client_max_size=context.settings.server.max_body_bytes,
        middlewares=[answer_errors, guard_connection],
    )
    application[CONTEXT] = context
    application[BODY_TIMEOUT_S] = context.settings.server.body_timeout_s
    application.on_response_prepare.append(_hide_server)
    application.router.add_routes(
        [
            web.post("/v1/chat/completions", post_chat),
            web.post("/v1/completions", post_completion),
            web.post("/v1/embeddings", post_embeddings),
            web.get("/v1/models", get_models),
            web.get("/v1/models/{name}", get_model),
            web.post(REGISTER_PATH, post_register),
            web.post(HEARTBEAT_PATH, post_heartbeat),
            web.get(CONNECT_PATH, connect_worker),
            web.get(WORKERS_PATH, get_workers),
            web.get(MARKET_PATH, get_market),
            web.post(OFFERS_PATH, post_offer),
            web.post(WITHDRAWALS_PATH, post_withdrawal),
            web.get(OFFERS_PATH + "/{hash}", get_offer),
            web.delete(WORKERS_PATH + "/{worker_id}/offers", delete_offers),
            web.get(WORKERS_PATH + "/{worker_id}", get_worker),
            web.get(EARNINGS_PATH, get_earnings),
            web.get(CATALOG_PATH, get_catalog),
            web.post("/api/inference/quote", post_quote),
            web.get("/api/inference/receipts", get_receipts),
            web.get("/api/inference/receipts/{hash}", get_receipt),
            web.get("/api/inference/receipts/{hash}/explain", get_explanation),
            web.get("/api/settlement/batches", get_batches),
            web.get("/api/settlement/batches/{hash}", get_batch),
            web.get("/api/points/{wallet}", get_points),
            web.get("/api/phases", get_phases),
            web.get("/api/phases/{id}", get_phase),
            web.get("/api/account", get_account),
            web.get("/api/account/usage", get_usage),
            web.get("/api/account/statement", get_statement),
            web.get("/api/pricing", get_pricing),
            web.post("/api/billing/webhooks/stripe", post_stripe_webhook),
            web.get("/metrics", get_metrics),
            web.get("/healthz", get_health),
            web.get("/readyz", get_ready),
        ]
    )
    return application


async def _hide_server(_request: web.Request, response: web.StreamResponse) -> None:
    """The library would tell its own and Python's version to everybody."""
    response.headers["Server"] = SERVER_NAME
