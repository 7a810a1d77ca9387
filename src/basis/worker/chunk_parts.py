"""Pieces of a runtime cut into parts that each keep to the limits of one chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from basis.wire.frames import MAX_CHUNK_EXTRA_BYTES, MAX_CHUNK_TEXT_BYTES, WorkerFault
from basis.wire.tool_calls import MAX_TOOL_CALLS, FunctionDelta, ToolCallDelta
from basis.worker.runtimes.base import RuntimeFailure, TextPiece, VectorPiece

_SURE_TEXT_CHARACTERS = MAX_CHUNK_TEXT_BYTES // 4
"""No character needs more than four bytes in UTF-8."""

_SURE_CALL_CHARACTERS = MAX_CHUNK_EXTRA_BYTES // 4


def split_piece(piece: TextPiece | VectorPiece) -> list[TextPiece | VectorPiece]:
    """The piece in parts that fit: reasoning, text, tool calls. What is none rides with the first.

    Raises:
        RuntimeFailure: its logprobs fit into no chunk.
    """
    if isinstance(piece, VectorPiece) or _fits(piece):
        return [piece]
    if _logprobs_bytes(piece) > MAX_CHUNK_EXTRA_BYTES:
        raise RuntimeFailure(
            WorkerFault.RUNTIME_ERROR,
            f"logprobs of {_logprobs_bytes(piece)} bytes are too long for one chunk",
        )
    first, *more = [
        *(TextPiece(reasoning=part) for part in _split_text(piece.reasoning)),
        *(TextPiece(text=part) for part in _split_text(piece.text)),
    ] or [TextPiece()]
    first = msgspec.structs.replace(first, logprobs=piece.logprobs, token_ids=piece.token_ids)
    calls = [TextPiece(tool_calls=part) for part in _split_calls(piece.tool_calls)]
    return [part for part in (first, *more, *calls) if not part.is_empty]


def _fits(piece: TextPiece) -> bool:
    text_bytes = len(piece.text.encode()) + len(piece.reasoning.encode())
    call_bytes = 4 * sum(_count_characters(delta) for delta in piece.tool_calls)
    return (
        text_bytes <= MAX_CHUNK_TEXT_BYTES
        and call_bytes + _logprobs_bytes(piece) <= MAX_CHUNK_EXTRA_BYTES
        and len(piece.tool_calls) <= MAX_TOOL_CALLS
    )


def _split_text(text: str) -> Iterator[str]:
    for start in range(0, len(text), _SURE_TEXT_CHARACTERS):
        yield text[start : start + _SURE_TEXT_CHARACTERS]


def _split_calls(deltas: Sequence[ToolCallDelta]) -> Iterator[tuple[ToolCallDelta, ...]]:
    """Runs of deltas that together keep to a chunk's limits, in the same order."""
    run: list[ToolCallDelta] = []
    room = _SURE_CALL_CHARACTERS
    for delta in (part for whole in deltas for part in _split_call(whole)):
        length = _count_characters(delta)
        if run and (length > room or len(run) == MAX_TOOL_CALLS):
            yield tuple(run)
            run, room = [], _SURE_CALL_CHARACTERS
        run.append(delta)
        room -= length
    if run:
        yield tuple(run)


def _split_call(delta: ToolCallDelta) -> Iterator[ToolCallDelta]:
    """The delta with as much of its arguments as fits, then deltas with the rest of them."""
    arguments = delta.function.arguments or ""
    room = _SURE_CALL_CHARACTERS - (_count_characters(delta) - len(arguments))
    if len(arguments) <= room:
        yield delta
        return
    function = msgspec.structs.replace(delta.function, arguments=arguments[:room])
    yield msgspec.structs.replace(delta, function=function)
    for start in range(room, len(arguments), _SURE_CALL_CHARACTERS):
        part = arguments[start : start + _SURE_CALL_CHARACTERS]
        yield ToolCallDelta(index=delta.index, function=FunctionDelta(arguments=part))


def _count_characters(delta: ToolCallDelta) -> int:
    texts = (delta.id, delta.function.name, delta.function.arguments)
    return sum(len(text) for text in texts if text)


def _logprobs_bytes(piece: TextPiece) -> int:
    return 0 if piece.logprobs is None else len(bytes(piece.logprobs))
