"""The calls of `basis offer` to an orchestrator: one request, one answer, refusals as errors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TypeVar

import aiohttp
import msgspec

from basis.rules.errors import BasisError, Conflict, InvalidInput, NotFound, Unreachable
from basis.wire.offers import MARKET_PATH
from basis.worker.foreign_words import shorten
from basis.worker.shown_address import shown_address

_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=10)
_MAX_BYTES = 32 << 20
_Answer = TypeVar("_Answer")


class _Error(msgspec.Struct, frozen=True, kw_only=True):
    message: str = ""


class _Refusal(msgspec.Struct, frozen=True, kw_only=True):
    error: _Error = _Error()


class _MarketOffer(msgspec.Struct, frozen=True, kw_only=True):
    worker_id: str
    prompt_price: str
    output_price: str
    capacity: int
    routable: bool
    reason: str
    expires_in_s: int


class _MarketModel(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    offers: list[_MarketOffer]


class _Market(msgspec.Struct, frozen=True, kw_only=True):
    models: list[_MarketModel]


def call_orchestrator(
    method: str,
    url: str,
    path: str,
    *,
    answer: type[_Answer],
    body: Mapping[str, object] | None = None,
) -> _Answer:
    """What the orchestrator answers.

    Raises:
        InvalidInput, NotFound, Conflict: it refuses, in its own words.
        Unreachable: no answer, none of an orchestrator's, or one that says to come back later.
    """
    status, data = asyncio.run(_call(method, url.rstrip("/") + path, body))
    try:
        if status < 400:
            return msgspec.json.decode(data, type=answer)
        refusal = msgspec.json.decode(data, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreachable(
            f"{shown_address(url)} answers HTTP {status}, and nothing that we understand"
        ) from error
    raise _error_of(url, status, shorten(refusal.error.message) or f"HTTP {status}")


def load_market_rows(url: str, *, worker_id: str) -> list[dict[str, object]]:
    """The market's live offers as rows of a list, by model and price.

    Raises:
        Unreachable: as for `call_orchestrator`.
    """
    market = call_orchestrator("GET", url, MARKET_PATH, answer=_Market)
    return [
        {
            "model": shorten(model.model),
            "worker": shorten(offer.worker_id),
            "prompt": shorten(offer.prompt_price),
            "output": shorten(offer.output_price),
            "capacity": offer.capacity,
            "expires_in_s": offer.expires_in_s,
            "routable": "yes" if offer.routable else "no: " + shorten(offer.reason),
        }
        for model in market.models
        for offer in model.offers
        if worker_id in {"", offer.worker_id}
    ]


async def _call(method: str, url: str, body: Mapping[str, object] | None) -> tuple[int, bytes]:
    data = None if body is None else msgspec.json.encode(body)
    headers = {} if body is None else {"Content-Type": "application/json"}
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.request(method, url, data=data, headers=headers) as answer,
        ):
            content = await answer.content.read(_MAX_BYTES)
            while chunk := await answer.content.read(_MAX_BYTES - len(content)):
                content += chunk
            return answer.status, content
    except aiohttp.InvalidURL as error:
        raise InvalidInput(f"{shown_address(url)!r} is no address of an orchestrator") from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unreachable(f"no answer from {shown_address(url)}: {type(error).__name__}") from error


def _error_of(url: str, status: int, message: str) -> BasisError:
    if status == 404:
        return NotFound(message)
    if status == 409:
        return Conflict(message)
    if status == 429 or status >= 500:
        return Unreachable(f"{shown_address(url)} says: {message}")
    return InvalidInput(message)
