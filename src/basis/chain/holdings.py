"""Reads what wallets hold by a contract, all of it as of one block.

The block's hash is read again at the end: if the chain has put another block in its place
meanwhile, nothing is returned. ERC-721 and ERC-1155 must say by ERC-165 that they are what they are
asked as, since an ERC-20 answers `balanceOf` with the same words and other numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from tiny_keccak import keccak256

from basis.chain.node import Block, Call, EvmNode
from basis.rules.chain_errors import ChainMoved, NotAContract, WrongChain
from basis.rules.errors import InvalidInput
from basis.rules.holdings import (
    MAX_DECIMALS,
    MAX_HOLDINGS,
    HoldingKind,
    HoldingsSnapshot,
    arrange_holdings,
    measure_of,
    validate_snapshot,
)
from basis.rules.wallet import Wallet, parse_wallet

Progress = Callable[[int], None]

_ERC165: Final = {
    HoldingKind.ERC721: bytes.fromhex("80ac58cd"),
    HoldingKind.ERC1155: bytes.fromhex("d9b67a26"),
}
"""Interface ids. Source: EIP-721, EIP-1155."""
_PAIRS_PER_CALL: Final = 200
"""(wallet, token id) pairs of one `balanceOfBatch`: far below a node's gas limit for calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingsQuestion:
    """What is asked of which contract. `block_number` None is the newest final block; `token_ids`
    are those of an ERC-1155 that count together."""

    kind: HoldingKind
    chain_id: int
    contract: Wallet
    token_ids: tuple[int, ...] = ()
    block_number: int | None = None


def load_holdings(
    node: EvmNode,
    question: HoldingsQuestion,
    wallets: Iterable[Wallet],
    *,
    on_progress: Progress | None = None,
) -> HoldingsSnapshot:
    """What each of `wallets` holds, as of one block; `on_progress` hears how many are done.

    Raises:
        InvalidInput: the question is no question, or more wallets than a snapshot holds.
        WrongChain, NotAContract, BlockUnavailable, ChainMoved, ChainUnreachable: as they say.
        Misconfigured: the node refuses us.
    """
    asked = sorted(set(wallets))
    _check(question, asked)
    chain_id = node.load_chain_id()
    if chain_id != question.chain_id:
        raise WrongChain(
            f"the node is of chain {chain_id}, and chain {question.chain_id} was asked for: see "
            f"--chain-id"
        )
    reader = _Reader(
        node=node, question=question, block=node.load_block(question.block_number), on=on_progress
    )
    decimals = reader.load_decimals()
    amounts = reader.load_amounts(asked)
    if node.load_block(reader.block.number).hash != reader.block.hash:
        raise ChainMoved(
            f"the chain has replaced block {reader.block.number} while it was read: try again, or "
            f"choose an older block"
        )
    snapshot = HoldingsSnapshot(
        measure=measure_of(question.kind),
        kind=question.kind,
        chain_id=chain_id,
        contract=question.contract,
        token_ids=question.token_ids,
        decimals=decimals,
        block_number=reader.block.number,
        block_hash=reader.block.hash,
        block_time_s=reader.block.time_s,
        holdings=arrange_holdings(amounts),
    )
    validate_snapshot(snapshot)
    return snapshot


