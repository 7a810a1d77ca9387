"""Long lists, written to the customer by the page: none is held in memory whole."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from basis.gateway.context import CONTEXT

_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


async def stream_parts(
    request: web.Request, parts: AsyncIterator[bytes], *, form: str
) -> web.StreamResponse:
    """An answer of `parts`; the connection is cut if the customer leaves one unread for too long.

    What goes wrong before the first part is an ordinary error; after it, the answer breaks off.

    Raises:
        BasisError: the first part cannot be made.
    """
    first = await anext(parts, b"")
    stall_s = request.app[CONTEXT].settings.jobs.customer_stall_s
    response = web.StreamResponse(headers={"Content-Type": _TYPES[form]})
    try:
        async with asyncio.timeout(stall_s):
            await response.prepare(request)
            await response.write(first)
        async for part in parts:
            async with asyncio.timeout(stall_s):
                await response.write(part)
        async with asyncio.timeout(stall_s):
            await response.write_eof()
    except TimeoutError:
        _cut_off(request)
    except Exception:
        # It has begun: another status cannot be given, and half a list must not look whole.
        _cut_off(request)
        raise
    return response


def _cut_off(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def csv_lines(rows: Sequence[Sequence[object]]) -> bytes:
    """Rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
