"""By which prices one job is charged, and to whom it may then go.

A customer may prefer price, speed or quality. The best worker by that preference is found among
those that could take the job now; its ask, or the list price if its owner made no offer, is locked
for the job. Every worker that asks no more for this very job may serve it, so a retry never costs
more. Without a preference the list price is locked, and the scheduler chooses as ever.
Source: mission N18; decision 0013.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from basis.dispatch.choice import Choice
from basis.dispatch.session import WorkerSession
from basis.gateway.ask_bounds import bounds_of
from basis.gateway.context import GatewayContext
from basis.gateway.keys import Customer
from basis.rules.catalog import Model
from basis.rules.errors import InvalidInput, RuntimePending
from basis.rules.offer_checks import asks_no_more, compute_most
from basis.rules.offer_locks import is_in_time
from basis.rules.pricing import PriceTerms, apply_offer

PREFER_HEADER = "X-Basis-Prefer"
PRICE_HEADER = "X-Basis-Price"
_RETRY_AFTER_S = 15
_LONGEST_SHOWN = 40

_Rank = Callable[[WorkerSession], tuple[int, ...]]


class Preference(enum.StrEnum):
    """What a customer would rather have than the scheduler's own choice."""

    PRICE = "price"
    SPEED = "speed"
    QUALITY = "quality"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundWorker:
    """The worker whose ask the locked prices are: for this job its owner is held to it."""

    worker_id: str
    wallet: str

    def is_behind(self, session: WorkerSession) -> bool:
        """Whether the session is this worker's, and still pays the owner who made the offer."""
        return (session.worker_id, session.wallet) == (self.worker_id, self.wallet)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLock:
    """The terms of one job, fixed, and the workers that may serve it on them."""

    terms: PriceTerms
    bound: BoundWorker | None
    """None for list prices."""
    preference: Preference | None
    choice: Choice

    @property
    def header(self) -> str:
        """The value of `X-Basis-Price`: micro-credits per million tokens, and whose prices."""
        prices = f"prompt={self.terms.prompt_price}, output={self.terms.output_price}"
        if self.terms.offer_hash:
            return f'{prices}, terms=offer, offer="{self.terms.offer_hash}"'
        return f"{prices}, terms=list"


def preference_of(request: web.Request, customer: Customer) -> Preference | None:
    """The preference that a request's header names, else its key's own; None for neither.

    Raises:
        InvalidInput: there is no such preference.
    """
    header = request.headers.get(PREFER_HEADER)
    if header is None:
        own = customer.limits.prefers
        of_parent = customer.parent_limits.prefers if customer.parent_limits is not None else ""
        wanted = own or of_parent
        if not wanted:
            return None
    else:
        wanted = header.strip().lower()
    try:
        return Preference(wanted)
    except ValueError:
        raise InvalidInput(
            f"{PREFER_HEADER} is {wanted[:_LONGEST_SHOWN]!r}: expected {', '.join(Preference)}",
            param=PREFER_HEADER.lower(),
        ) from None


def choose_terms(
    context: GatewayContext,
    model: Model,
    list_terms: PriceTerms,
    *,
    prompt_tokens: int,
    max_tokens: int,
    preference: Preference | None,
    now: str,
) -> PriceLock:
    """The prices that are locked at the time `now` for a job, and whom it may go to.

    Raises:
        RuntimePending: each connected worker asks for more than the list price, and the customer
            has not said that it would pay that.
    """
    candidates = _Candidates(
        context, model, list_terms, prompt_tokens=prompt_tokens, max_tokens=max_tokens
    )
    terms, bound = list_terms, None
    if preference is not None:
        best = candidates.find_best(preference, at=now)
        if best is not None:
            terms, bound = best
    lock = candidates.lock(terms, bound, preference)
    if not any(map(lock.choice.admits, context.dispatcher.scheduler.sessions_of(model.name))):
        raise RuntimePending(
            f"no connected worker serves {model.name!r} at the list price at the moment: try again "
            f"later, or send {PREFER_HEADER}: price to pay the least that one asks",
            retry_after_s=_RETRY_AFTER_S,
        )
    return lock


def relock_terms(
    context: GatewayContext,
    model: Model,
    list_terms: PriceTerms,
    *,
    terms: PriceTerms,
    bound: BoundWorker | None,
    prompt_tokens: int,
    max_tokens: int,
    preference: Preference | None,
) -> PriceLock:
    """The lock of terms that were promised before, as by a quote, with `bound` as it was then.

    Whoever calls has checked that the promise is ours and has not run out.
    """
    candidates = _Candidates(
        context, model, list_terms, prompt_tokens=prompt_tokens, max_tokens=max_tokens
    )
    return candidates.lock(terms, bound, preference)


