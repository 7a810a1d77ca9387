"""What a request's headers say of its price: which worker it would rather have, which quote it
takes up."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from basis.gateway.context import GatewayContext
from basis.gateway.keys import Customer
from basis.gateway.price_choice import (
    PREFER_HEADER,
    BoundWorker,
    Preference,
    PriceLock,
    choose_terms,
    preference_of,
    relock_terms,
)
from basis.gateway.quote_tokens import Promise
from basis.rules.catalog import Model
from basis.storage.clock import now_iso


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A preference and a quote, each if there is one. A quote's terms go before a preference's."""

    preference: Preference | None
    promise: Promise | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPrice:
    """Terms that nothing changes any more, whom the job may go to, and since when they stand."""

    lock: PriceLock
    locked_at: str


def read_wish(request: web.Request, context: GatewayContext, customer: Customer) -> Wish:
    """What the request's headers ask for.

    Raises:
        InvalidInput: an unknown preference, or a quote that is not this customer's or has ended.
    """
    preference = preference_of(request, customer)
    promise = context.quotes.read_header(request, customer, now=now_iso())
    if promise is not None and PREFER_HEADER not in request.headers:
        # What the key prefers by default was asked when the quote was made.
        preference = Preference(promise.preference) if promise.preference else None
    return Wish(preference=preference, promise=promise)


def lock_price(
    context: GatewayContext,
    model: Model,
    wish: Wish,
    *,
    prompt_tokens: int,
    max_tokens: int,
    now: str,
) -> LockedPrice:
    """The terms of a job that is accepted at the time `now`.

    Raises:
        InvalidInput: the quote is for another model, or has ended by now.
        RuntimePending: nobody serves the model on these terms.
    """
    promise = wish.promise
    if promise is None:
        lock = choose_terms(
            context,
            model,
            context.prices.terms(model, at=now),
            prompt_tokens=prompt_tokens,
            max_tokens=max_tokens,
            preference=wish.preference,
            now=now,
        )
        return LockedPrice(lock=lock, locked_at=now)
    promise.require_model(model.name)
    promise.require_in_time(now)  # once more: the body may have taken its time to come
    bound = None
    if promise.worker_id:
        bound = BoundWorker(worker_id=promise.worker_id, wallet=promise.worker_wallet)
    # Whoever made no offer serves at the list price of the quote's own moment.
    lock = relock_terms(
        context,
        model,
        context.prices.terms(model, at=promise.locked_at),
        terms=promise.terms,
        bound=bound,
        prompt_tokens=prompt_tokens,
        max_tokens=max_tokens,
        preference=wish.preference,
    )
    return LockedPrice(lock=lock, locked_at=promise.locked_at)
