"""The plain HTTP calls about workers; the seed's two `curl` calls work here verbatim."""

from __future__ import annotations

import time

import msgspec
from aiohttp import web

from basis.dispatch.address import address_group
from basis.dispatch.lease import now_us
from basis.gateway.bodies import bearer_token, read_int, read_json, refuse_unknown_query
from basis.gateway.context import CONTEXT, GatewayContext
from basis.rules.names import parse_worker_id
from basis.storage.clock import now_iso
from basis.storage.worker_store import WorkerRecord
from basis.wire.registration import (
    HeartbeatRequest,
    HeartbeatResponse,
    RegisterRequest,
    RegisterResponse,
)

_PAGE = 500
"""Default and most workers of one answer: a call without parameters shows a small network whole."""

_decode_register = msgspec.json.Decoder(RegisterRequest)
_decode_heartbeat = msgspec.json.Decoder(HeartbeatRequest)


async def post_register(request: web.Request) -> web.StreamResponse:
    """`POST /api/workers/register`."""
    context = request.app[CONTEXT]
    asked = await read_json(request, _decode_register)
    context.registrations.take(client_address(request, context))
    answer = await context.background.to_its_end(
        _register(context, asked, token=bearer_token(request))
    )
    return _json(answer, status=201 if answer.created else 200)


async def _register(
    context: GatewayContext, asked: RegisterRequest, *, token: str | None
) -> RegisterResponse:
    """Registers, and ends the offers of an owner that is not paid any more."""
    answer = await context.roster.register(asked, token=token)
    await context.offers.on_registration(answer.worker_id)
    return answer


async def post_heartbeat(request: web.Request) -> web.StreamResponse:
    """`POST /api/workers/heartbeat`: answers what we make of the worker; changes nothing.

    Being routable, and the uptime that counts, need the authenticated link: anybody can send this.
    """
    context = request.app[CONTEXT]
    asked = await read_json(request, _decode_heartbeat)
    record = context.roster.get(asked.worker_id)
    state, reason = worker_state(context, record.id)
    if state == "offline":
        reason += "; the heartbeat was heard, but jobs need the link of `basis worker run`"
    return _json(
        HeartbeatResponse(worker_id=record.id, state=state, reason=reason, server_time=now_iso())
    )


async def get_workers(request: web.Request) -> web.StreamResponse:
    """`GET /api/workers?limit=&after=`: registered workers by id, each with its state and why."""
    context = request.app[CONTEXT]
    refuse_unknown_query(request, "limit", "after")
    limit = read_int(request, "limit", default=_PAGE, low=1, high=_PAGE) or _PAGE
    page = context.roster.page(after=_read_worker_id(request, "after"), limit=limit)
    return _json(
        {
            "workers": [describe_worker(context, record) for record in page],
            "count": len(context.roster),
            "after": page[-1].id if len(page) == limit else None,
        }
    )


async def get_worker(request: web.Request) -> web.StreamResponse:
    """`GET /api/workers/{worker_id}`."""
    context = request.app[CONTEXT]
    refuse_unknown_query(request)
    record = context.roster.get(request.match_info["worker_id"])
    return _json(describe_worker(context, record))


async def connect_worker(request: web.Request) -> web.StreamResponse:
    """`GET /api/workers/connect`: the worker link."""
    context = request.app[CONTEXT]
    return await context.link.handle(request, address=client_address(request, context))


def worker_state(context: GatewayContext, worker_id: str) -> tuple[str, str]:
    """online, draining or offline, and the reason in words."""
    session = context.dispatcher.sessions.get(worker_id)
    if session is None:
        return "offline", "its link is not connected"
    silent_s = (now_us() - session.heard_us) // 1_000_000
    if session.is_draining:
        return "draining", f"it finishes {session.in_flight} jobs and takes no new ones"
    return "online", f"its link is connected, last heard {silent_s} s ago"


def describe_worker(context: GatewayContext, record: WorkerRecord) -> dict[str, object]:
    """What everybody may know of a worker; never its network address."""
    state, reason = worker_state(context, record.id)
    minute = int(time.time()) // 60
    described: dict[str, object] = {
        "worker_id": record.id,
        "worker_wallet": record.wallet,
        "runtime": record.runtime,
        "models": list(record.models),
        "state": state,
        "reason": reason,
        "online_minutes_24h": context.presence.online_minutes(record.id, minute=minute),
        "earned_raw": str(context.roster.earned_raw(record.id)),
        "registered_at": record.created_at,
    }
    session = context.dispatcher.sessions.get(record.id)
    if session is not None:
        described["routable_models"] = sorted(session.models)
        described["slots"] = session.slots
        described["jobs_in_flight"] = session.in_flight
        described["jobs_completed_this_session"] = session.completed_jobs
        described["hardware_claimed"] = msgspec.to_builtins(session.hardware)
    return described


def _read_worker_id(request: web.Request, name: str) -> str:
    worker_id = request.query.get(name)
    return "" if worker_id is None else parse_worker_id(worker_id, param=name)


def client_address(request: web.Request, context: GatewayContext) -> str:
    """What is counted as one stranger: see `address_group`."""
    if context.settings.server.trust_forwarded_for:
        # The proxy's word is the last one; what stands before it anybody may have written.
        lines = request.headers.getall("X-Forwarded-For", [])
        forwarded = ",".join(lines).rpartition(",")[2].strip()
        if forwarded:
            return address_group(forwarded)
    return address_group(request.remote or "unknown")


def _json(answer: object, *, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(answer), status=status, content_type="application/json"
    )
