"""What of a frame is text that the gateway counts: content, reasoning and tool calls."""

from __future__ import annotations

import msgspec

from basis.wire.frames import Chunk, JobKind, Vector


class ToolCallFunction(msgspec.Struct, kw_only=True):
    """The function part of OpenAI's tool call delta."""

    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(msgspec.Struct, kw_only=True):
    """OpenAI's tool call delta; a whole call is all deltas of one index put together."""

    index: int = 0
    id: str | None = None
    type: str | None = None
    function: ToolCallFunction | None = None


_decode_tool_calls = msgspec.json.Decoder(list[ToolCallDelta])


def tool_call_deltas(chunk: Chunk) -> list[ToolCallDelta]:
    """The tool call deltas of a chunk; what is no such thing counts as none."""
    if isinstance(chunk.tool_calls, msgspec.UnsetType):
        return []
    try:
        return _decode_tool_calls.decode(chunk.tool_calls)
    except msgspec.DecodeError:
        return []


def frame_text(frame: Chunk | Vector, *, kind: JobKind) -> str:
    """The text that is counted as output: what an answer of this kind shows to its customer."""
    if isinstance(frame, Vector):
        return ""
    if kind is not JobKind.CHAT:
        return frame.text
    if isinstance(frame.tool_calls, msgspec.UnsetType):
        return frame.reasoning + frame.text if frame.reasoning else frame.text
    calls = "".join(
        (delta.function.name or "") + (delta.function.arguments or "")
        for delta in tool_call_deltas(frame)
        if delta.function is not None
    )
    return frame.reasoning + frame.text + calls


def frame_bytes(frame: Chunk | Vector) -> int:
    """What a frame counts towards the bound of its answer: the bytes of its text, cheaply found.

    At least 1, so that frames without text come to an end too; logprobs count a little, so that
    they are bounded as well (twenty alternatives of a token are some 2 KiB).
    """
    if isinstance(frame, Vector):
        return 1
    size = max(1, len(frame.text) + len(frame.reasoning))
    if not isinstance(frame.logprobs, msgspec.UnsetType):
        size += len(bytes(frame.logprobs)) // 1_024
    if not isinstance(frame.tool_calls, msgspec.UnsetType):
        # Not the JSON around it, which is many times the text of a delta.
        size += len(frame_text(frame, kind=JobKind.CHAT)) - len(frame.text) - len(frame.reasoning)
    return size
