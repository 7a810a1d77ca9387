"""Bodies that are no request at all: not JSON, not UTF-8, too large, too deep."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from tests.support.answers import expect_error
from tests.support.house import House
from tests.support.orchestrators import orchestrator

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/api/workers/register"]
NO_JSON = {
    "empty": b"",
    "cut-off": b"{",
    "single-quotes": b"{'model': 'basis-tiny'}",
    "form": b"model=basis-tiny",
    "nul": b"\x00",
    "utf-16": '{"model": "x"}'.encode("utf-16"),
}
CHAT_WITH = b'{"model":"basis-tiny","messages":[{"role":"user","content":"%s"}]}'
NO_TEXT = {
    "invalid-utf-8": CHAT_WITH % b"\xff\xfe",
    "overlong": CHAT_WITH % b"\xc0\xaf",
    "raw-surrogate": CHAT_WITH % b"\xed\xa0\x80",
    "lone-surrogate": CHAT_WITH % rb"\ud800",
    "in-an-object": CHAT_WITH[:-1] % b"x" + b',"response_format":{"type":"\xff"}}',
}
CHAT_HEAD = b'{"model":"basis-tiny","messages":[{"role":"user","content":"x"}],'


def post(house: House, data: bytes, path: str = PATHS[0], **options: Any) -> Any:
    """POSTs bytes as they are."""
    return house.customer.http.post(house.running.url + path, data=data, **options)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("data", NO_JSON.values(), ids=NO_JSON)
async def test_bodies__no_json__is_refused(house: House, data: bytes, path: str) -> None:
    async with post(house, data, path) as response:
        message = await expect_error(response, 400, "invalid_input")

    assert "JSON" in message


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("data", [b"[]", b"null", b'"text"', b"5"])
async def test_bodies__json_that_is_no_object__is_refused(
    house: House, data: bytes, path: str
) -> None:
    async with post(house, data, path) as response:
        await expect_error(response, 400, "invalid_input")


@pytest.mark.parametrize("data", NO_TEXT.values(), ids=NO_TEXT)
async def test_bodies__no_unicode_text__is_refused(house: House, data: bytes) -> None:
    async with post(house, data) as response:
        await expect_error(response, 400, "invalid_input")


@pytest.mark.parametrize("depth", [500, 2_000, 100_000])
@pytest.mark.parametrize("field", ["tools", "response_format"])
async def test_bodies__nested_without_end__is_refused_or_passed_on(
    house: House, field: str, depth: int
) -> None:
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    value = b"[" + nested + b"]" if field == "tools" else nested

    async with post(house, CHAT_HEAD + b'"%s":%s}' % (field.encode(), value)) as response:
        assert response.status in {200, 400}, await response.text()
        if response.status == 400:
            await expect_error(response, 400, "invalid_input")


@pytest.mark.parametrize("number", [b"1" * 30, b"1" * 5_000, b"1e400", b"-1" + b"0" * 400])
async def test_bodies__number_beyond_all_bounds__is_refused_or_passed_on(
    house: House, number: bytes
) -> None:
    async with post(house, CHAT_HEAD + b'"response_format":{"a":%s}}' % number) as response:
        assert response.status in {200, 400}, await response.text()


async def test_bodies__larger_than_the_limit__is_too_large(tmp_path: Path) -> None:
    async with (
        orchestrator(tmp_path, max_body_bytes=2_000) as (running, customer),
        customer.http.post(running.url + PATHS[0], data=b" " * 2_001) as response,
    ):
        message = await expect_error(response, 413, "request_too_large")

    assert "2000 bytes" in message


async def test_bodies__larger_once_unpacked__is_too_large(tmp_path: Path) -> None:
    packed = gzip.compress(b" " * 4_000_000)
    assert len(packed) < 5_000

    async with (
        orchestrator(tmp_path, max_body_bytes=5_000) as (running, customer),
        customer.http.post(
            running.url + PATHS[0], data=packed, headers={"Content-Encoding": "gzip"}
        ) as response,
    ):
        await expect_error(response, 413, "request_too_large")


async def test_bodies__packed__is_unpacked(house: House) -> None:
    packed = gzip.compress(CHAT_HEAD + b'"max_tokens":3}')

    async with post(house, packed, headers={"Content-Encoding": "gzip"}) as response:
        assert response.status == 200, await response.text()


async def test_bodies__packing_that_cannot_be_undone__is_refused(house: House) -> None:
    async with post(house, b"no gzip", headers={"Content-Encoding": "gzip"}) as response:
        await expect_error(response, 400, "invalid_input")


@pytest.mark.parametrize("text", ["1" * 30, "0" * 19 + "5" * 5_000, "-1", "x", "²"])
async def test_bodies__query_that_is_no_number__is_named(house: House, text: str) -> None:
    async with house.customer.get(f"/api/inference/receipts?limit={text}") as response:
        await expect_error(response, 400, "invalid_input", param="limit")


@pytest.mark.parametrize("text", ["%FF", "%ED%A0%80", "a%00b"])
async def test_bodies__query_that_is_no_text__finds_nothing(house: House, text: str) -> None:
    async with house.customer.get(f"/api/inference/receipts?worker_id={text}") as response:
        assert response.status == 200, await response.text()
        assert (await response.json())["receipts"] == []
