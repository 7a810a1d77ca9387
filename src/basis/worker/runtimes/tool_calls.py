"""Tool calls of runtimes' servers, made into the one shape that the link takes.

Servers repeat a call's id and name, leave out indices or ids, or send arguments as an object; none
of that may cost the worker its link.
"""

from __future__ import annotations

import secrets

import msgspec

from basis.wire.frames import WorkerFault
from basis.wire.tool_calls import MAX_TOOL_CALLS, FunctionDelta, ToolCallDelta
from basis.worker.runtimes.base import RuntimeFailure


class _Function(msgspec.Struct, frozen=True, kw_only=True):
    name: str | None = None
    arguments: str | dict[str, object] | None = None


class _Delta(msgspec.Struct, frozen=True, kw_only=True):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call as the server began it: its own index and id (None and "" if none), and its name."""

    index: int | None
    id: str
    name: str


_MAX_NAME_CHARACTERS = 1_024
"""Of an id or a name, which must fit into one frame whole; OpenAI allows a function's name 64."""

_DELTAS = msgspec.json.Decoder(list[_Delta])


class ToolCallReader:
    """The tool calls of one answer, as far as they have come."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        """In the order in which they began."""

    def read(self, raw: msgspec.Raw | None) -> tuple[ToolCallDelta, ...]:
        """The next deltas, in the link's shape.

        Raises:
            RuntimeFailure: they cannot be understood.
        """
        if raw is None:
            return ()
        try:
            return tuple(self._read_delta(delta) for delta in _DELTAS.decode(raw))
        except msgspec.DecodeError as error:
            raise _malformed(str(error)) from error

    def _read_delta(self, delta: _Delta) -> ToolCallDelta:
        function = delta.function or _Function()
        arguments = function.arguments
        if isinstance(arguments, dict):
            arguments = msgspec.json.encode(arguments).decode()
        name = function.name or ""
        number = self._find(delta, name)
        if number is not None:
            if name not in {"", self._calls[number].name}:
                raise _malformed("one call has two names")
            return ToolCallDelta(index=number, function=FunctionDelta(arguments=arguments))
        begun = begin_call(
            len(self._calls),
            call_id=delta.id or f"call-{secrets.token_hex(12)}",
            name=name,
            arguments=arguments or "",
        )
        self._calls.append(_Call(index=delta.index, id=delta.id or "", name=name))
        return begun

    def _find(self, delta: _Delta, name: str) -> int | None:
        """Which of the calls the delta goes on with; None if it begins another one."""
        numbers = range(len(self._calls))
        if delta.index is not None:
            numbers = [n for n in numbers if self._calls[n].index == delta.index]
        same_id = [n for n in numbers if delta.id and self._calls[n].id == delta.id]
        if delta.index is None:
            # Some servers give every call one id, so that only the name tells them apart.
            same_id = [n for n in same_id if name in {"", self._calls[n].name}]
            begins = bool(delta.id or name)
        else:
            # Some servers make up a new id for each delta, so that only a name begins a call.
            begins = bool(delta.id and name) and any(self._calls[n].id for n in numbers)
        if same_id:
            return same_id[-1]
        return None if begins or not numbers else numbers[-1]


def begin_call(number: int, *, call_id: str, name: str, arguments: str) -> ToolCallDelta:
    """The delta that begins call `number` of an answer, counted from 0.

    Raises:
        RuntimeFailure: the link would not take it, and would end with every job on it.
    """
    if not name:
        raise _malformed("a call has no name")
    if number >= MAX_TOOL_CALLS:
        raise _malformed(f"there are more than {MAX_TOOL_CALLS} calls")
    if max(len(call_id), len(name)) > _MAX_NAME_CHARACTERS:
        raise _malformed(f"an id or a name has more than {_MAX_NAME_CHARACTERS} characters")
    return ToolCallDelta(
        index=number,
        id=call_id,
        type="function",
        function=FunctionDelta(name=name, arguments=arguments),
    )


def _malformed(how: str) -> RuntimeFailure:
    return RuntimeFailure(WorkerFault.RUNTIME_ERROR, f"tool calls of unknown shape: {how}")
