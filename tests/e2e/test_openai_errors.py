"""What goes wrong, as the official Python client raises it; tools, over a scripted worker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import openai
import pytest

from basis.rules.job import JobStatus
from basis.wire import frames
from basis.wire.frames import FinishReason, WorkerFault
from tests.support.house import House, open_house
from tests.support.scripted_worker import Script, ScriptedWorker, say_hello

HELLO = [{"role": "user", "content": "Hello!"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@asynccontextmanager
async def client_of(
    folder: Path, *, script: Script = say_hello, key: str | None = None, **changes: object
) -> AsyncIterator[tuple[openai.AsyncOpenAI, House]]:
    """The official client of a small network whose worker does as `script` says."""
    async with (
        open_house(folder, script=script, **changes) as house,
        openai.AsyncOpenAI(
            base_url=f"{house.running.url}/v1",
            api_key=key or house.customer.key,
            max_retries=0,
            timeout=30,
        ) as client,
    ):
        yield client, house


async def test_wrong_key__is_an_authentication_error(tmp_path: Path) -> None:
    async with client_of(tmp_path, key="sk-basis-wrong") as (client, _house):
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.chat.completions.create(model="basis-tiny", messages=HELLO)
        with pytest.raises(openai.AuthenticationError):
            await client.models.list()

    assert (caught.value.status_code, caught.value.code) == (401, "invalid_api_key")
    assert caught.value.type == "authentication_error"


async def test_unknown_model__is_a_not_found_error(tmp_path: Path) -> None:
    async with client_of(tmp_path) as (client, _house):
        with pytest.raises(openai.NotFoundError) as caught:
            await client.chat.completions.create(model="gpt-9", messages=HELLO)
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("gpt-9")

    assert (caught.value.status_code, caught.value.code) == (404, "model_not_found")


async def test_unusable_request__is_a_bad_request_error_that_names_the_field(
    tmp_path: Path,
) -> None:
    async with client_of(tmp_path) as (client, _house):
        found: list[tuple[str | None, str | None]] = []
        for fields in (
            {"temperature": 9.0},
            {"n": 2},
            {"max_tokens": 5_000},
            {"extra_body": {"surprise": 1}},
        ):
            with pytest.raises(openai.BadRequestError) as caught:
                await client.chat.completions.create(model="basis-tiny", messages=HELLO, **fields)
            found.append((caught.value.param, caught.value.type))
        with pytest.raises(openai.BadRequestError) as caught:
            await client.embeddings.create(model="basis-tiny", input="x")

    assert [param for param, _type in found] == ["temperature", "n", "max_tokens", "surprise"]
    assert {kind for _param, kind in found} == {"invalid_request_error"}
    assert caught.value.param == "model"


async def test_model_without_a_worker__is_an_internal_server_error_503(tmp_path: Path) -> None:
    async with client_of(tmp_path) as (client, _house):
        with pytest.raises(openai.InternalServerError) as caught:
            await client.chat.completions.create(model="basis-default", messages=HELLO)

    assert isinstance(caught.value, openai.APIStatusError)
    assert (caught.value.status_code, caught.value.code) == (503, "runtime_pending")
    assert int(caught.value.response.headers["Retry-After"]) > 0


async def test_more_requests_than_a_key_may_run__is_a_rate_limit_error(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def wait_for_word(worker: ScriptedWorker, job: frames.Job) -> None:
        await go_on.wait()
        await say_hello(worker, job)

    async with client_of(tmp_path, script=wait_for_word, max_jobs_per_key=1) as (client, house):
        first = asyncio.ensure_future(
            client.chat.completions.create(model="basis-tiny", messages=HELLO)
        )
        await house.worker.wait_for(lambda worker: bool(worker.jobs))
        with pytest.raises(openai.RateLimitError) as caught:
            await client.chat.completions.create(model="basis-tiny", messages=HELLO)
        go_on.set()
        answer = await first

    assert caught.value.code == "rate_limit_exceeded"
    assert "Retry-After" in caught.value.response.headers
    assert answer.choices[0].message.content == "Hello there."


async def test_worker_that_fails__before_anything_came__is_an_internal_server_error(
    tmp_path: Path,
) -> None:
    async def fail(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.fail(job, WorkerFault.RUNTIME_ERROR, "secret detail")

    async with client_of(tmp_path, script=fail) as (client, _house):
        for stream in (False, True):
            with pytest.raises(openai.InternalServerError) as caught:
                await client.chat.completions.create(
                    model="basis-tiny", messages=HELLO, stream=stream
                )
            assert caught.value.status_code == 502
            assert "secret" not in str(caught.value)


async def test_worker_that_fails__in_mid_stream__is_an_api_error_in_band(tmp_path: Path) -> None:
    heard = asyncio.Event()

    async def begin_and_fail(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.chunk(job, 0, "Hel")
        await heard.wait()
        await worker.fail(job, WorkerFault.RUNTIME_ERROR, "secret detail")

    texts: list[str] = []

    async def read(client: openai.AsyncOpenAI) -> None:
        async for chunk in await client.chat.completions.create(
            model="basis-tiny", messages=HELLO, stream=True
        ):
            texts.append(chunk.choices[0].delta.content or "")
            if texts[-1]:
                heard.set()

    async with client_of(tmp_path, script=begin_and_fail) as (client, _house):
        with pytest.raises(openai.APIError) as caught:
            await read(client)

    assert "".join(texts) == "Hel"
    assert not isinstance(caught.value, openai.APIStatusError)
    assert "secret" not in str(caught.value)


async def test_stream__left_by_its_customer__charges_for_what_was_delivered(
    tmp_path: Path,
) -> None:
    async def begin_and_wait(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.chunk(job, 0, "Hello there.")
        await worker.wait_for(lambda worker: job.lease_id in worker.cancelled)

    async with client_of(tmp_path, script=begin_and_wait) as (client, house):
        stream = await client.chat.completions.create(
            model="basis-tiny", messages=HELLO, max_tokens=160, stream=True
        )
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        await stream.close()
        receipt = await house.receipt()

    assert (receipt.status, receipt.details.finish_reason) == (JobStatus.COMPLETED, "cancelled")
    assert 0 < receipt.core.output_tokens < 160
    assert receipt.core.total_charged_raw > 0


async def call_weather(worker: ScriptedWorker, job: frames.Job) -> None:
    """A tool call whose arguments come in pieces."""
    pieces = [
        {
            "index": 0,
            "id": "call_1",
            "type": "function",
            "function": {"name": "get_weather", "arguments": ""},
        },
        {"index": 0, "function": {"arguments": '{"city": '}},
        {"index": 0, "function": {"arguments": '"Paris"}'}},
    ]
    for seq, piece in enumerate(pieces):
        await worker.chunk(job, seq, "", tool_calls=msgspec.Raw(msgspec.json.encode([piece])))
    await worker.done(job, len(pieces), finish_reason=FinishReason.TOOL_CALLS)


async def test_tools__whole__arguments_are_json(tmp_path: Path) -> None:
    async with client_of(tmp_path, script=call_weather) as (client, house):
        answer = await client.chat.completions.create(
            model="basis-tiny", messages=HELLO, tools=[WEATHER], tool_choice="auto"
        )
        passed_on = msgspec.json.decode(house.worker.jobs[0].request)

    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls is not None
    call = choice.message.tool_calls[0]
    assert call.type == "function"
    assert (call.id, call.function.name) == ("call_1", "get_weather")
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    assert passed_on["tools"] == [WEATHER]


async def test_tools__streamed__the_clients_own_helper_puts_the_call_together(
    tmp_path: Path,
) -> None:
    async with (
        client_of(tmp_path, script=call_weather) as (client, _house),
        client.chat.completions.stream(
            model="basis-tiny", messages=HELLO, tools=[WEATHER]
        ) as stream,
    ):
        answer = await stream.get_final_completion()

    call = (answer.choices[0].message.tool_calls or [])[0]
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    assert answer.choices[0].finish_reason == "tool_calls"


async def test_conversation_with_a_tools_result__is_accepted_back(tmp_path: Path) -> None:
    async with client_of(tmp_path) as (client, house):
        called = {
            "id": "call_1",
            "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
        }
        answer = await client.chat.completions.create(
            model="basis-tiny",
            tools=[WEATHER],
            messages=[
                *HELLO,
                {"role": "assistant", "content": None, "tool_calls": [called]},
                {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
            ],
        )
        passed_on = msgspec.json.decode(house.worker.jobs[0].request)["messages"]

    assert answer.choices[0].message.content == "Hello there."
    assert passed_on[1]["tool_calls"] == [called]
    assert passed_on[2]["tool_call_id"] == "call_1"
