"""Tool calls as a worker streams them: OpenAI's deltas, held to one shape.

OpenAI's own clients differ in what they make of a delta that repeats an id or leaves the index out,
so the link takes none of these: whoever puts the deltas together gets the same calls.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MAX_TOOL_CALLS = 128
"""Most tool calls of one answer, and most deltas of one chunk."""


class FunctionDelta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A function's name, told once and whole, and the next piece of its arguments."""

    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The next piece of the tool call number `index`. Fields that are not named here are dropped.

    The first delta of a call has its id and its function's name, the later ones have neither. The
    calls of an answer are numbered from 0 in the order in which they begin.
    """

    index: Annotated[int, Meta(ge=0, lt=MAX_TOOL_CALLS)]
    id: str | None = None
    type: Literal["function"] | None = None
    function: FunctionDelta = FunctionDelta()


ToolCallDeltas = Annotated[list[ToolCallDelta], Meta(max_length=MAX_TOOL_CALLS)]
