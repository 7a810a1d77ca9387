"""`/v1/chat/completions` and `/v1/completions`, streamed and not."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import cast

import msgspec
from aiohttp import web

from basis.gateway.acceptance import accept_job, bound_length, find_model
from basis.gateway.answer_text import AnswerText
from basis.gateway.bodies import read_json
from basis.gateway.context import CONTEXT, GatewayContext
from basis.gateway.job import AcceptedJob, JobOutcome
from basis.gateway.job_run import JobRun
from basis.gateway.keys import Customer
from basis.gateway.price_choice import PRICE_HEADER
from basis.gateway.prompts import count_chat, count_completion
from basis.gateway.rate_limits import RateReservation
from basis.gateway.requests import (
    ChatRequest,
    CompletionRequest,
    as_worker_request,
    check_chat,
    check_completion,
    decode_chat,
    decode_completion,
    wanted_length,
)
from basis.gateway.sinks import Collector, EventStream, usage_of
from basis.gateway.unpaid_requests import Watched
from basis.gateway.wishes import Wish, read_wish
from basis.metering.meter import Meter
from basis.rules.catalog import Model, ModelKind
from basis.rules.errors import BasisError, JobFailed
from basis.rules.job import FailureReason
from basis.rules.units import TokenCount
from basis.wire.frames import JobKind


async def post_chat(request: web.Request) -> web.StreamResponse:
    """`POST /v1/chat/completions`."""
    context = request.app[CONTEXT]
    customer = await context.keys.authenticate(request)
    unpaid = context.unpaid_requests
    with context.keys.job_slot(customer), unpaid.watch(request, customer) as watched:
        wish = read_wish(request, context, customer)
        asked = await read_json(request, decode_chat)
        check_chat(asked)
        model, meter = find_model(context, customer, asked.model, ModelKind.CHAT)
        rate = context.rates.reserve(customer)
        prompt = _Prompt(
            kind=JobKind.CHAT,
            param="messages",
            tokens=await count_chat(asked, model, meter),
            wish=wish,
            rate=rate,
        )
        job = _accept(context, customer, asked, model=model, meter=meter, prompt=prompt)
        return await _answer(request, context, job, asked, watched)


async def post_completion(request: web.Request) -> web.StreamResponse:
    """`POST /v1/completions`."""
    context = request.app[CONTEXT]
    customer = await context.keys.authenticate(request)
    unpaid = context.unpaid_requests
    with context.keys.job_slot(customer), unpaid.watch(request, customer) as watched:
        wish = read_wish(request, context, customer)
        asked = await read_json(request, decode_completion)
        check_completion(asked)
        model, meter = find_model(context, customer, asked.model, ModelKind.COMPLETION)
        rate = context.rates.reserve(customer)
        prompt = _Prompt(
            kind=JobKind.COMPLETION,
            param="prompt",
            tokens=await count_completion(asked, model, meter),
            wish=wish,
            rate=rate,
        )
        job = _accept(context, customer, asked, model=model, meter=meter, prompt=prompt)
        return await _answer(request, context, job, asked, watched)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prompt:
    """What was counted: `param` is the field of the request that holds it; who should answer; as
    what the request counts for its key."""

    kind: JobKind
    param: str
    tokens: TokenCount
    wish: Wish
    rate: RateReservation


def _accept(
    context: GatewayContext,
    customer: Customer,
    asked: ChatRequest | CompletionRequest,
    *,
    model: Model,
    meter: Meter,
    prompt: _Prompt,
) -> AcceptedJob:
    wanted, wanted_param = wanted_length(asked)
    max_tokens = bound_length(
        context,
        model,
        prompt_tokens=prompt.tokens,
        prompt_param=prompt.param,
        wanted=wanted,
        wanted_param=wanted_param,
    )
    return accept_job(
        context,
        customer=customer,
        model=model,
        meter=meter,
        kind=prompt.kind,
        request=as_worker_request(asked, max_tokens=max_tokens),
        prompt_tokens=prompt.tokens,
        max_tokens=max_tokens,
        wish=prompt.wish,
        rate=prompt.rate,
    )


async def _answer(
    request: web.Request,
    context: GatewayContext,
    job: AcceptedJob,
    asked: ChatRequest | CompletionRequest,
    watched: Watched,
) -> web.StreamResponse:
    if asked.stream:
        return await _stream(request, context, job, asked, watched)
    collector = Collector(with_logprobs=_has_asked_for_logprobs(asked))
    outcome = await JobRun(context, job, collector, watched.become_job).run()
    return web.Response(
        body=msgspec.json.encode(_whole_answer(job, collector, outcome)),
        content_type="application/json",
        headers={
            "X-Basis-Receipt": outcome.receipt_hash,
            "X-Request-Id": job.job_id,
            PRICE_HEADER: job.lock.header,
        },
    )


async def _stream(
    request: web.Request,
    context: GatewayContext,
    job: AcceptedJob,
    asked: ChatRequest | CompletionRequest,
    watched: Watched,
) -> web.StreamResponse:
    options = asked.stream_options
    sink = EventStream(
        request,
        kind=job.kind,
        answer_id=_answer_id(job),
        created=int(time.time()),
        model=job.model.name,
        include_usage=bool(options and options.include_usage),
        with_logprobs=_has_asked_for_logprobs(asked),
        customer_stall_s=context.settings.jobs.customer_stall_s,
        headers={PRICE_HEADER: job.lock.header},
    )
    try:
        return await _write_stream(sink, JobRun(context, job, sink, watched.become_job))
    except BasisError:
        if sink.response is None:
            raise
        return _hang_up(request, sink.response)
    except TimeoutError:
        return _hang_up(request, cast("web.StreamResponse", sink.response))
    except Exception:
        # A bug of ours: what has begun cannot be answered with another status.
        if sink.response is not None:
            _hang_up(request, sink.response)
        raise


async def _write_stream(sink: EventStream, run: JobRun) -> web.StreamResponse:
    try:
        return await sink.finish(await run.run())
    except BasisError as error:
        if sink.response is None or _is_customer_gone(error):
            raise
        return await sink.fail(error)


def _hang_up(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Breaks the connection to a customer that takes nothing any more."""
    if request.transport is not None:
        request.transport.abort()
    return response


