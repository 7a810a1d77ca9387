"""`POST /api/inference/quote`: what a request would cost at most, and a token that locks that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from basis.gateway.acceptance import bound_length, find_model
from basis.gateway.account import load_standing
from basis.gateway.bodies import read_json, refuse_unknown_query
from basis.gateway.context import CONTEXT, GatewayContext
from basis.gateway.keys import Customer
from basis.gateway.price_choice import PriceLock, choose_terms, preference_of
from basis.gateway.prompts import count_chat, count_completion, count_inputs
from basis.gateway.quote_tokens import Promise, make_promise
from basis.gateway.requests import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    JsonObject,
    Message,
    check_chat,
    check_completion,
    embedding_inputs,
)
from basis.gateway.unpaid_requests import Purpose
from basis.metering.meter import Meter
from basis.rules.catalog import Model, ModelKind
from basis.rules.errors import InvalidInput
from basis.rules.pricing import compute_charge, compute_terms_hash, terms_json
from basis.rules.units import TokenCount
from basis.storage.clock import now_iso

_Length = Annotated[int, Meta(ge=1, le=1 << 24)]
_PROMPTS = ("messages", "prompt", "input", "prompt_tokens")


class QuoteRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The prompt as it will be asked, or how many tokens it has; exactly one of the four."""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1, max_length=4_096)] | None = None
    tools: list[JsonObject] | None = None
    prompt: str | list[str | int | list[int]] | None = None
    input: str | list[str | int | list[int]] | None = None
    prompt_tokens: Annotated[int, Meta(ge=0, le=1 << 24)] | None = None
    max_tokens: _Length | None = None


_decode_quote = msgspec.json.Decoder(QuoteRequest)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What is quoted."""

    model: Model
    kind: ModelKind
    prompt_tokens: TokenCount
    max_tokens: TokenCount


async def post_quote(request: web.Request) -> web.StreamResponse:
    """`POST /api/inference/quote`."""
    context = request.app[CONTEXT]
    customer = await context.keys.authenticate(request)
    refuse_unknown_query(request)
    unpaid = context.unpaid_requests
    with context.keys.job_slot(customer), unpaid.watch(request, customer, Purpose.QUOTE):
        preference = preference_of(request, customer)
        asked = await read_json(request, _decode_quote)
        job = await _measure(context, customer, asked)
        now = now_iso()
        lock = choose_terms(
            context,
            job.model,
            context.prices.terms(job.model, at=now),
            prompt_tokens=job.prompt_tokens,
            max_tokens=job.max_tokens,
            preference=preference,
            now=now,
        )
        promise = make_promise(
            customer,
            lock.terms,
            catalog=context.catalog.version,
            now=now,
            worker_id=lock.bound.worker_id if lock.bound is not None else "",
            worker_wallet=lock.bound.wallet if lock.bound is not None else "",
            preference=preference.value if preference is not None else "",
        )
        answer = await _answer(context, customer, job, lock, promise)
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


async def _answer(
    context: GatewayContext, customer: Customer, job: _Job, lock: PriceLock, promise: Promise
) -> dict[str, object]:
    most = compute_charge(lock.terms, prompt_tokens=job.prompt_tokens, output_tokens=job.max_tokens)
    standing = await load_standing(context, customer, now=promise.locked_at)
    spendable = standing.spendable
    return {
        "model": job.model.name,
        "kind": job.kind.value,
        "promptTokens": job.prompt_tokens,
        "maxTokens": job.max_tokens,
        "mostMicrocredits": str(most.microcredits),
        "mostChargeRaw": str(most.charge_raw),
        "spendableMicrocredits": None if spendable is None else str(spendable),
        "isAffordable": spendable is None or most.microcredits <= spendable,
        "terms": terms_json(lock.terms),
        "termsHash": compute_terms_hash(lock.terms),
        "lockedAt": promise.locked_at,
        "expiresAt": promise.expires_at,
        "quote": context.quotes.sign(promise),
    }


async def _measure(context: GatewayContext, customer: Customer, asked: QuoteRequest) -> _Job:
    """The request counted and bounded as it would be if it were sent."""
    given = [name for name in _PROMPTS if getattr(asked, name) is not None]
    if len(given) != 1:
        named = f"got {', '.join(given)}" if given else "got none"
        raise InvalidInput(
            f"send exactly one of {', '.join(_PROMPTS)}: {named}",
            param=given[1] if given else _PROMPTS[0],
        )
    if asked.tools is not None and asked.messages is None:
        raise InvalidInput("tools go with messages", param="tools")
    kind = _kind_of(context, asked)
    model, meter = find_model(context, customer, asked.model, kind)
    tokens = await _count(asked, model, meter)
    if kind is ModelKind.EMBEDDING:
        if asked.max_tokens is not None:
            raise InvalidInput("embeddings have no max_tokens", param="max_tokens")
        return _Job(model=model, kind=kind, prompt_tokens=tokens, max_tokens=TokenCount(0))
    max_tokens = bound_length(
        context, model, prompt_tokens=tokens, prompt_param=given[0], wanted=asked.max_tokens
    )
    return _Job(model=model, kind=kind, prompt_tokens=tokens, max_tokens=max_tokens)


def _kind_of(context: GatewayContext, asked: QuoteRequest) -> ModelKind:
    if asked.messages is not None:
        return ModelKind.CHAT
    if asked.prompt is not None:
        return ModelKind.COMPLETION
    if asked.input is not None:
        return ModelKind.EMBEDDING
    return context.catalog.get(asked.model).kinds[0]


async def _count(asked: QuoteRequest, model: Model, meter: Meter) -> TokenCount:
    if asked.messages is not None:
        chat = ChatRequest(model=asked.model, messages=asked.messages, tools=asked.tools)
        check_chat(chat)
        return await count_chat(chat, model, meter)
    if asked.prompt is not None:
        completion = CompletionRequest(model=asked.model, prompt=asked.prompt)
        check_completion(completion)
        return await count_completion(completion, model, meter)
    if asked.input is not None:
        texts = embedding_inputs(EmbeddingRequest(model=asked.model, input=asked.input))
        return await count_inputs(texts, model, meter)
    return TokenCount(asked.prompt_tokens or 0)