class _Candidates:
    """The workers of a model, and what each would cost for one job."""

    def __init__(
        self,
        context: GatewayContext,
        model: Model,
        list_terms: PriceTerms,
        *,
        prompt_tokens: int,
        max_tokens: int,
    ) -> None:
        context.offers.advance()
        self._context = context
        self._model = model
        self._list_terms = list_terms
        self._prompt_tokens = prompt_tokens
        self._max_tokens = max_tokens

    def find_best(
        self, preference: Preference, *, at: str
    ) -> tuple[PriceTerms, BoundWorker | None] | None:
        """The terms of the worker that comes first, of those with a free slot if there are any.

        None if each asks for what the rails do not allow any more, or by an offer that does not
        hold at the time `at`, which will stand on the receipt: the clock was set back then.
        """
        rank = self._rank_by(preference)
        bounds = bounds_of(self._context, self._model, at=at)
        best: tuple[PriceTerms, BoundWorker | None] | None = None
        best_key: tuple[bool, tuple[int, ...], float, int] | None = None
        for session in self._context.dispatcher.scheduler.sessions_of(self._model.name):
            (prompt_price, output_price), offer_hash = self._prices_of(session)
            if offer_hash and not (
                bounds.has(prompt_price=prompt_price, output_price=output_price)
                and self._is_in_time(session, at=at)
            ):
                continue
            key = session.free_slots <= 0, rank(session), session.load, session.last_pick
            if best_key is not None and key >= best_key:
                continue
            best_key = key
            if not offer_hash:
                best = self._list_terms, None
                continue
            terms = apply_offer(
                self._list_terms,
                offer_hash=offer_hash,
                prompt_price=prompt_price,
                output_price=output_price,
            )
            best = terms, BoundWorker(worker_id=session.worker_id, wallet=session.wallet)
        return best

    def lock(
        self, terms: PriceTerms, bound: BoundWorker | None, preference: Preference | None
    ) -> PriceLock:
        """These terms with the workers that may serve the job on them."""
        locked = terms.prompt_price, terms.output_price

        def admits(session: WorkerSession) -> bool:
            if bound is not None and bound.is_behind(session):
                return True
            prices, _ = self._prices_of(session)
            return asks_no_more(
                prices, locked, prompt_tokens=self._prompt_tokens, max_tokens=self._max_tokens
            )

        choice = Choice(admits=admits, rank=self._rank_by(preference))
        return PriceLock(terms=terms, bound=bound, preference=preference, choice=choice)

    def _is_in_time(self, session: WorkerSession, *, at: str) -> bool:
        live = self._context.offers.shelf.live_offer(session.worker_id)
        return live is not None and is_in_time(
            live.offer, accepted_at=live.record.accepted_at, at=at
        )

    def _prices_of(self, session: WorkerSession) -> tuple[tuple[int, int], str]:
        """((prompt price, output price), hash of the offer) of a worker now."""
        found = self._context.offers.ask_of(
            session.worker_id, wallet=session.wallet, model=self._model.name
        )
        if found is None:
            return (self._list_terms.prompt_price, self._list_terms.output_price), ""
        live, ask = found
        return (ask.prompt_price, ask.output_price), live.record.hash

    def _rank_by(self, preference: Preference | None) -> _Rank:
        match preference:
            case None:
                return lambda _session: ()
            case Preference.PRICE:
                return self._rank_by_price
            case Preference.SPEED:
                return self._rank_by_speed
            case Preference.QUALITY:
                return self._rank_by_quality

    def _rank_by_price(self, session: WorkerSession) -> tuple[int, ...]:
        prices, _ = self._prices_of(session)
        most = compute_most(prices, prompt_tokens=self._prompt_tokens, max_tokens=self._max_tokens)
        return (most,)

    def _rank_by_speed(self, session: WorkerSession) -> tuple[int, ...]:
        """Those that were measured first: nobody is fast on its word."""
        token_us = session.pace(self._model.name).token_us
        return (1, 0) if token_us is None else (0, token_us)

    def _rank_by_quality(self, session: WorkerSession) -> tuple[int, ...]:
        """By uptime: no check of answers exists, so that `quality_bps` is 10000 for everybody."""
        minute = int(time.time()) // 60
        online = self._context.presence.online_minutes(session.worker_id, minute=minute)
        return (-online,)
