"""Tool calls: the same calls and count, streamed or not; odd ones are the worker's fault."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import msgspec
import openai
import pytest

from basis.wire import frames
from tests.support.answers import read_events
from tests.support.house import House, open_house
from tests.support.scripted_worker import ScriptedWorker
from tests.support.tool_calls import CALLS, calling, make_call, sending_calls

BEGIN = {"index": 0, "id": "call_0", "type": "function", "function": {"name": "f"}}

ODD_SHAPES = {
    "no list": {"index": 0},
    "null": None,
    "no index": [{"id": "call_0", "function": {"name": "f"}}],
    "index as text": [{**BEGIN, "index": "0"}],
    "negative index": [{**BEGIN, "index": -1}],
    "huge index": [{**BEGIN, "index": 1 << 40}],
    "another type": [{**BEGIN, "type": "custom"}],
    "function null": [{**BEGIN, "function": None}],
    "arguments as object": [{**BEGIN, "function": {"name": "f", "arguments": {"a": 1}}}],
    "too many": [BEGIN] + [{"index": 0}] * 128,
}

ODD_ORDERS = {
    "no function": [{"index": 0, "id": "call_0"}],
    "no id": [{"index": 0, "function": {"name": "f"}}],
    "second before first": [{**BEGIN, "index": 1}],
    "gap": [BEGIN, {**BEGIN, "index": 2}],
    "named twice": [BEGIN, BEGIN],
    "renamed": [BEGIN, {"index": 0, "function": {"name": "g"}}],
}


@pytest.mark.parametrize("seed", range(6))
async def test_tool_calls__cut_anyhow__are_the_same_streamed_and_not(
    tmp_path: Path, seed: int
) -> None:
    async with open_house(tmp_path, script=calling(CALLS, Random(seed))) as house:
        async with house.customer.chat() as response:
            plain = await response.json()
        streamed = await stream_by_the_official_client(house)
        count = await house.meter.count_text(
            "".join(call["function"]["name"] + call["function"]["arguments"] for call in CALLS)
        )

    assert plain["choices"][0]["message"]["tool_calls"] == CALLS
    assert [
        make_call(call.index, call.function.name, call.function.arguments)
        for call in streamed.choices[0].message.tool_calls
        if call.id == f"call_{call.index}" and call.type == "function"
    ] == CALLS
    assert streamed.usage.completion_tokens == plain["usage"]["completion_tokens"] == count


async def stream_by_the_official_client(house: House) -> Any:
    """The completion that OpenAI's own client puts together from the stream."""
    async with (
        openai.AsyncOpenAI(
            base_url=f"{house.running.url}/v1", api_key=house.customer.key, max_retries=0
        ) as client,
        client.chat.completions.stream(
            model="basis-tiny",
            messages=[{"role": "user", "content": "Hello!"}],
            stream_options={"include_usage": True},
        ) as stream,
    ):
        return await stream.get_final_completion()


@pytest.mark.parametrize("odd", ODD_SHAPES.values(), ids=ODD_SHAPES)
@pytest.mark.parametrize("is_streamed", [False, True], ids=["plain", "streamed"])
async def test_tool_calls__of_another_shape__go_to_another_worker(
    tmp_path: Path, odd: object, is_streamed: bool
) -> None:
    await expect_another_worker(tmp_path, odd, is_streamed=is_streamed, notice="bad_frame")


@pytest.mark.parametrize("odd", ODD_ORDERS.values(), ids=ODD_ORDERS)
@pytest.mark.parametrize("is_streamed", [False, True], ids=["plain", "streamed"])
async def test_tool_calls__out_of_order_or_misnamed__go_to_another_worker(
    tmp_path: Path, odd: object, is_streamed: bool
) -> None:
    await expect_another_worker(tmp_path, odd, is_streamed=is_streamed, notice="protocol_violation")


async def expect_another_worker(
    folder: Path, odd: object, *, is_streamed: bool, notice: str
) -> None:
    """The worker that sends `odd` is told so and put out; its job is answered by another."""
    async with open_house(folder, script=sending_calls(odd)) as house:
        async with (
            ScriptedWorker(house.running.url, worker_id="scripted-2"),
            house.customer.chat(stream=is_streamed) as response,
        ):
            text = await response.text()
        await house.worker.closed.wait()
        receipt = await house.receipt()

    assert response.status == 200
    assert "there." in text
    assert (receipt.core.worker_id, receipt.details.attempts) == ("scripted-2", 2)
    assert house.worker.of_kind(frames.Notice)[-1].code == notice


async def test_tool_calls__odd_after_something_was_delivered__break_the_stream(
    tmp_path: Path,
) -> None:
    async def go_wrong_once_read(worker: ScriptedWorker, job: frames.Job) -> None:
        delta = msgspec.Raw(msgspec.json.encode([BEGIN]))
        await worker.chunk(job, 0, "", tool_calls=delta)
        await worker.wait_for(lambda worker: worker.last_ack(job) >= 0)
        await worker.chunk(job, 1, "", tool_calls=delta)

    async with open_house(tmp_path, script=go_wrong_once_read, window_frames=4) as house:
        async with house.customer.chat(stream=True) as response:
            *_events, last = await read_events(response)
        receipt = await house.receipt()

    assert last["error"]["code"] == "protocol_violation"
    assert (receipt.status.value, receipt.core.total_charged_raw) == ("failed", 0)


async def test_tool_calls__fields_that_openai_has_not__are_dropped_in_both_modes(
    tmp_path: Path,
) -> None:
    strange = {
        **BEGIN,
        "thought": "secret",
        "function": {"name": "f", "arguments": "{}", "parsed": {"a": 1}},
    }
    async with open_house(tmp_path, script=sending_calls([strange])) as house:
        async with house.customer.chat() as response:
            (whole,) = (await response.json())["choices"][0]["message"]["tool_calls"]
        async with house.customer.chat(stream=True) as response:
            events = await read_events(response)

    expected = {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert whole == expected
    assert events[1]["choices"][0]["delta"]["tool_calls"] == [{**expected, "index": 0}]


@pytest.mark.parametrize("function", [{"name": "f"}, {"name": "f", "arguments": None}])
async def test_tool_calls__begun_without_type_or_arguments__get_them_in_both_modes(
    tmp_path: Path, function: dict[str, Any]
) -> None:
    begin = {"index": 0, "id": "call_0", "function": function}
    later = {"index": 0, "type": "function", "function": {"arguments": "{}"}}
    async with open_house(tmp_path, script=sending_calls([begin], [later])) as house:
        async with house.customer.chat() as response:
            (whole,) = (await response.json())["choices"][0]["message"]["tool_calls"]
        async with house.customer.chat(stream=True) as response:
            events = await read_events(response)

    deltas = [event["choices"][0]["delta"]["tool_calls"] for event in events[1:3]]
    assert whole == make_call(0, "f", "{}")
    assert deltas == [
        [{**make_call(0, "f", ""), "index": 0}],
        [{"index": 0, "function": {"arguments": "{}"}}],
    ]
