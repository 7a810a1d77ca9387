"""Asks one EVM node over JSON-RPC: bounded in time and size, tried again where that can help.

Nothing here says where the node is: its address may hold a key. So exceptions of the libraries,
which quote it, are neither chained nor quoted, and the node's own words only decide what is raised.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar, cast

from basis.chain.bounded_http import make_session
from basis.chain.recursion import kept_recursion_limit
from basis.rules.chain_errors import BlockUnavailable, ChainFault, ChainUnreachable
from basis.rules.errors import InvalidInput, Misconfigured

with kept_recursion_limit():
    from web3 import HTTPProvider
    from web3.types import RPCEndpoint

_Answer = TypeVar("_Answer")
_Request = tuple[RPCEndpoint, list[object]]
_CONNECT_TIMEOUT_S: Final = 5
_ANSWER_TIMEOUT_S: Final = 30
"""Of silence."""
_TOTAL_TIMEOUT_S: Final = 90
"""Of one attempt, with connection and the whole answer."""
_MOST_BYTES: Final = 16 << 20
"""Of one answer: a block, or a batch of single words, has some kilobytes."""
_PAUSES_S: Final = (0.5, 2.0, 5.0)
"""Between attempts: one more than there are pauses."""
_WORTH_ANOTHER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that may pass."""
_NOT_ABOUT_A_BLOCK: Final = frozenset({429, -32005, -32097, -32601})
"""JSON-RPC codes of a limit of requests, and of a method that the node does not have."""
_REVERTED: Final = 3
"""JSON-RPC code of a call that the contract itself broke off, as most nodes give it."""
_REVERT_WORDS: Final = re.compile(
    r"revert|invalid ?(fe)?opcode|out of gas|stack (over|under)flow", re.IGNORECASE
)
_GONE_WORDS: Final = re.compile(
    r"missing trie|not found|not available|unavailable|pruned|histor|archive|unknown block"
    r"|out ?of ?range|does not exist",
    re.IGNORECASE,
)
_QUANTITY: Final = re.compile(r"0x[0-9a-f]{1,64}", re.IGNORECASE)
_BLOCK_HASH: Final = re.compile(r"0x[0-9a-f]{64}", re.IGNORECASE)
_TALKATIVE: Final = ("web3", "urllib3", "requests")
"""Libraries whose debug lines spell the node's address out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of the node's chain. `hash` is 0x and 64 lower-case hex digits."""

    number: int
    hash: str
    time_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A read of a contract: `data` is selector and arguments."""

    to: str
    data: bytes


class EvmNode:
    """One node. Every method raises ChainFault where it gives no usable answer, and Misconfigured
    where it refuses us for good."""

    def __init__(
        self,
        rpc_url: str,
        *,
        answer_timeout_s: float = _ANSWER_TIMEOUT_S,
        total_timeout_s: float = _TOTAL_TIMEOUT_S,
        most_bytes: int = _MOST_BYTES,
        calls_per_request: int = 50,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`answer_timeout_s` is of silence, `total_timeout_s` of an attempt; `pause` waits between.

        Raises:
            InvalidInput: `rpc_url` is no http or https address.
        """
        if not rpc_url.startswith(("http://", "https://")):
            raise InvalidInput("--rpc: expected an http:// or https:// address", param="rpc")
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._provider = HTTPProvider(
            rpc_url,
            request_kwargs={"timeout": (_CONNECT_TIMEOUT_S, answer_timeout_s)},
            session=make_session(total_timeout_s=total_timeout_s, most_bytes=most_bytes),
            exception_retry_configuration=None,
        )
        self._calls_per_request = calls_per_request
        self._pause = pause

    @property
    def calls_per_request(self) -> int:
        """How many calls are sent at once, at most."""
        return self._calls_per_request

    def load_chain_id(self) -> int:
        """The chain that the node is of."""
        return _quantity(self._ask("eth_chainId", []))

    def load_block(self, number: int | None) -> Block:
        """The block of this number; under None the newest that the chain calls final.

        Raises:
            BlockUnavailable: the node has no such block.
        """
        name = "finalized" if number is None else hex(number)
        found = self._ask("eth_getBlockByNumber", [name, False])
        if not isinstance(found, dict):
            what = "a finalized block" if number is None else f"the block {number}"
            raise BlockUnavailable(f"the node does not know {what}: choose one with --block")
        members = cast("dict[str, object]", found)
        block = Block(
            number=_quantity(members.get("number")),
            hash=str(members.get("hash")).lower(),
            time_s=_quantity(members.get("timestamp")),
        )
        if not _BLOCK_HASH.fullmatch(block.hash) or number not in {None, block.number}:
            raise ChainUnreachable("the node answers with a block that is none")
        return block

    def has_code(self, address: str, *, block: Block) -> bool:
        """Whether a contract is at `address` as of `block`."""
        code = self._ask("eth_getCode", [address, hex(block.number)])
        return isinstance(code, str) and len(code) > len("0x")

    def call(self, call: Call, *, block: Block) -> bytes | None:
        """What the contract answers as of `block`; None where it breaks the call off."""
        return self.call_all([call], block=block)[0]

    def call_all(self, calls: Sequence[Call], *, block: Block) -> list[bytes | None]:
        """As `call` for each of `calls`, in their order; `calls_per_request` at most."""
        requests: list[_Request] = [
            (
                RPCEndpoint("eth_call"),
                [{"to": call.to, "data": "0x" + call.data.hex()}, hex(block.number)],
            )
            for call in calls
        ]
        if len(requests) == 1:
            method, params = requests[0]
            return self._try(lambda: [_returned(self._provider.make_request(method, params))])
        return self._try(lambda: self._call_at_once(requests))

    def _call_at_once(self, requests: list[_Request]) -> list[bytes | None]:
        responses: object = self._provider.make_batch_request(requests)
        if not isinstance(responses, list):
            _refuse(_members(responses))
        found = [_members(response) for response in cast("list[object]", responses)]
        ids = [response.get("id") for response in found]
        # Each answer belongs to the call of its place: none may be missing or stand twice.
        first = ids[0] if ids else None
        if not isinstance(first, int) or ids != list(range(first, first + len(requests))):
            raise ChainUnreachable(
                "the node leaves out answers of a batch: try --calls-per-request 1"
            )
        return [_returned(response) for response in found]

    def _ask(self, method: str, params: list[object]) -> object:
        def ask() -> object:
            response: object = self._provider.make_request(RPCEndpoint(method), params)
            return _result(response)

        return self._try(ask)

    def _try(self, ask: Callable[[], _Answer]) -> _Answer:
        """What `ask` gives, after as many attempts as it takes, and are allowed."""
        for pause_s in (*_PAUSES_S, None):
            try:
                return ask()
            except ChainUnreachable as error:
                failure: ChainFault = error
            except OSError as error:  # what the HTTP library raises, whatever it was
                failure = _as_failure(error)
            except (ValueError, TypeError, AttributeError, RecursionError):
                # web3 took another shape for granted, or the answer is nested too deeply.
                failure = ChainUnreachable("the node's answer is no JSON-RPC")
            if pause_s is None:
                raise failure from None
            self._pause(pause_s)
        raise AssertionError("the last attempt returns or raises")


