"""Reads what customers get: event streams, and errors in OpenAI's shape."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec

DONE = "[DONE]"


async def read_events(response: aiohttp.ClientResponse) -> list[Any]:
    """The events of a whole stream, each decoded; the last one is `DONE` if the stream is whole."""
    assert response.status == 200, await response.text()
    assert response.headers["Content-Type"].startswith("text/event-stream")
    text = (await response.read()).decode()
    assert text.endswith("\n\n")
    return [_decode_event(event) for event in text[:-2].split("\n\n")]


def stream_text(events: list[Any]) -> str:
    """What the chat stream's deltas or the completion stream's texts say together."""
    choices = [choice for event in events if event != DONE for choice in event.get("choices", ())]
    return "".join(
        choice.get("text") or choice.get("delta", {}).get("content") or "" for choice in choices
    )


async def expect_error(
    response: aiohttp.ClientResponse, status: int, code: str, *, param: str | None = None
) -> str:
    """Holds an answer to OpenAI's error shape and to what it may tell; the message."""
    text = await response.text()
    assert response.status == status, text
    assert response.content_type == "application/json"
    body = msgspec.json.decode(text)
    assert set(body) == {"error"}
    expect_discreet_error(body["error"])
    assert (body["error"]["code"], body["error"]["param"]) == (code, param), text
    return str(body["error"]["message"])


def expect_discreet_error(error: dict[str, Any]) -> None:
    """Holds an error object to its four fields, without traces, workers or addresses."""
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    for secret in ("Traceback", 'File "', "scripted", "127.0.0.1", "secret detail", "0x5aAeb"):
        assert secret not in str(error), error


def _decode_event(event: str) -> Any:
    assert event.startswith("data: "), event
    assert "\n" not in event, event
    data = event.removeprefix("data: ")
    return DONE if data == DONE else msgspec.json.decode(data)
