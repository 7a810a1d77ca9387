"""Tool calls of servers with manners of their own, as the link takes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from basis.dispatch.frame_checks import check_tool_calls
from basis.wire.frames import JobKind
from basis.worker.runtimes import ollama_stream
from basis.worker.runtimes.base import Piece, RuntimeFailure
from basis.worker.runtimes.tool_calls import ToolCallReader


def read(*chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The link's deltas of a server's, all in one list."""
    reader = ToolCallReader()
    deltas = [
        delta for chunk in chunks for delta in reader.read(msgspec.Raw(msgspec.json.encode(chunk)))
    ]
    check_tool_calls(deltas, begun=0)
    return msgspec.to_builtins(deltas)


def begin(index: int | None = 0, name: str = "f", arguments: str = "", **fields: Any) -> Any:
    """A delta that begins a call."""
    function = {"name": name, "arguments": arguments}
    return {"index": index, "id": "c", "type": "function", "function": function, **fields}


def go_on(arguments: str, **fields: Any) -> dict[str, Any]:
    """A delta that goes on with the first call."""
    return {"index": 0, "function": {"arguments": arguments}, **fields}


BEGUN = {
    "index": 0,
    "id": "c",
    "type": "function",
    "function": {"name": "f", "arguments": ""},
}


def test_calls__as_openai_streams_them__stay_as_they_are() -> None:
    assert read([begin()], [go_on("{}")]) == [BEGUN, go_on("{}")]


@pytest.mark.parametrize(
    "repeated",
    [begin(arguments="{}"), go_on("{}", id="c"), go_on("{}", id="", type="function")],
    ids=["all", "id", "empty-id"],
)
def test_calls__named_again_and_again__are_named_once(repeated: dict[str, Any]) -> None:
    assert read([begin()], [repeated]) == [BEGUN, go_on("{}")]


def test_calls__without_an_index__begin_with_their_name() -> None:
    calls = read([begin(None)], [go_on("{}", index=None), begin(None, "g")])

    assert [call["index"] for call in calls] == [0, 0, 1]


def test_calls__numbered_with_gaps__are_numbered_in_order() -> None:
    assert [call["index"] for call in read([begin(1), begin(7), begin(1)])] == [0, 1, 0]


def test_calls__without_an_id__get_one_each() -> None:
    first, second = read([begin(0, id=None), begin(1, id="")])

    assert first["id"].startswith("call-")
    assert first["id"] != second["id"]


def test_calls__of_one_index_with_ids_of_their_own__stay_apart() -> None:
    calls = read(
        [begin(id="a"), begin(id="b")],
        [go_on("1", id="a"), go_on("2", id="b"), go_on("3"), begin(id="a", arguments="4")],
    )

    assert [(call["index"], call.get("id")) for call in calls[:2]] == [(0, "a"), (1, "b")]
    assert [(call["index"], call["function"]["arguments"]) for call in calls[2:]] == [
        (0, "1"),
        (1, "2"),
        (1, "3"),
        (0, "4"),
    ]


def test_calls__of_one_index_with_a_new_id_on_each_delta__are_one() -> None:
    assert read([begin()], [go_on("{}", id="x")], [go_on("", id="y")])[1:] == [
        go_on("{}"),
        go_on(""),
    ]


def test_calls__without_an_index_and_named_again_and_again__are_named_once() -> None:
    calls = read(
        [begin(None, id="a"), begin(None, id="b")],
        [begin(None, id="a", arguments="1"), begin(None, id="b", arguments="2")],
        [go_on("3", index=None, id="a"), go_on("4", index=None)],
    )

    assert [call["index"] for call in calls] == [0, 1, 0, 1, 0, 1]
    assert [call.get("id") for call in calls] == ["a", "b", None, None, None, None]


def test_calls__without_an_index_and_of_one_id__begin_with_another_name() -> None:
    calls = read([begin(None), begin(None, "g"), begin(None, "g", "{}")])

    assert [call["index"] for call in calls] == [0, 1, 1]


def test_calls__arguments_as_an_object__become_text() -> None:
    (call,) = read([begin(function={"name": "f", "arguments": {"a": 1}})])

    assert call["function"]["arguments"] == '{"a":1}'


@pytest.mark.parametrize(
    "chunk",
    [
        [5],
        [go_on("{}")],
        [begin(), begin(name="g")],
        [begin(number) for number in range(129)],
        [begin(name="f" * 2_000)],
        [begin(id="c" * 2_000)],
    ],
    ids=["no-object", "nameless", "renamed", "too-many", "long-name", "long-id"],
)
def test_calls__that_cannot_be_understood__fail_the_job(chunk: list[Any]) -> None:
    with pytest.raises(RuntimeFailure, match="tool calls of unknown shape"):
        read(chunk)


@pytest.mark.parametrize(
    "calls",
    [
        [{"function": {"name": "", "arguments": {}}}],
        [{"function": {"name": "f", "arguments": {}}}] * 129,
        [{"function": {"name": "f" * 2_000, "arguments": {}}}],
    ],
    ids=["nameless", "too-many", "long-name"],
)
def test_ollamas_calls__that_the_link_would_not_take__fail_the_job(calls: list[Any]) -> None:
    async def lines() -> AsyncGenerator[bytes, None]:
        yield msgspec.json.encode({"message": {"tool_calls": calls}})

    async def read_all() -> list[Piece]:
        answer = ollama_stream.read_answer(lines(), kind=JobKind.CHAT, call_prefix="call")
        return [piece async for piece in answer]

    with pytest.raises(RuntimeFailure, match="tool calls of unknown shape"):
        asyncio.run(read_all())
