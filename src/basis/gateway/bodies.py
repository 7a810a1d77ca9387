"""Reads request bodies and query strings into types, and says by name what is wrong."""

from __future__ import annotations

import asyncio
import re
from typing import TypeVar

import msgspec
from aiohttp import web

from basis.rules.errors import InvalidInput, TooLarge, TooSlow

BODY_TIMEOUT_S: web.AppKey[int] = web.AppKey("basis_body_timeout_s", int)
"""How long a body may take to come."""

_Body = TypeVar("_Body")
_PATH = re.compile(r"`\$((?:\.[\w.\-]+|\[[^\]]*\])+)`")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]*)`")


async def read_json(request: web.Request, decoder: msgspec.json.Decoder[_Body]) -> _Body:
    """The body as the decoder's type.

    Raises:
        InvalidInput: no JSON, or not of this type; `param` names the field where it can.
        TooSlow: it did not come within the time that it may take.
        web.HTTPRequestEntityTooLarge: larger than the server takes.
    """
    return decode_body(await read_bytes(request), decoder)


def decode_body(data: bytes, decoder: msgspec.json.Decoder[_Body]) -> _Body:
    """JSON as the decoder's type.

    Raises:
        InvalidInput: no JSON, or not of this type; `param` names the field where it can.
    """
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _as_invalid_input(str(error)) from None
    except RecursionError:
        raise InvalidInput("the body is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the body is no valid JSON in UTF-8: {error}") from None


async def read_bytes(request: web.Request, *, most_bytes: int | None = None) -> bytes:
    """The body as it is.

    Raises:
        InvalidInput: it cannot be unpacked.
        TooLarge: it has more than `most_bytes`.
        TooSlow: it did not come within the time that it may take.
        web.HTTPRequestEntityTooLarge: larger than the server takes.
    """
    limit_s = request.app[BODY_TIMEOUT_S]
    try:
        async with asyncio.timeout(limit_s):
            if most_bytes is None:
                return await request.read()
            data = bytearray()
            async for chunk in request.content.iter_any():
                data += chunk
                if len(data) > most_bytes:
                    raise TooLarge(f"the body is larger than the limit of {most_bytes} bytes")
            return bytes(data)
    except TimeoutError:
        raise TooSlow(f"the body did not come within {limit_s} s") from None
    except web.RequestPayloadError as error:
        raise InvalidInput("the body cannot be unpacked: see Content-Encoding") from error


def read_int(
    request: web.Request, name: str, *, default: int | None, low: int, high: int
) -> int | None:
    """The query parameter `name`, or `default` where it is absent.

    Raises:
        InvalidInput: no integer from `low` to `high`.
    """
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and low <= int(text) <= high):
        raise InvalidInput(f"{name} is {text[:40]!r}: expected {low} to {high}", param=name)
    return int(text)


def refuse_unknown_query(request: web.Request, *known: str) -> None:
    """Holds a query string to the parameters that mean something, each at most once.

    Raises:
        InvalidInput: it names the one that does not.
    """
    for name in request.query:
        if name not in known:
            expected = f"known are {', '.join(known)}" if known else "there are none here"
            raise InvalidInput(
                f"Unrecognized query parameter: {name[:40]!r}; {expected}",
                param=name[:40],
            )
        if len(request.query.getall(name)) > 1:
            raise InvalidInput(f"{name} is given more than once", param=name)


def bearer_token(request: web.Request) -> str | None:
    """What stands after `Authorization: Bearer`, or None."""
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else None


def _as_invalid_input(message: str) -> InvalidInput:
    path = _PATH.search(message)
    where = path.group(1).lstrip(".") if path else ""
    unknown = _UNKNOWN.search(message)
    if unknown:
        name = f"{where}.{unknown.group(1)}" if where else unknown.group(1)
        return InvalidInput(f"Unrecognized request argument supplied: {name}", param=name)
    missing = _MISSING.search(message)
    if missing:
        name = f"{where}.{missing.group(1)}" if where else missing.group(1)
        return InvalidInput(f"Missing required parameter: '{name}'.", param=name)
    text = _PATH.sub(where or "the body", message)
    return InvalidInput(f"Invalid request: {text}", param=where or None)
