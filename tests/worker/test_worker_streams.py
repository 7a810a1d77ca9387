"""Reading what runtimes send, and refusing what they cannot do; no server takes part."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator
from typing import cast

import aiohttp
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from basis.wire.frames import FinishReason, Job, JobKind, WorkerFault
from basis.worker.runtimes.base import Finish, Piece, RuntimeFailure, TextPiece, whole_answer
from basis.worker.runtimes.faults import fault_of_event, fault_of_status
from basis.worker.runtimes.lines import iterate_lines
from basis.worker.runtimes.openai_stream import read_answer
from basis.worker.runtimes.request import PLAIN_FIELDS, read_fields

STOP = Finish(finish_reason=FinishReason.STOP)


class Reads:
    """A body that arrives in these reads."""

    def __init__(self, reads: list[bytes]) -> None:
        self._reads = reads

    async def iter_any(self) -> AsyncGenerator[bytes, None]:
        for data in self._reads:
            yield data


def lines_of(reads: list[bytes]) -> AsyncGenerator[bytes, None]:
    return iterate_lines(cast("aiohttp.StreamReader", Reads(reads)))


async def gather(pieces: AsyncGenerator[Piece, None]) -> list[Piece]:
    return [piece async for piece in pieces]


def read_events(*events: str, kind: JobKind = JobKind.CHAT) -> list[Piece]:
    """The pieces of server-sent events."""
    body = "".join(f"data: {event}\n\n" for event in events).encode()
    return asyncio.run(gather(read_answer(lines_of([body]), kind)))


def job(kind: JobKind = JobKind.CHAT, **fields: object) -> Job:
    return Job(
        lease_id="lease-1",
        job_id="job-1",
        kind=kind,
        model="m",
        request=msgspec.Raw(msgspec.json.encode(fields)),
        timeout_s=1,
    )


@given(
    lines=st.lists(st.binary(max_size=20).filter(lambda line: not set(line) & set(b"\r\n"))),
    cuts=st.lists(st.integers(0, 200)),
)
def test_lines__any_cuts__come_out_as_they_went_in(lines: list[bytes], cuts: list[int]) -> None:
    body = b"".join(line + b"\n" for line in lines)
    edges = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    reads = [body[start:end] for start, end in itertools.pairwise(edges)]

    async def read() -> list[bytes]:
        return [line async for line in lines_of(reads)]

    assert asyncio.run(read()) == lines


def test_lines__no_end_at_the_end__counts_the_last_one() -> None:
    async def read() -> list[bytes]:
        return [line async for line in lines_of([b"a\r\nb"])]

    assert asyncio.run(read()) == [b"a", b"b"]


def test_events__text_reasoning_tools_and_usage__become_pieces() -> None:
    pieces = read_events(
        '{"choices":[{"index":0,"delta":{"role":"assistant","content":null}}]}',
        '{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}',
        '{"choices":[{"index":0,"delta":{"content":"hi"}}]}',
        '{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f"}}]},'
        '"finish_reason":"tool_calls"}]}',
        '{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}',
        "[DONE]",
    )
    texts = [piece for piece in pieces if isinstance(piece, TextPiece) and not piece.is_empty]
    assert [(piece.text, piece.reasoning) for piece in texts] == [("", "hm"), ("hi", ""), ("", "")]
    (call,) = texts[2].tool_calls
    assert (call.index, call.id, call.function.name) == (0, "c", "f")
    assert pieces[-1] == Finish(
        finish_reason=FinishReason.TOOL_CALLS, prompt_tokens=3, output_tokens=2
    )


def test_events__llama_servers_token_ids__are_kept_as_evidence() -> None:
    pieces = read_events(
        '{"choices":[{"delta":{"content":"hi"},"finish_reason":"stop","logprobs":'
        '{"content":[{"id":7,"token":"hi","logprob":-0.5,"bytes":[104,105],"top_logprobs":[]}]}}]}'
    )
    first = pieces[0]
    assert isinstance(first, TextPiece)
    assert first.token_ids == (7,)
    assert first.logprobs is not None


def test_events__completion_with_chat_logprobs__gets_openais_completion_shape() -> None:
    event = (
        '{"choices":[{"text":"%s","finish_reason":null,"logprobs":{"content":[{"token":"%s",'
        '"logprob":-0.5,"bytes":null,"top_logprobs":[{"token":"x","logprob":-1.5}]}]}}]}'
    )
    last = '{"choices":[{"text":"","finish_reason":"length","logprobs":null}]}'
    pieces = read_events(event % ("ab", "ab"), event % ("c", "c"), last, kind=JobKind.COMPLETION)
    shapes = [
        msgspec.json.decode(piece.logprobs)
        for piece in pieces
        if isinstance(piece, TextPiece) and piece.logprobs is not None
    ]
    assert [shape["text_offset"] for shape in shapes] == [[0], [2]]
    assert shapes[0]["top_logprobs"] == [{"x": -1.5}]


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        (['{"choices":[{"delta":{"content":"hi"}}]}'], WorkerFault.RUNTIME_TRUNCATED),
        (['{"choices":[{"delta":{"content":"hi"}}]}', "[DONE]"], WorkerFault.RUNTIME_TRUNCATED),
        (['{"choices":[{"finish_reason":"abort"}]}'], WorkerFault.RUNTIME_TRUNCATED),
        (['{"error":{"message":"boom","code":500}}'], WorkerFault.RUNTIME_ERROR),
        (['{"error":"CUDA out of memory"}'], WorkerFault.OUT_OF_MEMORY),
        (["not json"], WorkerFault.RUNTIME_ERROR),
        (['{"choices":7}'], WorkerFault.RUNTIME_ERROR),
    ],
)
def test_events__broken_answer__fails_with_its_reason(
    events: list[str], reason: WorkerFault
) -> None:
    with pytest.raises(RuntimeFailure) as raised:
        read_events(*events)
    assert raised.value.reason is reason


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, b'{"error":{"type":"exceed_context_size_error"}}', WorkerFault.CONTEXT_EXCEEDED),
        (400, b'{"error":"the input length exceeds the context length"}', "context_exceeded"),
        (500, b'{"error":{"message":"input (4001 tokens) is too large to process"}}', None),
        (500, b'{"error":"model requires more system memory"}', WorkerFault.OUT_OF_MEMORY),
        (400, b'{"error":"\\"tiny\\" does not support tools"}', WorkerFault.UNSUPPORTED),
        (404, b'{"error":"model not found"}', WorkerFault.MODEL_UNAVAILABLE),
        (422, b'{"detail":[{"input":"the prompt"}]}', WorkerFault.BAD_REQUEST),
        (503, b"busy", WorkerFault.RUNTIME_ERROR),
        (401, b"", WorkerFault.RUNTIME_ERROR),
    ],
)
def test_fault__status_and_body__say_the_reason(
    status: int, body: bytes, reason: WorkerFault | None
) -> None:
    assert fault_of_status(status, body).reason == (reason or WorkerFault.CONTEXT_EXCEEDED)


def test_fault__refused_request__never_quotes_what_was_sent() -> None:
    body = b'{"error":{"message":"bad input: my secret prompt","type":"bad","param":"messages"}}'
    assert "secret" not in str(fault_of_status(400, body))
    assert "param messages" in str(fault_of_status(400, body))
    assert "secret" not in str(fault_of_event(b'{"error":{"message":"my secret","code":400}}'))


@pytest.mark.parametrize(
    "body",
    [
        b"xyzzy",
        b'{"error":"xyzzy"}',
        b'{"error":{"message":"xyzzy","type":"xyzzy","code":"xyzzy","param":"xyzzy"}}',
    ],
)
@pytest.mark.parametrize("status", [400, 500])
def test_fault__whatever_the_runtime_says__is_kept_out_of_the_detail(
    status: int, body: bytes
) -> None:
    assert fault_of_status(status, body).detail == f"the runtime answers HTTP {status}"
    assert "xyzzy" not in fault_of_event(body).detail


def test_whole_answer__empty_pieces__are_left_out() -> None:
    async def answer() -> AsyncGenerator[Piece, None]:
        yield TextPiece()
        yield TextPiece(text="a")
        yield STOP

    async def read() -> list[Piece]:
        return [piece async for piece in whole_answer(answer())]

    assert asyncio.run(read()) == [TextPiece(text="a"), STOP]


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([], WorkerFault.RUNTIME_TRUNCATED),
        ([STOP, STOP], WorkerFault.RUNTIME_ERROR),
        ([STOP, TextPiece(text="more")], WorkerFault.RUNTIME_ERROR),
    ],
)
def test_whole_answer__not_one_finish_at_the_end__fails(
    pieces: list[Piece], reason: WorkerFault
) -> None:
    async def answer() -> AsyncGenerator[Piece, None]:
        for piece in pieces:
            yield piece

    async def read() -> None:
        async for _ in whole_answer(answer()):
            pass

    with pytest.raises(RuntimeFailure) as raised:
        asyncio.run(read())
    assert raised.value.reason is reason


def test_fields__null_and_neutral__ask_for_nothing() -> None:
    asked = job(messages=[], n=1, logprobs=False, tools=[], seed=None, user="someone", stream=True)
    assert set(read_fields(asked, PLAIN_FIELDS[JobKind.CHAT])) == {"messages"}


@pytest.mark.parametrize(
    ("name", "value"), [("n", 2), ("logprobs", 0), ("tools", [{}]), ("audio", {"voice": "x"})]
)
def test_fields__that_a_runtime_cannot_honour__are_refused_by_name(
    name: str, value: object
) -> None:
    with pytest.raises(RuntimeFailure, match=name) as raised:
        read_fields(job(**{name: value}), PLAIN_FIELDS[JobKind.CHAT])
    assert raised.value.reason is WorkerFault.UNSUPPORTED