def _is_customer_gone(error: BasisError) -> bool:
    return isinstance(error, JobFailed) and error.reason == FailureReason.CUSTOMER_LEFT.value


def _whole_answer(job: AcceptedJob, collector: Collector, outcome: JobOutcome) -> dict[str, object]:
    choice: dict[str, object] = {
        "index": 0,
        "logprobs": collector.logprobs.joined(),
        "finish_reason": outcome.finish_reason,
    }
    if job.kind is JobKind.CHAT:
        choice["message"] = _message(collector.answer)
    else:
        choice["text"] = collector.answer.text
    return {
        "id": _answer_id(job),
        "object": "chat.completion" if job.kind is JobKind.CHAT else "text_completion",
        "created": int(time.time()),
        "model": job.model.name,
        "system_fingerprint": None,
        "choices": [choice],
        "usage": usage_of(outcome),
    }


def _message(answer: AnswerText) -> dict[str, object]:
    text, reasoning, calls = answer.text, answer.reasoning, answer.tool_calls
    message: dict[str, object] = {
        "role": "assistant",
        "content": None if calls and not text else text,
        "refusal": None,
    }
    if reasoning:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = calls
    return message


def _has_asked_for_logprobs(asked: ChatRequest | CompletionRequest) -> bool:
    """A chat asks by true; a completion by a number, which may be 0."""
    return asked.logprobs is not None and asked.logprobs is not False


def _answer_id(job: AcceptedJob) -> str:
    prefix = "chatcmpl-" if job.kind is JobKind.CHAT else "cmpl-"
    return prefix + job.job_id.removeprefix("job_")
