"""HTTP as bytes on a socket, for what no client library would send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.support.answers import expect_discreet_error


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """An answer, taken apart."""

    status: int
    headers: dict[str, str]
    body: bytes

    def error(self) -> dict[str, Any]:
        """The error in OpenAI's shape, which must tell nothing of what is inside."""
        assert self.headers["content-type"] == "application/json", self
        assert self.headers["server"] == "basis", self
        answer = msgspec.json.decode(self.body)
        assert set(answer) == {"error"}
        expect_discreet_error(answer["error"])
        return answer["error"]


class RawConnection:
    """A socket to an orchestrator."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        """Sends bytes."""
        self._writer.write(data)

    async def head(self) -> bytes:
        """The head of the next answer."""
        async with asyncio.timeout(20):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def answer(self) -> RawAnswer:
        """The next answer."""
        first, *lines = (await self.head()).decode().strip().split("\r\n")
        async with asyncio.timeout(20):
            headers = {
                name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
            }
            body = await self._reader.readexactly(int(headers["content-length"]))
        return RawAnswer(status=int(first.split(" ")[1]), headers=headers, body=body)

    async def rest(self) -> bytes:
        """Everything until the other side hangs up."""
        async with asyncio.timeout(20):
            try:
                return await self._reader.read()
            except ConnectionResetError:
                return b""


@asynccontextmanager
async def connect_raw(url: str) -> AsyncIterator[RawConnection]:
    """A connection to the orchestrator at `url`."""
    host, _colon, port = url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield RawConnection(reader, writer)
    finally:
        writer.close()


def request_bytes(
    path: str = "/v1/models", *, method: str = "GET", body: bytes = b"", **headers: object
) -> bytes:
    """A request; underscores in the headers' names stand for hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "Host: basis"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
