"""What of an answer is text that the gateway counts: content, reasoning and tool calls."""

from __future__ import annotations

import msgspec

from basis.wire.frames import Chunk, JobKind, Vector
from basis.wire.tool_calls import ToolCallDelta


class CalledFunction(msgspec.Struct, frozen=True, kw_only=True):
    """The function of a whole tool call. `arguments` is whatever the model wrote, JSON or not."""

    name: str
    arguments: str


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A whole tool call in OpenAI's shape."""

    id: str
    type: str = "function"
    function: CalledFunction


class AnswerText:
    """The text of one answer, put together from its chunks as OpenAI's clients do it.

    However an answer is cut into chunks, the same text and the same count come of it.
    """

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._reasonings: list[str] = []
        self._calls: list[tuple[ToolCallDelta, list[str]]] = []
        """The delta that began a call, and the pieces of its arguments."""

    def add(self, chunk: Chunk) -> None:
        """Adds the next chunk, whose tool calls the link has checked."""
        if chunk.text:
            self._texts.append(chunk.text)
        if chunk.reasoning:
            self._reasonings.append(chunk.reasoning)
        for delta in chunk.tool_calls:
            if delta.index == len(self._calls):
                self._calls.append((delta, []))
            self._calls[delta.index][1].append(delta.function.arguments or "")

    def clear(self) -> None:
        """Forgets everything."""
        self._texts.clear()
        self._reasonings.clear()
        self._calls.clear()

    @property
    def text(self) -> str:
        """The content."""
        return "".join(self._texts)

    @property
    def reasoning(self) -> str:
        """What the model thought aloud."""
        return "".join(self._reasonings)

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tool calls, in the order in which they began."""
        return [
            ToolCall(
                id=first.id or "",
                function=CalledFunction(
                    name=first.function.name or "", arguments="".join(arguments)
                ),
            )
            for first, arguments in self._calls
        ]

    def counted(self, kind: JobKind) -> str:
        """The text that is counted as output: what an answer of this kind shows to its customer."""
        if kind is not JobKind.CHAT:
            return self.text
        calls = (call.function.name + call.function.arguments for call in self.tool_calls)
        return "".join((self.reasoning, self.text, *calls))


def frame_bytes(frame: Chunk | Vector) -> int:
    """What a frame counts towards the bound of its answer: the bytes of its text, cheaply found.

    At least 1, so that frames without text come to an end too.
    """
    if isinstance(frame, Vector):
        return 1
    size = max(1, len(frame.text) + len(frame.reasoning))
    for delta in frame.tool_calls:
        size += len(delta.function.name or "") + len(delta.function.arguments or "")
    return size
