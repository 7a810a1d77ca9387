"""What the HTTP library refuses before any handler: OpenAI's shape, and nothing of the inside."""

from __future__ import annotations

import pytest

from tests.support.house import House
from tests.support.raw_http import RawAnswer, connect_raw, request_bytes

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"

UNREADABLE = {
    "garbage": b"\x00\x01\x02 hello\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no address": b"GET\r\n\r\n",
    "bad address": b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "unknown method": b"BREW /v1/models HTTP/1.1\r\nHost: x\r\n\r\n",
    "unknown version": b"GET /v1/models HTTP/3.7\r\nHost: x\r\n\r\n",
    "http 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "long address": request_bytes("/" + "a" * 20_000),
    "long header": request_bytes(X="a" * 20_000),
    "many headers": request_bytes(**{f"X{number}": 1 for number in range(500)}),
    "nameless header": b"GET /v1/models HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n",
    "control byte in a header": request_bytes(Authorization="Bearer sk-basis-\x01SECRET"),
    "length no number": request_bytes(CHAT, method="POST", Content_Length="abc"),
    "negative length": request_bytes(CHAT, method="POST", Content_Length=-1),
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "length and chunks": request_bytes(
        CHAT, method="POST", Content_Length=1, Transfer_Encoding="chunked", body=b"0\r\n\r\n"
    ),
    "bad chunk": request_bytes(CHAT, method="POST", Transfer_Encoding="chunked", body=b"ZZZ\r\n"),
}


async def answer_to(house: House, data: bytes) -> RawAnswer:
    """The answer to some bytes, after which the connection must end if it says so."""
    async with connect_raw(house.running.url) as connection:
        connection.send(data)
        answer = await connection.answer()
        if answer.headers.get("connection") == "close":
            assert await connection.rest() == b""
    return answer


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
async def test_raw_request__no_http__is_told_so_in_openais_shape(house: House, data: bytes) -> None:
    async with connect_raw(house.running.url) as connection:
        connection.send(data)
        answer = await connection.answer()
        rest = await connection.rest()

    error = answer.error()
    assert (answer.status, error["type"], error["code"]) == (
        400,
        "invalid_request_error",
        "http_400",
    )
    assert rest == b""
    assert b"SECRET" not in answer.body
    assert b"aiohttp" not in answer.body


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (request_bytes("/nothing"), 404, "http_404"),
        (request_bytes(CHAT, method="DELETE"), 405, "http_405"),
        (request_bytes(CHAT, method="OPTIONS"), 405, "http_405"),
        (request_bytes("a:1", method="CONNECT"), 404, "http_404"),
        (request_bytes(CHAT, method="POST", Expect="cake", Content_Length=0), 417, "http_417"),
        (request_bytes("/nothing", Expect="cake"), 417, "http_417"),
        (request_bytes("/api/workers/connect", Upgrade="websocket"), 400, "http_400"),
        (
            request_bytes(
                "/api/workers/connect",
                Upgrade="websocket",
                Connection="Upgrade",
                Sec_WebSocket_Version=99,
            ),
            400,
            "http_400",
        ),
    ],
    ids=["path", "method", "options", "connect", "expect", "expect-404", "no-link", "old-link"],
)
async def test_raw_request__refused_by_the_library__has_openais_shape(
    house: House, data: bytes, status: int, code: str
) -> None:
    answer = await answer_to(house, data)

    assert (answer.status, answer.error()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({"Content_Encoding": "gzip"}, b"abcd", 400, "invalid_input"),
        ({"Content_Encoding": "cake"}, b"abcd", 400, "invalid_input"),
        ({}, b"x" * 5_000_000, 413, "request_too_large"),
    ],
    ids=["no-gzip", "unknown-encoding", "too-large"],
)
async def test_raw_request__body_that_cannot_be_used__has_openais_shape(
    house: House, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    data = request_bytes(
        CHAT,
        method="POST",
        body=body,
        Authorization=f"Bearer {house.customer.key}",
        Content_Length=len(body),
        **headers,
    )

    answer = await answer_to(house, data)

    assert (answer.status, answer.error()["code"]) == (status, code)
