"""The official Python client against real inference."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import openai
import pytest

from tests.e2e.conftest import Network
from tests.support.basis_process import run_basis

SUM = [{"role": "user", "content": "What is 17 + 25?"}]
STORY = [{"role": "user", "content": "Tell me a long story."}]
SCHEMA = {
    "type": "object",
    "properties": {"sum": {"type": "integer"}, "sure": {"type": "boolean"}},
    "required": ["sum", "sure"],
    "additionalProperties": False,
}


def test_chat__whole__is_answered_by_a_real_model(network: Network) -> None:
    answer = network.client.chat.completions.create(
        model="basis-tiny", messages=SUM, max_tokens=16, temperature=0
    )

    choice = answer.choices[0]
    assert answer.object == "chat.completion"
    assert answer.id.startswith("chatcmpl-")
    assert choice.message.role == "assistant"
    assert "42" in (choice.message.content or "")
    assert choice.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert 1 <= answer.usage.completion_tokens <= 16


def test_chat__streamed__says_the_same_as_whole(network: Network) -> None:
    whole = network.client.chat.completions.create(
        model="basis-tiny", messages=STORY, max_tokens=40, temperature=0
    )
    chunks = list(
        network.client.chat.completions.create(
            model="basis-tiny",
            messages=STORY,
            max_tokens=40,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    *pieces, usage = chunks
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces)
    assert text == whole.choices[0].message.content
    assert len(pieces) > 5
    assert pieces[0].choices[0].delta.role == "assistant"
    assert pieces[-1].choices[0].finish_reason == whole.choices[0].finish_reason
    assert usage.choices == []
    assert usage.usage == whole.usage
    assert len({chunk.id for chunk in chunks}) == 1


def test_chat__response_format__obeys_the_schema(network: Network) -> None:
    answer = network.client.chat.completions.create(
        model="basis-tiny",
        messages=SUM,
        max_tokens=64,
        temperature=0,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
        },
    )

    value = json.loads(answer.choices[0].message.content or "")
    assert set(value) == {"sum", "sure"}
    assert isinstance(value["sum"], int)
    assert isinstance(value["sure"], bool)


def test_chat__logprobs__come_with_each_token(network: Network) -> None:
    answer = network.client.chat.completions.create(
        model="basis-tiny",
        messages=SUM,
        max_tokens=16,
        temperature=0,
        logprobs=True,
        top_logprobs=3,
    )

    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content
    assert "42" in "".join(token.token for token in logprobs.content)
    for token in logprobs.content:
        assert token.logprob <= 0
        assert len(token.top_logprobs) == 3


def test_chat__stop_and_seed__are_obeyed(network: Network) -> None:
    def ask(**fields: object) -> str:
        answer = network.client.chat.completions.create(
            model="basis-tiny", messages=STORY, max_tokens=40, **fields
        )
        return answer.choices[0].message.content or ""

    first, second = (ask(seed=7, temperature=1.0) for _ in range(2))
    whole = ask(temperature=0)
    word = whole.split()[2]
    stopped = ask(temperature=0, stop=[word])

    assert first == second
    assert word not in stopped
    assert whole.startswith(stopped)


def test_chat__length_reached__says_so(network: Network) -> None:
    answer = network.client.chat.completions.create(
        model="basis-tiny", messages=STORY, max_completion_tokens=3
    )

    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 3


def test_completion__whole_and_streamed__continue_the_prompt(network: Network) -> None:
    fields = {"model": "basis-tiny", "prompt": "Once upon a time", "max_tokens": 20}

    whole = network.client.completions.create(**fields, temperature=0)
    chunks = list(network.client.completions.create(**fields, temperature=0, stream=True))

    assert whole.object == "text_completion"
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
    assert whole.usage is not None
    assert whole.usage.prompt_tokens > 0


def test_embeddings__default_and_float__are_the_same_unit_vectors(network: Network) -> None:
    texts = ["a cat", "a small cat", "the tax office"]

    by_default = network.client.embeddings.create(model="basis-tiny-embed", input=texts)
    as_floats = network.client.embeddings.create(
        model="basis-tiny-embed", input=texts, encoding_format="float"
    )

    assert [item.index for item in by_default.data] == [0, 1, 2]
    for first, second in zip(by_default.data, as_floats.data, strict=True):
        assert first.embedding == pytest.approx(second.embedding, abs=1e-6)
        assert math.hypot(*first.embedding) == pytest.approx(1, abs=1e-3)
    assert by_default.data[0].embedding != by_default.data[2].embedding
    assert by_default.usage.prompt_tokens == by_default.usage.total_tokens > 0


def test_models__list_and_retrieve__agree(network: Network) -> None:
    models = {model.id: model for model in network.client.models.list()}

    assert {"basis-tiny", "basis-tiny-embed", "basis-default"} <= set(models)
    assert network.client.models.retrieve("basis-tiny") == models["basis-tiny"]
    assert models["basis-tiny"].model_extra is not None
    assert models["basis-tiny"].model_extra["available"] is True


async def test_async_client__many_at_once__each_gets_its_own_answer(network: Network) -> None:
    async with openai.AsyncOpenAI(
        base_url=f"{network.url}/v1", api_key=network.key, max_retries=0, timeout=60
    ) as client:

        async def stream(number: int) -> str:
            text = ""
            async for chunk in await client.chat.completions.create(
                model="basis-tiny",
                messages=[{"role": "user", "content": f"What is {number} + 11?"}],
                max_tokens=16,
                temperature=0,
                stream=True,
            ):
                text += chunk.choices[0].delta.content or ""
            return text

        alone = [await stream(number) for number in (20, 30)]
        together = await asyncio.gather(*(stream(number) for number in (20, 30) * 6))
        vectors = await client.embeddings.create(model="basis-tiny-embed", input="a cat")
        models = [model.id async for model in client.models.list()]

    assert alone[0] != alone[1]
    # Slots that share a batch may round otherwise, so that only what comes at all is held.
    assert all(together)
    assert len(vectors.data[0].embedding) > 8
    assert "basis-tiny" in models


def test_books__closed_beside_the_running_orchestrator__recompute_equal(network: Network) -> None:
    def command(*words: str) -> Any:
        done = run_basis(*words, "--data", "data", "--json", folder=network.folder)
        return json.loads(done.stdout)

    first, second = (command("batch", "close") for _ in range(2))
    verdict = command("recompute")

    assert first == second
    assert first["receiptCount"] > 5
    assert verdict["equal"], verdict["difference"]
    assert verdict["batches"] == 1
