"""Pieces of any size, cut so that the orchestrator takes each part."""

from __future__ import annotations

import msgspec
import pytest

from basis.dispatch.frame_checks import check_size, check_tool_calls
from basis.wire.frames import MAX_CHUNK_EXTRA_BYTES, MAX_CHUNK_TEXT_BYTES, Chunk
from basis.wire.tool_calls import FunctionDelta, ToolCallDelta
from basis.worker.chunk_parts import split_piece
from basis.worker.runtimes.base import RuntimeFailure, TextPiece

_CHUNK = msgspec.json.Decoder(Chunk)


def begin(number: int, arguments: str) -> ToolCallDelta:
    """A delta that begins a call."""
    function = FunctionDelta(name="f", arguments=arguments)
    return ToolCallDelta(index=number, id=f"c{number}", type="function", function=function)


def parts_of(piece: TextPiece) -> list[TextPiece]:
    """The parts, once the orchestrator has looked at each."""
    parts = [part for part in split_piece(piece) if isinstance(part, TextPiece)]
    begun = 0
    for seq, part in enumerate(parts):
        fields = {name: value for name, value in msgspec.structs.asdict(part).items() if value}
        frame = Chunk(lease_id="lease-1", seq=seq, **fields)
        chunk = _CHUNK.decode(msgspec.json.encode(frame))
        check_size(chunk)
        begun = check_tool_calls(chunk.tool_calls, begun=begun)
    return parts


def arguments_of(parts: list[TextPiece]) -> dict[int, str]:
    """The arguments of each call, put together again."""
    whole: dict[int, str] = {}
    for delta in (delta for part in parts for delta in part.tool_calls):
        whole[delta.index] = whole.get(delta.index, "") + (delta.function.arguments or "")
    return whole


def test_split__long_text__keeps_to_the_limit_and_loses_nothing() -> None:
    piece = TextPiece(text="é🦉" * 50_000, reasoning="hm" * 30_000, logprobs=msgspec.Raw(b"{}"))
    parts = [part for part in split_piece(piece) if isinstance(part, TextPiece)]
    assert "".join(part.text for part in parts) == piece.text
    assert "".join(part.reasoning for part in parts) == piece.reasoning
    sizes = [len((part.text + part.reasoning).encode()) for part in parts]
    assert max(sizes) <= MAX_CHUNK_TEXT_BYTES
    assert [part.logprobs is not None for part in parts].count(True) == 1
    assert split_piece(TextPiece(text="short")) == [TextPiece(text="short")]


@pytest.mark.parametrize("letter", ["x", "\x00", "🦉"])
def test_split__long_arguments__keep_to_the_limit_and_lose_nothing(letter: str) -> None:
    long = letter * 140_000
    calls = (begin(0, long), begin(1, "{}"), begin(2, long))
    parts = parts_of(TextPiece(text="t", tool_calls=calls, logprobs=msgspec.Raw(b"{}")))

    assert parts[0] == TextPiece(text="t", logprobs=msgspec.Raw(b"{}"))
    assert arguments_of(parts) == {0: long, 1: "{}", 2: long}


def test_split__many_deltas_of_one_call__come_in_several_chunks() -> None:
    more = (ToolCallDelta(index=0, function=FunctionDelta(arguments="a")) for _ in range(300))
    parts = parts_of(TextPiece(tool_calls=(begin(0, ""), *more)))

    assert len(parts) == 3
    assert arguments_of(parts) == {0: "a" * 300}


def test_split__logprobs_that_leave_no_room__go_ahead_of_the_calls() -> None:
    logprobs = msgspec.Raw(b'"' + b"l" * (MAX_CHUNK_EXTRA_BYTES - 2) + b'"')
    call = begin(0, "{}")

    assert parts_of(TextPiece(tool_calls=(call,), logprobs=logprobs)) == [
        TextPiece(logprobs=logprobs),
        TextPiece(tool_calls=(call,)),
    ]


def test_split__logprobs_longer_than_a_chunk__fail_the_job_only() -> None:
    logprobs = msgspec.Raw(b'"' + b"l" * MAX_CHUNK_EXTRA_BYTES + b'"')

    with pytest.raises(RuntimeFailure, match="logprobs of 131074 bytes"):
        split_piece(TextPiece(text="t", logprobs=logprobs))
