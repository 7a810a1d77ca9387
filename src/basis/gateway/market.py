"""The market of workers: owners' offers come in here, and anybody sees what each model costs."""

from __future__ import annotations

import msgspec
from aiohttp import web

from basis.dispatch.lease import now_us
from basis.dispatch.offer_shelf import LiveOffer
from basis.gateway.ask_bounds import bounds_of, bounds_of_all
from basis.gateway.bodies import bearer_token, read_int, read_json, refuse_unknown_query
from basis.gateway.context import CONTEXT, GatewayContext
from basis.gateway.records import read_records
from basis.gateway.workers import client_address
from basis.rules.catalog import Model
from basis.rules.errors import Unauthenticated
from basis.rules.offer import Offer, signed_json
from basis.rules.offer_checks import RAILS, AskBounds, ModelBounds
from basis.storage.clock import now_iso
from basis.storage.offer_store import load_offer
from basis.wire.offers import OfferResponse, SignedOffer, SignedWithdrawal, WithdrawalResponse

_PAGE = 100
_LARGEST_PAGE = 500
_decode_offer = msgspec.json.Decoder(SignedOffer)
_decode_withdrawal = msgspec.json.Decoder(SignedWithdrawal)


async def post_offer(request: web.Request) -> web.StreamResponse:
    """`POST /api/workers/offers`: from anybody, since the owner's signature binds every field."""
    context = request.app[CONTEXT]
    refuse_unknown_query(request)
    asked = await read_json(request, _decode_offer)
    context.registrations.take(client_address(request, context))
    at = now_iso()
    offer = asked.offer.as_offer()
    record, is_new = await context.background.to_its_end(
        context.offers.submit(
            offer,
            signature=asked.signature,
            bounds=bounds_of_all(context, at=at),
            rails=RAILS[-1].version,
            epoch=context.prices.epoch(at=at).version,
        ),
    )
    answer = OfferResponse(
        offer_hash=record.hash,
        worker_id=offer.worker_id,
        state=context.offers.state_of(record),
        created=is_new,
        accepted_at=record.accepted_at,
    )
    return _json(answer, status=201 if is_new else 200)


async def post_withdrawal(request: web.Request) -> web.StreamResponse:
    """`POST /api/workers/offers/withdraw`: the owner's signed withdrawal, from anybody."""
    context = request.app[CONTEXT]
    refuse_unknown_query(request)
    asked = await read_json(request, _decode_withdrawal)
    context.registrations.take(client_address(request, context))
    withdrawal = asked.withdrawal.as_withdrawal()
    withdrawn = await context.background.to_its_end(
        context.offers.withdraw(withdrawal, signature=asked.signature)
    )
    return _json(WithdrawalResponse(worker_id=withdrawal.worker_id, withdrawn=withdrawn))


async def delete_offers(request: web.Request) -> web.StreamResponse:
    """`DELETE /api/workers/{worker_id}/offers`, with the worker's token: ends all of them."""
    context = request.app[CONTEXT]
    refuse_unknown_query(request)
    token = bearer_token(request)
    if token is None:
        raise Unauthenticated("send the worker's token as `Authorization: Bearer wt-basis-...`")
    worker = context.roster.authenticate(request.match_info["worker_id"], token)
    withdrawn = await context.background.to_its_end(context.offers.withdraw_all(worker.id))
    return _json(WithdrawalResponse(worker_id=worker.id, withdrawn=withdrawn))


async def get_offer(request: web.Request) -> web.StreamResponse:
    """`GET /api/workers/offers/{hash}`: what was signed, so that anyone can check a receipt's."""
    context = request.app[CONTEXT]
    refuse_unknown_query(request)
    name = request.match_info["hash"]

    record = await read_records(request, lambda connection: load_offer(connection, name))
    kind = "offer" if isinstance(record.signed, Offer) else "withdrawal"
    return _json(
        {
            "offer_hash": record.hash,
            kind: signed_json(record.signed),
            "signature": record.signature,
            "state": context.offers.state_of(record),
            "rails": record.rails,
            "pricing_epoch": record.epoch,
            "accepted_at": record.accepted_at,
            "ended_at": record.ended_at,
        }
    )


