"""Whole tool calls, and any way in which a worker might cut them into deltas."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

from basis.wire import frames
from basis.wire.tool_calls import FunctionDelta, ToolCallDelta
from tests.support.scripted_worker import Script, ScriptedWorker


def make_call(number: int, name: str, arguments: str) -> dict[str, Any]:
    """A whole tool call in OpenAI's shape."""
    function = {"name": name, "arguments": arguments}
    return {"id": f"call_{number}", "type": "function", "function": function}


CALLS = [
    make_call(0, "get_weather", '{"city": "Zürich", "days": 3}'),
    make_call(1, "add", '{"a": 1, "b": [2, 3]}'),
    make_call(2, "now", ""),
]


def cut_calls(calls: list[dict[str, Any]], random: Random) -> list[list[ToolCallDelta]]:
    """The calls in deltas, chunk by chunk: arguments cut and interleaved, several in one chunk."""
    left = [call["function"]["arguments"] for call in calls]
    begun = 0
    chunks: list[list[ToolCallDelta]] = [[]]
    while begun < len(calls) or any(left):
        index = random.randint(0, min(begun, len(calls) - 1))
        size = random.randint(0, 6)
        piece, left[index] = left[index][:size], left[index][size:]
        if random.random() < 0.5:
            chunks.append([])
        if index == begun:
            begun += 1
            chunks[-1].append(begin_call(index, calls[index], piece))
        else:
            chunks[-1].append(ToolCallDelta(index=index, function=FunctionDelta(arguments=piece)))
    return chunks


def begin_call(index: int, call: dict[str, Any], piece: str) -> ToolCallDelta:
    """The delta that begins a call."""
    function = FunctionDelta(name=call["function"]["name"], arguments=piece)
    return ToolCallDelta(index=index, id=call["id"], type="function", function=function)


def calling(calls: list[dict[str, Any]], random: Random) -> Script:
    """A worker that makes these calls, cut in another way for each job."""

    async def call(worker: ScriptedWorker, job: frames.Job) -> None:
        chunks = cut_calls(calls, random)
        for seq, deltas in enumerate(chunks):
            await worker.chunk(job, seq, "", tool_calls=deltas)
        await worker.done(job, len(chunks), finish_reason=frames.FinishReason.TOOL_CALLS)

    return call


def sending_calls(*chunks: object) -> Script:
    """A worker whose chunks have these as `tool_calls`, whatever they are."""

    async def send(worker: ScriptedWorker, job: frames.Job) -> None:
        for seq, chunk in enumerate(chunks):
            await worker.chunk(job, seq, "", tool_calls=msgspec.Raw(msgspec.json.encode(chunk)))
        await worker.done(job, len(chunks), finish_reason=frames.FinishReason.TOOL_CALLS)

    return send
