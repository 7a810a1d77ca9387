"""Chat completions as OpenAI's clients expect them, whole and streamed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from basis.wire import frames
from basis.wire.frames import FinishReason
from tests.support.answers import DONE, read_events, stream_text
from tests.support.house import House, open_house
from tests.support.scripted_worker import ScriptedWorker

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLS = [
    {"index": 0, "id": "call_1", "type": "function", "function": {"name": "add", "arguments": ""}},
    {"index": 0, "function": {"arguments": '{"a":'}},
    {"index": 0, "function": {"arguments": "1}"}},
]


async def call_a_tool(worker: ScriptedWorker, job: frames.Job) -> None:
    """One tool call in three pieces."""
    for seq, call in enumerate(CALLS):
        await worker.chunk(job, seq, "", tool_calls=msgspec.Raw(msgspec.json.encode([call])))
    await worker.done(job, 3, finish_reason=FinishReason.TOOL_CALLS)


async def think_first(worker: ScriptedWorker, job: frames.Job) -> None:
    """Reasoning, then the answer."""
    await worker.chunk(job, 0, "", reasoning="Let me see. ")
    await worker.chunk(job, 1, "Four.")
    await worker.done(job, 2)


def logprobs_of(token: str) -> dict[str, Any]:
    """OpenAI's logprobs object for one token."""
    entry = {"token": token, "logprob": -0.5, "bytes": None, "top_logprobs": []}
    return {"content": [entry], "refusal": None}


async def weigh_words(worker: ScriptedWorker, job: frames.Job) -> None:
    """Two chunks with log probabilities."""
    for seq, text in enumerate(("Hello", " there.")):
        raw = msgspec.Raw(msgspec.json.encode(logprobs_of(text)))
        await worker.chunk(job, seq, text, logprobs=raw)
    await worker.done(job, 2)


async def test_chat__whole__has_openai_shape(house: House) -> None:
    async with house.customer.chat() as response:
        answer = await response.json()

    assert response.status == 200
    job_id = response.headers["X-Request-Id"]
    assert answer.pop("created") > 0
    assert answer == {
        "id": job_id.replace("job_", "chatcmpl-"),
        "object": "chat.completion",
        "model": "basis-tiny",
        "system_fingerprint": None,
        "choices": [
            {
                "index": 0,
                "logprobs": None,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "Hello there.", "refusal": None},
            }
        ],
        "usage": await house.usage(),
    }


async def test_chat__whole__names_a_receipt_that_is_already_on_record(house: House) -> None:
    async with house.customer.chat() as response:
        receipt_hash = response.headers["X-Basis-Receipt"]
        usage = (await response.json())["usage"]
    async with house.customer.get(f"/api/inference/receipts/{receipt_hash}") as response:
        receipt = await response.json()

    assert receipt["hash"] == receipt_hash
    assert receipt["status"] == "completed"
    assert receipt["core"]["promptTokens"] == usage["prompt_tokens"]
    assert receipt["core"]["outputTokens"] == usage["completion_tokens"]


async def test_chat__streamed__opens_with_the_role_and_ends_with_done(house: House) -> None:
    async with house.customer.chat(stream=True) as response:
        *events, last = await read_events(response)

    assert last == DONE
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert stream_text(events) == "Hello there."
    assert events[-1]["choices"] == [
        {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    ]
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    assert len({event["id"] for event in events}) == 1
    assert all("usage" not in event for event in events)


async def test_chat__include_usage__adds_a_chunk_without_choices(house: House) -> None:
    async with house.customer.chat(stream=True, stream_options={"include_usage": True}) as response:
        *events, usage, last = await read_events(response)

    assert last == DONE
    assert usage["choices"] == []
    assert usage["usage"] == await house.usage()
    assert all(event["usage"] is None for event in events)


async def test_chat__usage_not_included__has_no_usage_chunk(house: House) -> None:
    async with house.customer.chat(
        stream=True, stream_options={"include_usage": False}
    ) as response:
        events = await read_events(response)

    assert all(event["choices"] for event in events[:-1])


async def test_chat__tool_call_in_pieces__is_put_together(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path, script=call_a_tool) as house,
        house.customer.chat() as response,
    ):
        choice = (await response.json())["choices"][0]

    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"] == [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "add", "arguments": '{"a":1}'},
        }
    ]


