"""A node whose answers have no end: cut off by size and by time, whatever they are at."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from basis.chain.node import EvmNode
from basis.rules.chain_errors import ChainUnreachable
from basis.rules.errors import Misconfigured
from tests.support.anvil import Anvil
from tests.support.drip import Drip
from tests.support.relay import Answer, Relay

SECRET = "key-of-the-operator"
ATTEMPTS = 4


@pytest.fixture
def pauses() -> list[float]:
    """How long the node was left in peace between attempts."""
    return []


def test_read__answer_longer_than_the_bound__raises(anvil: Anvil, pauses: list[float]) -> None:
    def flood(_number: int, _body: bytes) -> Answer:
        return 200, b'{"id": 0, "result": "0x' + b"0" * (20 << 20) + b'"}'

    with Relay(anvil.url, flood) as relay, pytest.raises(ChainUnreachable) as failed:
        EvmNode(f"{relay.url}/{SECRET}", pause=pauses.append).load_chain_id()

    assert "longer than 16777216 bytes" in failed.value.message
    assert SECRET not in failed.value.message
    assert len(pauses) == ATTEMPTS - 1


def test_read__answer_of_just_the_bound__is_taken(anvil: Anvil, pauses: list[float]) -> None:
    body = b'{"id": 0, "result": "0x2105"}'

    with Relay(anvil.url, lambda _number, _body: (200, body)) as relay:
        fits = EvmNode(relay.url, most_bytes=len(body), pause=pauses.append).load_chain_id()
        with pytest.raises(ChainUnreachable, match="longer than"):
            EvmNode(relay.url, most_bytes=len(body) - 1, pause=pauses.append).load_chain_id()

    assert fits == 8453


@pytest.mark.parametrize(
    "drops",
    [b"H", b"HTTP/1.1 200 OK\r\nX: y", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"],
    ids=["status", "head", "body"],
)
def test_read__node_that_drips__is_cut_off_in_time(drops: bytes, pauses: list[float]) -> None:
    with Drip(drops) as node:
        reader = EvmNode(node.url, answer_timeout_s=20, total_timeout_s=0.3, pause=pauses.append)
        before_s = time.monotonic()
        with pytest.raises(ChainUnreachable, match="does not answer within") as failed:
            reader.load_chain_id()
        took_s = time.monotonic() - before_s

    assert took_s < 10
    assert len(pauses) == ATTEMPTS - 1
    assert "127.0.0.1" not in failed.value.message


def test_read__body_without_length_that_is_cut__is_no_answer(pauses: list[float]) -> None:
    whole = b'HTTP/1.1 200 OK\r\n\r\n{"id": 0, "result": "0x2105"}'

    with Drip(whole, drop=b" ") as node, pytest.raises(ChainUnreachable, match=r"within 0\.3 s"):
        EvmNode(node.url, total_timeout_s=0.3, pause=pauses.append).load_chain_id()


def test_read__connection_that_comes_after_the_time__is_cut_at_once(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve_late(*args: Any, **kwargs: Any) -> list[Any]:
        time.sleep(0.2)
        return found(*args, **kwargs)

    found = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", resolve_late)

    with Drip(b"H") as node, pytest.raises(ChainUnreachable, match=r"within 0\.05 s"):
        EvmNode(node.url, total_timeout_s=0.05, pause=pauses.append).load_chain_id()

    assert len(pauses) == ATTEMPTS - 1


def test_read__redirection__is_not_followed(pauses: list[float]) -> None:
    head = b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"

    with Drip(head) as node, pytest.raises(Misconfigured, match="HTTP 307"):
        EvmNode(node.url, pause=pauses.append).load_chain_id()

    assert pauses == []
