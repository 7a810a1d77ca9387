"""What of a frame is counted, as text and towards its answer's bound."""

from __future__ import annotations

import msgspec
import pytest

from basis.gateway.answer_text import frame_bytes, frame_text, tool_call_deltas
from basis.wire.frames import Chunk, JobKind, Vector

VECTOR = Vector(lease_id="l", seq=0, index=0, values=[1.0])


def make_chunk(text: str = "", *, tool_calls: bytes = b"", **fields: object) -> Chunk:
    """A chunk with tool calls if given."""
    if tool_calls:
        fields["tool_calls"] = msgspec.Raw(tool_calls)
    return Chunk(lease_id="l", seq=0, text=text, **fields)


CALL = b'[{"index":0,"function":{"name":"add","arguments":"{}"}}]'


@pytest.mark.parametrize(
    ("chunk", "text"),
    [
        (make_chunk("a"), "a"),
        (make_chunk("a", reasoning="b"), "ba"),
        (make_chunk("a", reasoning="b", tool_calls=CALL), "baadd{}"),
        (make_chunk("a", tool_calls=b'{"no":"list"}'), "a"),
        (make_chunk("a", tool_calls=b'[{"index":0}]'), "a"),
    ],
)
def test_frame_text__of_a_chat__is_all_that_is_shown(chunk: Chunk, text: str) -> None:
    assert frame_text(chunk, kind=JobKind.CHAT) == text


@pytest.mark.parametrize("kind", [JobKind.COMPLETION, JobKind.EMBEDDING])
def test_frame_text__of_anything_else__is_the_text_alone(kind: JobKind) -> None:
    chunk = make_chunk("a", reasoning="b", tool_calls=CALL)

    assert frame_text(chunk, kind=kind) == "a"


def test_frame_text__vector__is_none() -> None:
    assert frame_text(VECTOR, kind=JobKind.EMBEDDING) == ""


@pytest.mark.parametrize("frame", [make_chunk(), VECTOR])
def test_frame_bytes__without_text__count_one(frame: Chunk | Vector) -> None:
    assert frame_bytes(frame) == 1


def test_frame_bytes__logprobs__count_a_little() -> None:
    plain = make_chunk("abc")
    weighed = make_chunk("abc", logprobs=msgspec.Raw(b'"' + b"x" * 20_480 + b'"'))

    assert frame_bytes(weighed) - frame_bytes(plain) == 20


@pytest.mark.parametrize("raw", [b"5", b"{}", b'[{"index":"x"}]', b'[{"function":5}]'])
def test_tool_call_deltas__of_another_shape__are_none(raw: bytes) -> None:
    assert tool_call_deltas(make_chunk(tool_calls=raw)) == []
