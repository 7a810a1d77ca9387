"""What of an answer is counted, as text and towards its bound."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basis.gateway.answer_text import AnswerText, frame_bytes
from basis.gateway.logprobs import Logprobs, logprobs_bytes
from basis.wire.frames import Chunk, JobKind, Vector
from basis.wire.tool_calls import FunctionDelta, ToolCallDelta
from tests.support.tool_calls import cut_calls, make_call

VECTOR = Vector(lease_id="l", seq=0, index=0, values=[1.0])
CALL = ToolCallDelta(index=0, id="c", function=FunctionDelta(name="add", arguments="{}"))


def make_chunk(text: str = "", **fields: object) -> Chunk:
    """A chunk of some lease."""
    return Chunk(lease_id="l", seq=0, text=text, **fields)


def answer_of(*chunks: Chunk) -> AnswerText:
    """The chunks put together."""
    answer = AnswerText()
    for chunk in chunks:
        answer.add(chunk)
    return answer


@pytest.mark.parametrize(
    ("chunk", "text"),
    [
        (make_chunk("a"), "a"),
        (make_chunk("a", reasoning="b"), "ba"),
        (make_chunk("a", reasoning="b", tool_calls=[CALL]), "baadd{}"),
    ],
)
def test_counted__of_a_chat__is_all_that_is_shown(chunk: Chunk, text: str) -> None:
    assert answer_of(chunk).counted(JobKind.CHAT) == text


@pytest.mark.parametrize("kind", [JobKind.COMPLETION, JobKind.EMBEDDING])
def test_counted__of_anything_else__is_the_text_alone(kind: JobKind) -> None:
    chunk = make_chunk("a", reasoning="b", tool_calls=[CALL])

    assert answer_of(chunk).counted(kind) == "a"


def test_clear__after_chunks__leaves_nothing() -> None:
    answer = answer_of(make_chunk("a", reasoning="b", tool_calls=[CALL]))

    answer.clear()

    assert answer.counted(JobKind.CHAT) == ""
    assert answer.tool_calls == []


@settings(derandomize=True, deadline=None)
@given(
    texts=st.lists(st.tuples(st.text(min_size=1), st.text()), min_size=1, max_size=5),
    seed=st.integers(0, 1 << 32),
)
def test_tool_calls__cut_anyhow__are_the_same_and_count_the_same(
    texts: list[tuple[str, str]], seed: int
) -> None:
    calls = [make_call(number, *text) for number, text in enumerate(texts)]

    answer = answer_of(
        *(make_chunk(tool_calls=deltas) for deltas in cut_calls(calls, Random(seed)))
    )

    assert msgspec.to_builtins(answer.tool_calls) == calls
    assert answer.counted(JobKind.CHAT) == "".join(name + arguments for name, arguments in texts)


@pytest.mark.parametrize("frame", [make_chunk(), VECTOR])
def test_frame_bytes__without_text__count_one(frame: Chunk | Vector) -> None:
    assert frame_bytes(frame) == 1


def test_frame_bytes__tool_calls__count_what_is_written() -> None:
    assert frame_bytes(make_chunk("abc", tool_calls=[CALL])) == len("abc" + "add" + "{}")


def test_logprobs_bytes__of_a_frame__are_those_of_its_json() -> None:
    raw = msgspec.Raw(b'{"content":[]}')

    assert logprobs_bytes(make_chunk("abc", logprobs=raw)) == len(b'{"content":[]}')
    assert logprobs_bytes(make_chunk("abc")) == logprobs_bytes(VECTOR) == 0


@pytest.mark.parametrize(
    ("pieces", "joined"),
    [
        ([], None),
        ([b"[]", b"7", b'{"content":null}', b'{"other":[1]}', b'{"content":7}'], None),
        ([b'{"content":[]}'], {"content": []}),
        ([b'{"content":[ 1,2 ]}', b'{"content":[ ]}', b'{"content":[3]}'], {"content": [1, 2, 3]}),
        (
            [b'{"tokens":["a"],"top_logprobs":null}', b'{"tokens":["]"],"text_offset":[1]}'],
            {"tokens": ["a", "]"], "text_offset": [1]},
        ),
    ],
    ids=["none", "odd", "empty", "chat", "completion"],
)
def test_logprobs__pieces__are_joined_list_by_list(
    pieces: list[bytes], joined: dict[str, object] | None
) -> None:
    logprobs = Logprobs()
    for piece in pieces:
        logprobs.add(make_chunk(logprobs=msgspec.Raw(piece)))

    raw = logprobs.joined()

    assert (raw and msgspec.json.decode(raw)) == joined
