"""What a node does wrong: silence, refusals, nonsense; and that nobody hears where it is."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from basis.chain.holdings import HoldingsQuestion, load_holdings
from basis.chain.node import Call, EvmNode
from basis.rules.chain_errors import BlockUnavailable, ChainUnreachable
from basis.rules.errors import BasisError, InvalidInput, Misconfigured
from basis.rules.holdings import HoldingKind, HoldingsSnapshot
from basis.rules.wallet import Wallet, parse_wallet
from tests.support.anvil import CHAIN_ID, Anvil
from tests.support.books import ALICE, BOB
from tests.support.relay import Answer, Relay, Script

SECRET = "key-of-the-operator"
ATTEMPTS = 4


@pytest.fixture(scope="module")
def collection(anvil: Anvil) -> Any:
    """A collection of which Alice has two."""
    collection = anvil.deploy("Collection")
    anvil.mint_nfts(collection, ALICE, [1, 2])
    return collection


@pytest.fixture
def pauses() -> list[float]:
    """How long the node was left in peace between attempts."""
    return []


def read(anvil: Anvil, collection: Any, url: str, pauses: list[float]) -> HoldingsSnapshot:
    node = EvmNode(f"{url}/v2/{SECRET}", pause=pauses.append)  # first: it quietens web3's own lines
    question = HoldingsQuestion(
        kind=HoldingKind.ERC721,
        chain_id=CHAIN_ID,
        contract=parse_wallet(collection.address),
        block_number=anvil.head,
    )
    return load_holdings(node, question, [Wallet(ALICE), Wallet(BOB)])


def rpc_error(code: int, message: str, *, request: bytes = b"{}") -> bytes:
    asked = json.loads(request)
    error = {"jsonrpc": "2.0", "error": {"code": code, "message": message}}
    if isinstance(asked, list):
        return json.dumps([{**error, "id": one["id"]} for one in asked]).encode()
    return json.dumps({**error, "id": asked.get("id")}).encode()


def always(status: int, body: bytes) -> Script:
    return lambda _number, _body: (status, body)


def test_read__through_a_healthy_relay__is_what_the_chain_says(
    anvil: Anvil, collection: Any, pauses: list[float]
) -> None:
    with Relay(anvil.url, lambda _number, _body: None) as relay:
        found = read(anvil, collection, relay.url, pauses)

    assert [holding.amount_raw for holding in found.holdings] == [2, 0]
    assert pauses == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_read__node_that_recovers__is_asked_again(
    anvil: Anvil, collection: Any, pauses: list[float], status: int
) -> None:
    def stumble(number: int, _body: bytes) -> Answer:
        return (status, b"slower") if number in {2, 3, 5} else None

    with Relay(anvil.url, stumble) as relay:
        found = read(anvil, collection, relay.url, pauses)

    assert [holding.amount_raw for holding in found.holdings] == [2, 0]
    assert pauses == [0.5, 2.0, 0.5]


@pytest.mark.parametrize("code", [429, -32005, -32000, -32603])
def test_read__node_that_recovers_from_its_limit__is_asked_again(
    anvil: Anvil, collection: Any, pauses: list[float], code: int
) -> None:
    def stumble(number: int, body: bytes) -> Answer:
        return (200, rpc_error(code, "rate limit", request=body)) if number == 5 else None

    with Relay(anvil.url, stumble) as relay:
        found = read(anvil, collection, relay.url, pauses)

    assert [holding.amount_raw for holding in found.holdings] == [2, 0]
    assert pauses == [0.5]


SICK: list[tuple[str, Script, type[BasisError], int]] = [
    ("503", always(503, b""), ChainUnreachable, ATTEMPTS),
    ("429", always(429, SECRET.encode()), ChainUnreachable, ATTEMPTS),
    ("401", always(401, SECRET.encode()), Misconfigured, 1),
    ("404", always(404, b""), Misconfigured, 1),
    ("no JSON", always(200, f"<html>{SECRET}</html>".encode()), ChainUnreachable, ATTEMPTS),
    ("no UTF-8", always(200, b"\xff\xfe"), ChainUnreachable, ATTEMPTS),
    ("nested deeply", always(200, b"[" * 200_000), ChainUnreachable, ATTEMPTS),
    ("a number", always(200, b"7"), ChainUnreachable, ATTEMPTS),
    ("a list", always(200, b"[]"), ChainUnreachable, ATTEMPTS),
    ("no result", always(200, b'{"id": 0}'), ChainUnreachable, ATTEMPTS),
    ("null", always(200, b'{"id": 0, "result": null}'), ChainUnreachable, 1),
    ("words", always(200, b'{"id": 0, "result": "many"}'), ChainUnreachable, 1),
    ("a float", always(200, b'{"id": 0, "result": 8453.0}'), ChainUnreachable, 1),
    ("an error", always(200, rpc_error(-32000, SECRET)), ChainUnreachable, ATTEMPTS),
    ("no method", always(200, rpc_error(-32601, "not found")), ChainUnreachable, ATTEMPTS),
    ("a text as error", always(200, b'{"id": 0, "error": "oh"}'), ChainUnreachable, ATTEMPTS),
    ("pruned", always(200, rpc_error(-32000, "missing trie node")), BlockUnavailable, 1),
]


@pytest.mark.parametrize(
    ("script", "raised", "attempts"), [case[1:] for case in SICK], ids=[case[0] for case in SICK]
)
def test_read__node_that_stays_sick__raises_and_tells_no_address(
    anvil: Anvil,
    collection: Any,
    pauses: list[float],
    caplog: pytest.LogCaptureFixture,
    script: Script,
    raised: type[BasisError],
    attempts: int,
) -> None:
    caplog.set_level(logging.DEBUG)

    with Relay(anvil.url, script) as relay, pytest.raises(raised) as failed:
        read(anvil, collection, relay.url, pauses)

    assert (relay.requests, len(pauses)) == (attempts, attempts - 1)
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__ or failed.value.__context__ is None
    for text in (failed.value.message, caplog.text):
        assert SECRET not in text
        assert "127.0.0.1" not in text


def test_read__batch_with_answers_left_out__raises(
    anvil: Anvil, collection: Any, pauses: list[float]
) -> None:
    def leave_out(_number: int, body: bytes) -> Answer:
        asked = json.loads(body)
        if not isinstance(asked, list):
            return None
        first = {"jsonrpc": "2.0", "id": asked[0]["id"], "result": "0x" + "00" * 32}
        return 200, json.dumps([first] * len(asked)).encode()

    with Relay(anvil.url, leave_out) as relay, pytest.raises(ChainUnreachable) as failed:
        read(anvil, collection, relay.url, pauses)

    assert "--calls-per-request" in failed.value.message


def test_read__node_that_takes_no_batches__raises(
    anvil: Anvil, collection: Any, pauses: list[float]
) -> None:
    def refuse(_number: int, body: bytes) -> Answer:
        return (200, rpc_error(-32600, "no batches")) if body.startswith(b"[") else None

    with Relay(anvil.url, refuse) as relay, pytest.raises(ChainUnreachable, match="-32600"):
        read(anvil, collection, relay.url, pauses)


def test_read__node_that_dies_in_between__raises(pauses: list[float]) -> None:
    with Anvil() as node:
        collection = node.deploy("Collection")
        question = HoldingsQuestion(
            kind=HoldingKind.ERC721,
            chain_id=CHAIN_ID,
            contract=parse_wallet(collection.address),
            block_number=node.head,
        )
        reader = EvmNode(node.url, pause=pauses.append)

        with pytest.raises(ChainUnreachable, match="does not answer") as failed:
            load_holdings(reader, question, [Wallet(ALICE)], on_progress=lambda _done: node.kill())

    assert failed.value.retryable
    assert len(pauses) == ATTEMPTS - 1


def test_read__node_that_never_answers__raises_in_time(anvil: Anvil, pauses: list[float]) -> None:
    forever = threading.Event()

    def wait(_number: int, _body: bytes) -> Answer:
        forever.wait(30)
        return None

    with Relay(anvil.url, wait) as relay:
        node = EvmNode(relay.url, answer_timeout_s=0.05, pause=pauses.append)
        with pytest.raises(ChainUnreachable, match="does not answer"):
            node.load_chain_id()
        forever.set()

    assert relay.requests == ATTEMPTS


def test_read__contract_that_breaks_off__is_no_fault_of_the_node(anvil: Anvil) -> None:
    stubborn = anvil.deploy("Stubborn")
    node = EvmNode(anvil.url)
    block = node.load_block(anvil.head)
    asked = bytes.fromhex("70a08231") + bytes(32)

    answers = node.call_all([Call(to=stubborn.address, data=asked)] * 3, block=block)

    assert answers == [None, None, None]
    assert node.call(Call(to=stubborn.address, data=asked), block=block) is None


@pytest.mark.parametrize("url", ["", "ftp://node", "ws://node", "file:///etc/passwd", "node:8545"])
def test_node__address_that_is_no_http__is_refused_unquoted(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        EvmNode(url)

    assert refused.value.param == "rpc"
    assert not url or url not in refused.value.message


@pytest.mark.parametrize("url", ["http://", f"http://[{SECRET}", f"https://a b/{SECRET}"])
def test_node__address_that_cannot_be_used__raises_unquoted(url: str, pauses: list[float]) -> None:
    with pytest.raises((Misconfigured, ChainUnreachable)) as refused:
        EvmNode(url, pause=pauses.append).load_chain_id()

    assert SECRET not in refused.value.message


@pytest.fixture(autouse=True)
def library_loggers() -> Iterator[None]:
    """Leaves the levels of the libraries' loggers as they were."""
    loggers = [logging.getLogger(name) for name in ("web3", "urllib3", "requests")]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


def test_import__of_the_room__leaves_deep_nesting_an_error_and_no_crash() -> None:
    script = (
        "import sys, msgspec\n"
        "before = sys.getrecursionlimit()\n"
        "import basis.chain.holdings, basis.chain.node, basis.chain.signed_file\n"
        "assert sys.getrecursionlimit() == before\n"
        "try:\n    msgspec.json.decode('[' * 99_000)\n"
        "except RecursionError:\n    print('an error')\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "an error\n"), done.stderr
