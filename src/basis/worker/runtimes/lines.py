"""Lines of a streamed HTTP body, however its reads are cut."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import aiohttp

from basis.wire.frames import WorkerFault
from basis.worker.runtimes.base import RuntimeFailure

MAX_LINE_BYTES = 16 << 20
"""Longest line taken from a runtime; a batch of embeddings is one line of some megabytes."""


async def iterate_lines(content: aiohttp.StreamReader) -> AsyncGenerator[bytes, None]:
    """Each line without its end, empty ones too; a last line without an end counts as well.

    Raises:
        RuntimeFailure: a line longer than `MAX_LINE_BYTES`.
    """
    pending = bytearray()
    async for data in content.iter_any():
        pending += data
        if b"\n" not in data:
            _validate_length(pending)
            continue
        *whole, rest = pending.split(b"\n")
        pending = bytearray(rest)
        for line in whole:
            yield bytes(line).rstrip(b"\r")
    if pending:
        yield bytes(pending).rstrip(b"\r")


def _validate_length(pending: bytearray) -> None:
    if len(pending) > MAX_LINE_BYTES:
        raise RuntimeFailure(WorkerFault.RUNTIME_ERROR, f"a line of over {MAX_LINE_BYTES} bytes")
