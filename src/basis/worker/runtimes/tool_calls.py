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


_MAX_NAME_CHARACTERS = 1_024
"""Of a call's id or its function's name, which must fit into one frame whole; OpenAI's have 64."""

_DELTAS = msgspec.json.Decoder(list[_Delta])


class ToolCallReader:
    """The tool calls of one answer, as far as they have come."""

    def __init__(self) -> None:
        self._places: list[int | None] = []
        """The server's own index of each call, in the order in which they began."""
        self._names: list[str] = []

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
        call = self._find(delta)
        if call is not None:
            if function.name not in {None, "", self._names[call]}:
                raise _malformed("one call has two names")
            return ToolCallDelta(index=call, function=FunctionDelta(arguments=arguments))
        begun = begin_call(
            len(self._places),
            call_id=delta.id or f"call-{secrets.token_hex(12)}",
            name=function.name or "",
            arguments=arguments or "",
        )
        self._places.append(delta.index)
        self._names.append(function.name or "")
        return begun

    def _find(self, delta: _Delta) -> int | None:
        """Which of the calls the delta goes on with; None if it begins another one."""
        if delta.index is not None:
            return self._places.index(delta.index) if delta.index in self._places else None
        begins = bool(delta.id or (delta.function and delta.function.name))
        return None if begins or not self._places else len(self._places) - 1


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