async def get_market(request: web.Request) -> web.StreamResponse:
    """`GET /api/workers/market?model=&limit=`: each model's prices, cheapest offers first."""
    context = request.app[CONTEXT]
    refuse_unknown_query(request, "model", "limit")
    limit = read_int(request, "limit", default=_PAGE, low=1, high=_LARGEST_PAGE) or _PAGE
    wanted = request.query.get("model")
    models = context.catalog.models if wanted is None else (context.catalog.get(wanted),)
    at = now_iso()
    return _json(
        {
            "pricing_epoch": context.prices.epoch(at=at).version,
            "rails": RAILS[-1].version,
            "unit": "micro-credits per million tokens; 1 credit = 0.001 USD",
            "canary": "unchecked: no canary exists yet",
            "models": [describe_model(context, model, limit=limit, at=at) for model in models],
        }
    )


def describe_model(
    context: GatewayContext, model: Model, *, limit: int, at: str
) -> dict[str, object]:
    """The list price, what may be asked, the cheapest worker that can serve now, and the offers."""
    terms = context.prices.terms(model, at=at)
    bounds = bounds_of(context, model, at=at)
    shelf = context.offers.shelf
    return {
        "model": model.name,
        "list_price": _prices(terms.prompt_price, terms.output_price),
        "may_ask": {"prompt": _range(bounds.prompt), "output": _range(bounds.output)},
        "cheapest": _cheapest(context, model, bounds),
        "offers": [
            describe_offer(context, live, model, bounds)
            for live in shelf.cheapest(model.name, limit=limit)
        ],
        "offer_count": shelf.count(model.name),
    }


def describe_offer(
    context: GatewayContext, live: LiveOffer, model: Model, bounds: ModelBounds
) -> dict[str, object]:
    """A live offer as everybody may see it; never a network address."""
    offer, ask = live.offer, live.asks[model.name]
    session = context.dispatcher.sessions.get(offer.worker_id)
    reason = why_not_routable(context, live, model, bounds)
    return {
        "worker_id": offer.worker_id,
        "worker_wallet": offer.wallet,
        "offer_hash": live.record.hash,
        **_prices(ask.prompt_price, ask.output_price),
        "capacity": offer.capacity,
        "routable": not reason,
        "reason": reason,
        "free_slots": max(0, session.free_slots) if session is not None and not reason else 0,
        "heard_s_ago": None if session is None else (now_us() - session.heard_us) // 1_000_000,
        "accepted_at": live.record.accepted_at,
        "expires_at": offer.expires_at,
        "expires_in_s": offer.expires_at - context.offers.shelf.now_s,
    }


def why_not_routable(
    context: GatewayContext, live: LiveOffer, model: Model, bounds: ModelBounds
) -> str:
    """Why no job can be priced by this offer's ask for the model now; "" if one can."""
    ask = live.asks[model.name]
    session = context.dispatcher.sessions.get(live.offer.worker_id)
    if not bounds.has(prompt_price=ask.prompt_price, output_price=ask.output_price):
        return "its ask is outside the rails of the prices in force: sign a new offer"
    if session is None:
        return "its worker is not connected"
    if session.wallet != live.offer.wallet:
        return "its worker has not connected since its wallet changed"
    if model.name not in session.models:
        return "its worker does not serve this model"
    if not session.is_routable:
        return "its worker is draining: it takes no new jobs"
    return ""


def _cheapest(
    context: GatewayContext, model: Model, bounds: ModelBounds
) -> dict[str, object] | None:
    """The routable offer with the lowest sum of both asks; None if there is none."""
    found: list[tuple[int, str, LiveOffer]] = []
    for session in context.dispatcher.scheduler.sessions_of(model.name):
        live = context.offers.shelf.live_offer(session.worker_id)
        if live is None or model.name not in live.asks:
            continue
        if not why_not_routable(context, live, model, bounds):
            ask = live.asks[model.name]
            found.append((ask.prompt_price + ask.output_price, session.worker_id, live))
    if not found:
        return None
    _, worker_id, live = min(found, key=lambda one: one[:2])
    ask = live.asks[model.name]
    return {
        "worker_id": worker_id,
        "offer_hash": live.record.hash,
        **_prices(ask.prompt_price, ask.output_price),
    }


def _prices(prompt_price: int, output_price: int) -> dict[str, object]:
    return {"prompt_price": str(prompt_price), "output_price": str(output_price)}


def _range(bounds: AskBounds) -> dict[str, str]:
    return {"least": str(max(bounds.floor, bounds.lowest)), "most": str(bounds.highest)}


def _json(answer: object, *, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(answer), status=status, content_type="application/json"
    )
