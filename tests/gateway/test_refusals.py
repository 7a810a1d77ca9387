"""Requests that are refused, each by the name of the parameter that is at fault."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.answers import expect_error
from tests.support.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

USER = {"role": "user", "content": "Hello!"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
UNSUPPORTED = [
    ({"n": 2}, "n"),
    ({"n": 0}, "n"),
    ({"functions": [{"name": "f"}]}, "functions"),
    ({"function_call": "auto"}, "function_call"),
    ({"function_call": {"name": "f"}}, "function_call"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"audio": {"voice": "alloy", "format": "wav"}}, "audio"),
    ({"prediction": {"type": "content", "content": "x"}}, "prediction"),
    ({"web_search_options": {}}, "web_search_options"),
    ({"messages": [{"role": "user", "content": [IMAGE]}]}, "messages[0].content[0].type"),
    (
        {"messages": [USER, {"role": "user", "content": [{"type": "text", "text": "a"}, IMAGE]}]},
        "messages[1].content[1].type",
    ),
]
INVALID = [
    ({"messages": []}, "messages"),
    ({"messages": "Hello!"}, "messages"),
    ({"messages": [{"content": "Hello!"}]}, "messages[0].role"),
    ({"messages": [{"role": 5, "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "x" * 33, "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"messages": [USER] * 4_097}, "messages"),
    ({"model": 5}, "model"),
    ({"model": None}, "model"),
    ({"temperature": -0.1}, "temperature"),
    ({"temperature": 2.1}, "temperature"),
    ({"temperature": "warm"}, "temperature"),
    ({"top_p": 1.1}, "top_p"),
    ({"frequency_penalty": 2.5}, "frequency_penalty"),
    ({"presence_penalty": -2.5}, "presence_penalty"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"max_tokens": 1 << 70}, "max_tokens"),
    ({"max_completion_tokens": -1}, "max_completion_tokens"),
    ({"seed": 1 << 63}, "seed"),
    ({"seed": "x"}, "seed"),
    ({"stop": [""]}, "stop"),
    ({"stop": ["a"] * 17}, "stop"),
    ({"stop": "a" * 513}, "stop"),
    ({"stop": [1]}, "stop[0]"),
    ({"stream": "yes"}, "stream"),
    ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"stream": True, "stream_options": {"include": True}}, "stream_options.include"),
    ({"logprobs": 3}, "logprobs"),
    ({"top_logprobs": 3}, "top_logprobs"),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
    ({"logit_bias": {"5": "x"}}, "logit_bias[...]"),
    ({"tools": {}}, "tools"),
    ({"response_format": "json"}, "response_format"),
    ({"metadata": {"a": 1}}, "metadata[...]"),
    ({"max_token": 5}, "max_token"),
    ({"top_k": -1}, "top_k"),
]


def name_of(value: object) -> str:
    """A short name of a parametrized value."""
    return value if isinstance(value, str) else ""


@pytest.mark.parametrize(("fields", "param"), UNSUPPORTED, ids=name_of)
async def test_refusals__feature_that_nobody_offers__is_named(
    house: House, fields: dict[str, Any], param: str
) -> None:
    async with house.customer.chat(**fields) as response:
        await expect_error(response, 400, "unsupported_feature", param=param)


@pytest.mark.parametrize(("fields", "param"), INVALID, ids=name_of)
async def test_refusals__unusable_value__is_named(
    house: House, fields: dict[str, Any], param: str
) -> None:
    async with house.customer.chat(**fields) as response:
        await expect_error(response, 400, "invalid_input", param=param)


@pytest.mark.parametrize("missing", ["model", "messages"])
async def test_refusals__missing_parameter__is_named(house: House, missing: str) -> None:
    body = {"model": "basis-tiny", "messages": [USER]}
    del body[missing]

    async with house.customer.post("/v1/chat/completions", **body) as response:
        await expect_error(response, 400, "invalid_input", param=missing)


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"echo": True}, "unsupported_feature", "echo"),
        ({"suffix": "x"}, "unsupported_feature", "suffix"),
        ({"best_of": 2}, "unsupported_feature", "best_of"),
        ({"n": 2}, "unsupported_feature", "n"),
        ({"prompt": ["a", "b"]}, "unsupported_feature", "prompt"),
        ({"prompt": [[1], [2]]}, "unsupported_feature", "prompt"),
        ({"prompt": []}, "invalid_input", "prompt"),
        ({"prompt": [[]]}, "invalid_input", "prompt"),
        ({"prompt": None}, "invalid_input", "prompt"),
        ({"prompt": {"a": 1}}, "invalid_input", "prompt"),
        ({"logprobs": True}, "invalid_input", "logprobs"),
        ({"logprobs": 21}, "invalid_input", "logprobs"),
        ({"messages": [USER]}, "invalid_input", "messages"),
    ],
    ids=name_of,
)
async def test_refusals__unusable_completion__is_named(
    house: House, fields: dict[str, Any], code: str, param: str
) -> None:
    body = {"model": "basis-tiny", "prompt": "Once", **fields}

    async with house.customer.post("/v1/completions", **body) as response:
        await expect_error(response, 400, code, param=param)


async def test_refusals__unknown_model__is_not_found(house: House) -> None:
    async with house.customer.chat(model="gpt-4o") as response:
        message = await expect_error(response, 404, "model_not_found")

    assert "gpt-4o" in message


async def test_refusals__chat_with_an_embedding_model__names_the_model(house: House) -> None:
    async with house.customer.chat(model="basis-tiny-embed") as response:
        await expect_error(response, 400, "invalid_input", param="model")


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_refusals__length_beyond_the_context__is_named(house: House, name: str) -> None:
    prompt_tokens = (await house.usage())["prompt_tokens"]

    async with house.customer.chat(**{name: 1_025 - prompt_tokens}) as response:
        message = await expect_error(response, 400, "context_length_exceeded", param=name)

    assert "1024 tokens" in message
    assert f"{prompt_tokens} in the prompt" in message


async def test_refusals__prompt_beyond_the_context__names_the_messages(house: House) -> None:
    async with house.customer.chat("word " * 2_000) as response:
        await expect_error(response, 400, "context_length_exceeded", param="messages")


async def test_refusals__refused_request__leaves_no_receipt_and_reaches_no_worker(
    house: House,
) -> None:
    async with house.customer.get("/api/inference/receipts?limit=500") as response:
        before = (await response.json())["receipts"]
    jobs_before = len(house.worker.jobs)

    async with house.customer.chat(n=2) as response:
        await response.read()

    async with house.customer.get("/api/inference/receipts?limit=500") as response:
        assert (await response.json())["receipts"] == before
    assert len(house.worker.jobs) == jobs_before
