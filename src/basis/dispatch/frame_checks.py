"""What a worker's frame may hold, beyond what its type says."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from basis.dispatch.lease import LinkViolation
from basis.wire import frames
from basis.wire.tool_calls import ToolCallDelta


def check_size(frame: frames.Chunk | frames.Vector) -> None:
    """Bounds what a frame may hold, so that a full window of them is bounded too.

    Raises:
        LinkViolation: it holds too much.
        msgspec.DecodeError: its logprobs are no UTF-8, which nobody else would look at.
    """
    if isinstance(frame, frames.Vector):
        if len(frame.values) > frames.MAX_VECTOR_VALUES:
            raise LinkViolation(f"a vector of {len(frame.values)} values is too long")
        return
    length = len(frame.text) + len(frame.reasoning)
    if length > frames.MAX_CHUNK_TEXT_BYTES:
        raise LinkViolation(f"a chunk of {length} characters is too long")
    if len(frame.token_ids) > frames.MAX_CHUNK_TOKEN_IDS:
        raise LinkViolation(f"a chunk of {len(frame.token_ids)} token ids is too long")
    extra_bytes = sum(_characters(delta) for delta in frame.tool_calls)
    if not isinstance(frame.logprobs, msgspec.UnsetType):
        extra_bytes += len(bytes(frame.logprobs))
        msgspec.json.decode(frame.logprobs)
    if extra_bytes > frames.MAX_CHUNK_EXTRA_BYTES:
        raise LinkViolation(f"a chunk with {extra_bytes} bytes beside its text is too long")


def check_tool_calls(deltas: Sequence[ToolCallDelta], *, begun: int) -> int:
    """How many tool calls the answer has begun after these deltas, where it had `begun` before.

    Raises:
        LinkViolation: a call begins out of order or unnamed, or is named twice.
    """
    for delta in deltas:
        is_named = bool(delta.id and delta.function.name)
        if delta.index > begun:
            raise LinkViolation(f"tool call {delta.index} came where {begun} was due")
        if delta.index == begun:
            if not is_named:
                raise LinkViolation(f"tool call {begun} begins without its id or its name")
            begun += 1
        elif delta.id or delta.function.name:
            raise LinkViolation(f"tool call {delta.index} is named twice")
    return begun


def complete_tool_calls(deltas: Sequence[ToolCallDelta]) -> list[ToolCallDelta]:
    """Checked deltas as OpenAI's own clients need them: the first of a call has type and arguments.

    No later one has a type, so that clients which append every text do not append it either.
    """
    return [
        msgspec.structs.replace(
            delta,
            type="function",
            function=msgspec.structs.replace(
                delta.function, arguments=delta.function.arguments or ""
            ),
        )
        if delta.id
        else msgspec.structs.replace(delta, type=None)
        for delta in deltas
    ]


def _characters(delta: ToolCallDelta) -> int:
    texts = (delta.id, delta.function.name, delta.function.arguments)
    return sum(len(text) for text in texts if text)