def _as_failure(error: OSError) -> ChainFault:
    """What an exception of the HTTP library means.

    Raises:
        Misconfigured: another attempt would end alike.
    """
    if isinstance(error, ValueError):
        raise Misconfigured("--rpc is no address that can be used") from None
    status: object = getattr(getattr(error, "response", None), "status_code", None)
    if status is None:
        return ChainUnreachable("the node does not answer: is its address right, is it up?")
    if status not in _WORTH_ANOTHER:
        raise Misconfigured(f"the node answers HTTP {status}: check its address and key") from None
    return ChainUnreachable(f"the node answers HTTP {status}: try again later")


def _returned(response: object) -> bytes | None:
    """What a call returned; None where the contract broke it off."""
    members = _members(response)
    if members.get("error") is not None:
        code, words = _code_and_words(members)
        if code == _REVERTED or _REVERT_WORDS.search(words):
            return None
    result = _result(response)
    if not isinstance(result, str) or not result.startswith("0x"):
        raise ChainUnreachable("the node answers a call with something else than bytes")
    return bytes.fromhex(result[2:])


def _result(response: object) -> object:
    members = _members(response)
    if members.get("error") is not None or "result" not in members:
        _refuse(members)
    return members["result"]


def _members(response: object) -> dict[str, object]:
    if not isinstance(response, dict):
        raise ChainUnreachable("the node's answer is no JSON-RPC")
    return cast("dict[str, object]", response)


def _refuse(members: dict[str, object]) -> NoReturn:
    """Raises what the JSON-RPC error in `members` means."""
    code, words = _code_and_words(members)
    if code not in _NOT_ABOUT_A_BLOCK and _GONE_WORDS.search(words):
        raise BlockUnavailable(
            f"the node has no state of that block (JSON-RPC error {code}): choose a newer one with "
            f"--block, or ask an archive node"
        )
    raise ChainUnreachable(f"the node refuses to answer (JSON-RPC error {code})")


def _code_and_words(members: dict[str, object]) -> tuple[int, str]:
    error = members.get("error")
    if not isinstance(error, dict):
        return 0, ""
    found = cast("dict[str, object]", error)
    code = found.get("code")
    return code if isinstance(code, int) else 0, str(found.get("message", ""))


def _quantity(value: object) -> int:
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise ChainUnreachable("the node's answer holds no number where one belongs")
    return int(value, 16)