def _check(question: HoldingsQuestion, wallets: Sequence[Wallet]) -> None:
    if len(wallets) > MAX_HOLDINGS:
        raise InvalidInput(f"{len(wallets)} wallets: at most {MAX_HOLDINGS}", param="wallets")
    if bool(question.token_ids) != (question.kind is HoldingKind.ERC1155):
        raise InvalidInput(
            "token ids belong to an ERC-1155, which needs one or more", param="token_id"
        )
    if question.block_number is not None and question.block_number < 0:
        raise InvalidInput(f"the block {question.block_number} is negative", param="block")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """One reading: a node, a question, the block it is answered as of."""

    node: EvmNode
    question: HoldingsQuestion
    block: Block
    on: Progress | None

    def load_decimals(self) -> int:
        """The decimals of what is held, once the contract is known to be of its kind."""
        kind, contract = self.question.kind, self.question.contract
        if not self.node.has_code(contract, block=self.block):
            raise NotAContract(
                f"there is no contract at {contract} as of block {self.block.number}"
            )
        if kind in _ERC165:
            if not self._supports(_ERC165[kind]):
                raise self._unfit("does not say by ERC-165 that it is one")
            return 0
        if any(self._supports(interface) for interface in _ERC165.values()):
            raise self._unfit("says by ERC-165 that it holds NFTs")
        asset = contract if kind is HoldingKind.ERC20 else self._load_asset()
        decimals = self._load_number(asset, _data("decimals()"))
        if decimals is None or decimals > MAX_DECIMALS:
            raise self._unfit("has no decimals() that could be used")
        return decimals

    def load_amounts(self, wallets: Sequence[Wallet]) -> dict[Wallet, int]:
        """What each wallet holds, in the asset's base units."""
        if self.question.kind is HoldingKind.ERC1155:
            return self._load_token_amounts(wallets)
        amounts: dict[Wallet, int] = {}
        for some in _in_parts(wallets, self.node.calls_per_request):
            balances = self._load_numbers(
                [_data("balanceOf(address)", ["address"], [wallet]) for wallet in some]
            )
            if self.question.kind is HoldingKind.ERC4626:
                balances = self._load_worth(balances)
            amounts.update(zip(some, balances, strict=True))
            self._tell(len(amounts))
        return amounts

    def _load_worth(self, shares: Sequence[int]) -> list[int]:
        """What so many shares of the vault can be turned into."""
        held = [share for share in shares if share]
        worth = iter(
            self._load_numbers(
                [_data("convertToAssets(uint256)", ["uint256"], [share]) for share in held]
            )
        )
        return [next(worth) if share else 0 for share in shares]

    def _load_token_amounts(self, wallets: Sequence[Wallet]) -> dict[Wallet, int]:
        ids = self.question.token_ids
        amounts: dict[Wallet, int] = {}
        wallets_per_call = max(1, _PAIRS_PER_CALL // len(ids))
        for some in _in_parts(wallets, wallets_per_call * self.node.calls_per_request):
            groups = list(_in_parts(some, wallets_per_call))
            answers = self.node.call_all(
                [self._call(_balances_of(group, ids)) for group in groups], block=self.block
            )
            for group, answer in zip(groups, answers, strict=True):
                balances = self._decode_list(answer, len(group) * len(ids))
                for index, wallet in enumerate(group):
                    amounts[wallet] = sum(balances[index * len(ids) : (index + 1) * len(ids)])
            self._tell(len(amounts))
        return amounts

    def _load_asset(self) -> Wallet:
        answer = self.node.call(self._call(_data("asset()")), block=self.block)
        number = _as_number(answer)
        if number is None or not 0 < number < 1 << 160:
            raise self._unfit("has no asset()")
        return parse_wallet(f"0x{number:040x}", param="asset")

    def _supports(self, interface: bytes) -> bool:
        data = _data("supportsInterface(bytes4)", ["bytes4"], [interface])
        return self._load_number(self.question.contract, data) == 1

    def _load_number(self, contract: Wallet, data: bytes) -> int | None:
        return _as_number(self.node.call(Call(to=contract, data=data), block=self.block))

    def _load_numbers(self, each_data: Sequence[bytes]) -> list[int]:
        if not each_data:
            return []
        answers = self.node.call_all([self._call(data) for data in each_data], block=self.block)
        numbers: list[int] = []
        for answer in answers:
            number = _as_number(answer)
            if number is None:
                raise self._unfit("does not answer what an amount is")
            numbers.append(number)
        return numbers

    def _decode_list(self, answer: bytes | None, length: int) -> list[int]:
        try:
            (numbers,) = decode(["uint256[]"], answer or b"")
        except DecodingError:
            numbers = ()
        if len(numbers) != length:
            raise self._unfit("does not answer balanceOfBatch")
        return [int(number) for number in numbers]

    def _call(self, data: bytes) -> Call:
        return Call(to=self.question.contract, data=data)

    def _tell(self, done: int) -> None:
        if self.on is not None:
            self.on(done)

    def _unfit(self, why: str) -> NotAContract:
        return NotAContract(
            f"{self.question.contract} cannot be read as {self.question.kind.value}: it {why}"
        )


def _balances_of(wallets: Sequence[Wallet], token_ids: Sequence[int]) -> bytes:
    owners = [wallet for wallet in wallets for _ in token_ids]
    return _data(
        "balanceOfBatch(address[],uint256[])",
        ["address[]", "uint256[]"],
        [owners, list(token_ids) * len(wallets)],
    )


def _data(signature: str, types: Sequence[str] = (), values: Sequence[object] = ()) -> bytes:
    return keccak256(signature.encode())[:4] + encode(types, values)


def _as_number(answer: bytes | None) -> int | None:
    """The number that a contract returned; None where it returned none."""
    if answer is None or len(answer) != 32:  # one word of the ABI
        return None
    return int.from_bytes(answer)


def _in_parts(wallets: Sequence[Wallet], size: int) -> Iterable[Sequence[Wallet]]:
    for start in range(0, len(wallets), size):
        yield wallets[start : start + size]
