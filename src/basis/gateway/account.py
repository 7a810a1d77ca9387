"""`GET /api/account`: what the key at the door may spend, what limits it, and what things cost.

A key without a parent sees the whole account. A sub-key is often somebody else's: it sees its own
and its parent's limits and what it may spend now, and nothing of the account beyond that.
Source: docs/decisions/0011-credits.md.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from basis.gateway.bodies import refuse_unknown_query
from basis.gateway.context import CONTEXT, GatewayContext
from basis.gateway.keys import Customer
from basis.storage.account_store import (
    AccountRecord,
    Credits,
    KeySpending,
    load_account,
    load_credits,
    load_key_spending,
)
from basis.storage.clock import now_iso
from basis.storage.key_store import KeyLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a customer may spend at one moment. Amounts in micro-credits."""

    account: AccountRecord
    credits: Credits
    own: KeySpending
    parent: KeySpending | None
    spendable: int | None
    """The least of what is available and what the daily budgets leave; None without limit."""


async def get_account(request: web.Request) -> web.StreamResponse:
    """`GET /api/account`."""
    context = request.app[CONTEXT]
    customer = await context.keys.authenticate(request)
    refuse_unknown_query(request)
    now = now_iso()
    standing = await load_standing(context, customer, now=now)
    answer: dict[str, object] = {
        "userId": customer.user_id,
        "credits": _credits_json(standing) if customer.parent_id is None else None,
        "spendableMicrocredits": _text(standing.spendable),
        "key": _key_json(context, customer.key_id, customer.limits, standing.own, now=now),
        "parent": None,
        "prices": _prices_json(context, customer, now=now),
    }
    if customer.parent_id is not None and standing.parent is not None:
        limits = customer.parent_limits or KeyLimits()
        answer["parent"] = _key_json(context, customer.parent_id, limits, standing.parent, now=now)
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


async def load_standing(context: GatewayContext, customer: Customer, *, now: str) -> Standing:
    """What the customer may spend at the time `now`."""

    def load() -> Standing:
        with context.engine.connect() as connection:
            return _load(connection, customer, day=now[:10])

    return await asyncio.to_thread(load)


def _load(connection: Connection, customer: Customer, *, day: str) -> Standing:
    credits_now = load_credits(connection, customer.user_id)
    own = load_key_spending(connection, customer.key_id, day=day)
    parent = None
    rests = [credits_now.available, _rest(customer.limits, own)]
    if customer.parent_id is not None and customer.parent_limits is not None:
        parent = load_key_spending(connection, customer.parent_id, day=day)
        rests.append(_rest(customer.parent_limits, parent))
    limited = [rest for rest in rests if rest is not None]
    return Standing(
        account=load_account(connection, customer.user_id),
        credits=credits_now,
        own=own,
        parent=parent,
        spendable=max(0, min(limited)) if limited else None,
    )


def _rest(limits: KeyLimits, spending: KeySpending) -> int | None:
    if limits.credits_per_day is None:
        return None
    return limits.credits_per_day - spending.spent - spending.held


def _credits_json(standing: Standing) -> dict[str, object]:
    limit = standing.account.credit_limit
    return {
        "billing": "postpaid" if limit is None else "prepaid",
        "balanceMicrocredits": str(standing.credits.balance),
        "heldMicrocredits": str(standing.credits.held),
        "availableMicrocredits": _text(standing.credits.available),
        "creditLimitMicrocredits": _text(limit),
    }


def _key_json(
    context: GatewayContext, key_id: str, limits: KeyLimits, spending: KeySpending, *, now: str
) -> dict[str, object]:
    requests, tokens = context.rates.count(key_id)
    return {
        "id": key_id,
        "limits": {
            "microcreditsPerDay": _text(limits.credits_per_day),
            "requestsPerMinute": limits.requests_per_minute,
            "tokensPerMinute": limits.tokens_per_minute,
            "models": list(limits.models),
            "expiresAt": limits.expires_at,
            "prefers": limits.prefers or None,
        },
        "used": {
            "day": now[:10],
            "spentMicrocredits": str(spending.spent),
            "heldMicrocredits": str(spending.held),
            "requestsThisMinute": requests,
            "tokensThisMinute": tokens,
        },
    }


def _prices_json(context: GatewayContext, customer: Customer, *, now: str) -> dict[str, object]:
    """What the models that the key is for cost now, in micro-credits per million tokens."""
    epoch = context.prices.epoch(at=now)
    models = [model for model in context.catalog.models if customer.may_use(model.name)]
    table = [context.prices.terms(model, at=now) for model in models]
    return {
        "epoch": epoch.version,
        "isPlaceholder": epoch.is_placeholder,
        "basisRawPerMicrocredit": str(epoch.basis_raw_per_microcredit),
        "models": [
            {
                "model": terms.model_id,
                "promptPrice": str(terms.prompt_price),
                "outputPrice": str(terms.output_price),
            }
            for terms in table
        ],
    }


def _text(microcredits: int | None) -> str | None:
    return None if microcredits is None else str(microcredits)
