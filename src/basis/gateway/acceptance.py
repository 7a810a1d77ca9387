"""From a valid request to an accepted job: counted, bounded, priced by the tables in force."""

from __future__ import annotations

import math

import structlog

from basis.accounting.agreement import Agreement
from basis.dispatch.lease import now_us
from basis.gateway.context import GatewayContext
from basis.gateway.job import AcceptedJob
from basis.gateway.keys import Customer
from basis.gateway.rate_limits import RateReservation
from basis.gateway.wishes import Wish, lock_price
from basis.metering.meter import Meter
from basis.rules.catalog import Model, ModelKind
from basis.rules.errors import (
    ContextExceeded,
    InvalidInput,
    Misconfigured,
    RuntimePending,
)
from basis.rules.factors import TABLES
from basis.rules.pricing import compute_charge
from basis.rules.units import TokenCount
from basis.storage.clock import after_iso, now_iso
from basis.storage.receipt_details import VersionRecord
from basis.wire.frames import JobKind

_log = structlog.get_logger(__name__)
_RETRY_AFTER_S = 15
_HOLD_GRACE_S = 300
"""For writing the answer to a slow customer, counting it and writing the receipt."""


def find_model(
    context: GatewayContext, customer: Customer, name: str, kind: ModelKind
) -> tuple[Model, Meter]:
    """The model and its meter, if it can be served at this moment.

    Raises:
        Forbidden: the customer's key is not for this model.
        UnknownModel: not in the catalog.
        InvalidInput: the model is of another kind.
        RuntimePending: nobody serves it now, or the operator has not mapped it.
        LimitExceeded: its queue is full.
    """
    customer.require_model(name)
    model = context.catalog.get(name)
    if kind not in model.kinds:
        kinds = " and ".join(kind.value for kind in model.kinds)
        raise InvalidInput(f"the model {name!r} is for {kinds}, not {kind.value}", param="model")
    if context.stopping.is_set():
        raise RuntimePending("the orchestrator is restarting", retry_after_s=_RETRY_AFTER_S)
    context.dispatcher.scheduler.require_room(name)
    try:
        return model, context.meters.meter_of(name)
    except Misconfigured as error:
        # The message names files of the operator's, which are no customer's business.
        _log.error("model_unmeterable", model=name, error=error.message)
        raise RuntimePending(
            f"{name!r} cannot be metered: its operator has to set it up",
            retry_after_s=_RETRY_AFTER_S,
        ) from error


def bound_length(
    context: GatewayContext,
    model: Model,
    *,
    prompt_tokens: TokenCount,
    prompt_param: str,
    wanted: int | None,
    wanted_param: str = "max_tokens",
) -> TokenCount:
    """How many tokens the answer may have.

    Raises:
        ContextExceeded: prompt and wanted length are more than the context holds.
    """
    room = model.context_tokens - prompt_tokens
    if (wanted is not None and wanted > room) or room < 1:
        asked = f"{prompt_tokens} in the prompt" + (f" and {wanted} to come" if wanted else "")
        raise ContextExceeded(
            f"This model's maximum context length is {model.context_tokens} tokens; "
            f"you asked for {asked}. Shorten the prompt or lower max_tokens.",
            param=prompt_param if room < 1 else wanted_param,
        )
    if wanted is not None:
        return TokenCount(wanted)
    return TokenCount(min(room, context.settings.jobs.default_max_tokens))


def accept_job(
    context: GatewayContext,
    *,
    customer: Customer,
    model: Model,
    meter: Meter,
    kind: JobKind,
    request: bytes,
    prompt_tokens: TokenCount,
    max_tokens: TokenCount,
    wish: Wish,
    rate: RateReservation,
) -> AcceptedJob:
    """The job, with the terms and the versions of every table that will judge it.

    `rate` is what the request was counted with before its prompt was.

    Raises:
        InvalidInput: the quote is for another model.
        LimitExceeded: the key has used up its tokens of this minute.
        RuntimePending: no worker serves the model at the list price, and none else is asked for.
    """
    created_at = now_iso()
    price = lock_price(
        context,
        model,
        wish,
        prompt_tokens=prompt_tokens,
        max_tokens=max_tokens,
        now=created_at,
    )
    terms = price.lock.terms
    rate.raise_to(prompt_tokens + max_tokens)
    most = compute_charge(terms, prompt_tokens=prompt_tokens, output_tokens=max_tokens)
    return AcceptedJob(
        job_id=context.job_ids.next(),
        customer=customer,
        model=model,
        kind=kind,
        request=request,
        prompt_tokens=prompt_tokens,
        max_tokens=max_tokens,
        meter=meter,
        versions=VersionRecord(
            catalog=context.catalog.version,
            pricing=terms.epoch,
            factors=TABLES[-1].version,
            latency_class=model.latency_class,
        ),
        agreement=Agreement(
            key_id=customer.key_id,
            terms=terms,
            locked_at=price.locked_at,
            held_microcredits=most.microcredits,
        ),
        lock=price.lock,
        rate=rate,
        created_at=created_at,
        hold_expires_at=after_iso(created_at, seconds=longest_life_s(context)),
        accepted_us=now_us(),
    )


def longest_life_s(context: GatewayContext) -> int:
    """After how long a job has ended for certain, by its own deadlines."""
    jobs = context.settings.jobs
    return math.ceil(
        jobs.max_attempts * (jobs.queue_timeout_s + jobs.total_timeout_s) + _HOLD_GRACE_S
    )
