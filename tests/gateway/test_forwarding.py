"""What of a customer's request a worker gets to see, and in which words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from basis.rules.catalog import PUBLISHED
from basis.wire.frames import JobKind
from tests.support.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGES = [{"role": "user", "content": "Hello!"}]
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
CONTEXT = PUBLISHED.get("basis-tiny").context_tokens


async def forwarded_chat(house: House, **fields: Any) -> dict[str, Any]:
    """The request as the worker got it, without model and messages."""
    async with house.customer.chat(**fields) as response:
        assert response.status == 200, await response.text()
        await response.read()
    request = msgspec.json.decode(house.worker.jobs[-1].request)
    assert request.pop("model") == "basis-tiny"
    assert request.pop("messages") == MESSAGES
    return request


@pytest.mark.parametrize(
    "fields",
    [
        {"stop": "\n"},
        {"stop": ["a", "b"]},
        {"seed": 7},
        {"seed": -(1 << 63)},
        {"temperature": 0.25, "top_p": 0.5},
        {"frequency_penalty": -2.0, "presence_penalty": 2.0},
        {"logit_bias": {"5": -100.0}},
        {"logprobs": True, "top_logprobs": 3},
        {"tools": TOOLS, "tool_choice": "auto", "parallel_tool_calls": False},
        {"tool_choice": {"type": "function", "function": {"name": "add"}}, "tools": TOOLS},
        {"response_format": {"type": "json_object"}},
        {"response_format": SCHEMA},
        {"reasoning_effort": "low"},
        {"top_k": 5, "min_p": 0.5},
    ],
    ids="+".join,
)
async def test_forwarding__what_changes_the_answer__arrives_exactly(
    house: House, fields: dict[str, Any]
) -> None:
    request = await forwarded_chat(house, max_tokens=9, **fields)

    assert request == {"max_tokens": 9, **fields}


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "someone"},
        {"metadata": {"a": "b"}},
        {"store": True},
        {"service_tier": "auto"},
        {"safety_identifier": "x"},
        {"prompt_cache_key": "x"},
        {"verbosity": "low"},
        {"modalities": ["text"]},
        {"function_call": "none"},
        {"n": 1},
        {"stream": False},
        {"temperature": None, "stop": None, "tools": None, "seed": None},
    ],
    ids="+".join,
)
async def test_forwarding__what_means_nothing_here__is_accepted_and_left_out(
    house: House, fields: dict[str, Any]
) -> None:
    assert await forwarded_chat(house, max_tokens=9, **fields) == {"max_tokens": 9}


async def test_forwarding__stream_and_its_options__are_left_out(house: House) -> None:
    options = {"include_usage": True, "include_obfuscation": False}

    request = await forwarded_chat(house, max_tokens=9, stream=True, stream_options=options)

    assert request == {"max_tokens": 9}


async def test_forwarding__no_length_named__is_the_room_that_is_left(house: House) -> None:
    room = CONTEXT - (await house.usage())["prompt_tokens"]

    assert await forwarded_chat(house) == {"max_tokens": room}


@pytest.mark.parametrize(
    "lengths",
    [{"max_completion_tokens": 9}, {"max_completion_tokens": 9, "max_tokens": 20}],
    ids=["alone", "beside-the-older-name"],
)
async def test_forwarding__max_completion_tokens__becomes_max_tokens(
    house: House, lengths: dict[str, int]
) -> None:
    assert await forwarded_chat(house, **lengths) == {"max_tokens": 9}


async def test_forwarding__longest_length_that_fits__is_taken(house: House) -> None:
    room = CONTEXT - (await house.usage())["prompt_tokens"]

    assert await forwarded_chat(house, max_tokens=room) == {"max_tokens": room}


@pytest.mark.parametrize("kind", ["text", "input_text"])
async def test_forwarding__text_parts__become_one_text(house: House, kind: str) -> None:
    parts = [{"type": kind, "text": "Hel"}, {"type": kind, "text": "lo!"}]
    messages = [{"role": "user", "content": parts}]

    async with house.customer.chat(messages=messages) as response:
        answer = await response.json()

    request = msgspec.json.decode(house.worker.jobs[-1].request)
    assert request["messages"] == MESSAGES
    assert answer["usage"] == await house.usage()


async def test_forwarding__messages_of_a_tool_call__keep_their_fields(house: House) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "1+1?", "name": "ada"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "2", "tool_call_id": "c1"},
    ]

    async with house.customer.chat(messages=messages) as response:
        assert response.status == 200, await response.text()

    request = msgspec.json.decode(house.worker.jobs[-1].request)
    assert [{"content": None, **message} for message in request["messages"]] == messages


async def test_forwarding__completion__keeps_only_what_changes_the_answer(house: House) -> None:
    fields = {"logprobs": 0, "temperature": 0.0, "stop": ["."], "seed": 3, "max_tokens": 4}
    neutral = {"echo": False, "best_of": 1, "n": 1, "user": "u", "stream": True}

    async with house.customer.post(
        "/v1/completions", model="basis-tiny", prompt="Once", **fields, **neutral
    ) as response:
        assert response.status == 200, await response.text()
        await response.read()

    job = house.worker.jobs[-1]
    assert job.kind is JobKind.COMPLETION
    assert msgspec.json.decode(job.request) == {"model": "basis-tiny", "prompt": "Once", **fields}


async def test_forwarding__job__names_its_lease_model_and_deadline(house: House) -> None:
    async with house.customer.chat() as response:
        job_id = response.headers["X-Request-Id"]

    job = house.worker.jobs[-1]
    assert (job.job_id, job.lease_id) == (job_id, f"{job_id}.1")
    assert (job.kind, job.model) == (JobKind.CHAT, "basis-tiny")
    assert job.timeout_s == int(house.context.settings.jobs.total_timeout_s)