async def test_chat__tool_call_streamed__passes_each_delta_on(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path, script=call_a_tool) as house,
        house.customer.chat(stream=True) as response,
    ):
        events = await read_events(response)

    deltas = [event["choices"][0]["delta"] for event in events[1:-2]]
    assert [delta["tool_calls"] for delta in deltas] == [[call] for call in CALLS]
    assert events[-2]["choices"][0]["finish_reason"] == "tool_calls"


async def test_chat__tool_call__is_counted_as_output(tmp_path: Path) -> None:
    async with open_house(tmp_path, script=call_a_tool) as house:
        async with house.customer.chat() as response:
            usage = (await response.json())["usage"]
        expected = await house.meter.count_text('add{"a":1}')

    assert usage["completion_tokens"] == expected


async def test_chat__reasoning__stands_beside_the_content(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path, script=think_first) as house,
        house.customer.chat() as response,
    ):
        message = (await response.json())["choices"][0]["message"]

    assert message["content"] == "Four."
    assert message["reasoning_content"] == "Let me see. "


async def test_chat__reasoning_streamed__is_a_delta_of_its_own(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path, script=think_first) as house,
        house.customer.chat(stream=True) as response,
    ):
        events = await read_events(response)

    deltas = [event["choices"][0]["delta"] for event in events[1:3]]
    assert deltas == [{"reasoning_content": "Let me see. "}, {"content": "Four."}]


async def test_chat__logprobs__are_joined(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path, script=weigh_words) as house,
        house.customer.chat(logprobs=True, top_logprobs=0) as response,
    ):
        logprobs = (await response.json())["choices"][0]["logprobs"]

    assert [entry["token"] for entry in logprobs["content"]] == ["Hello", " there."]


async def test_chat__logprobs_streamed__come_with_their_chunk(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path, script=weigh_words) as house,
        house.customer.chat(logprobs=True, stream=True) as response,
    ):
        events = await read_events(response)

    streamed = [event["choices"][0]["logprobs"] for event in events[1:3]]
    assert streamed == [logprobs_of("Hello"), logprobs_of(" there.")]


@pytest.mark.parametrize("asked", [{}, {"logprobs": False}], ids=["absent", "false"])
async def test_chat__logprobs_that_nobody_asked_for__are_dropped(
    tmp_path: Path, asked: dict[str, bool]
) -> None:
    async with open_house(tmp_path, script=weigh_words) as house:
        async with house.customer.chat(**asked) as response:
            plain = (await response.json())["choices"][0]["logprobs"]
        async with house.customer.chat(stream=True, **asked) as response:
            events = await read_events(response)

    assert plain is None
    assert {event["choices"][0]["logprobs"] for event in events[:-1]} == {None}


@pytest.mark.parametrize("field", ["logprobs", "tool_calls"])
async def test_chat__json_over_several_lines__stays_one_event(tmp_path: Path, field: str) -> None:
    call = b'[\n\n{\r\n"index": 0, "id": "c", "function": {"name": "f"}}]'
    value = b'{\n\n"content": [\r\n]}' if field == "logprobs" else call

    async def write_lines(worker: ScriptedWorker, job: frames.Job) -> None:
        raw = b'{"type":"chunk","lease_id":"%s","seq":0,"text":"Hi","%s":%s}'
        await worker.send_raw((raw % (job.lease_id.encode(), field.encode(), value)).decode())
        await worker.done(job, 1)

    async with (
        open_house(tmp_path, script=write_lines) as house,
        house.customer.chat(stream=True, logprobs=True) as response,
    ):
        events = await read_events(response)

    assert stream_text(events) == "Hi"
    assert events[-1] == DONE


async def test_chat__empty_answer__is_whole_and_costs_and_pays_nothing(tmp_path: Path) -> None:
    async def say_nothing(worker: ScriptedWorker, job: frames.Job) -> None:
        await worker.done(job, 0)

    async with open_house(tmp_path, script=say_nothing) as house:
        async with house.customer.chat(stream=True) as response:
            *events, last = await read_events(response)
        receipt = await house.receipt()
        usage = await house.usage(answer="")

    assert last == DONE
    assert [event["choices"][0]["delta"] for event in events] == [
        {"role": "assistant", "content": ""},
        {},
    ]
    assert receipt.core.prompt_tokens == usage["prompt_tokens"]
    assert receipt.core.output_tokens == 0
    assert receipt.core.total_charged_raw == 0
    assert receipt.core.worker_reward_raw == 0
