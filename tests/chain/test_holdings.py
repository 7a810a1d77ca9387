"""Holdings read from contracts on a real node, as of one block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from basis.chain.holdings import HoldingsQuestion, load_holdings
from basis.chain.node import EvmNode
from basis.rules.chain_errors import BlockUnavailable, ChainMoved, NotAContract, WrongChain
from basis.rules.errors import InvalidInput
from basis.rules.holdings import HoldingKind, HoldingsSnapshot, Measure
from basis.rules.wallet import Wallet, parse_wallet
from tests.support.anvil import CHAIN_ID, Anvil
from tests.support.books import ALICE, BOB

WALLETS = [Wallet(ALICE), Wallet(BOB)]
NOBODY = parse_wallet("0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb")


@dataclass(frozen=True, slots=True)
class Contracts:
    """One of each kind, on one chain."""

    collection: Any
    items: Any
    coin: Any
    vault: Any
    mute: Any
    stubborn: Any
    too_fine: Any


@pytest.fixture(scope="module")
def contracts(anvil: Anvil) -> Contracts:
    """Deployed, and nobody holds anything."""
    coin = anvil.deploy("Coin", 6)
    return Contracts(
        collection=anvil.deploy("Collection"),
        items=anvil.deploy("Items"),
        coin=coin,
        vault=anvil.deploy("Vault", coin.address),
        mute=anvil.deploy("Mute"),
        stubborn=anvil.deploy("Stubborn"),
        too_fine=anvil.deploy("TooFine"),
    )


def ask(
    anvil: Anvil,
    contract: Any,
    kind: HoldingKind = HoldingKind.ERC721,
    *,
    wallets: list[Wallet] = WALLETS,
    block: int | None = -1,
    calls_per_request: int = 50,
    **changes: Any,
) -> HoldingsSnapshot:
    """A snapshot as of the newest block, unless told otherwise."""
    question = HoldingsQuestion(
        kind=kind,
        chain_id=changes.pop("chain_id", CHAIN_ID),
        contract=parse_wallet(contract if isinstance(contract, str) else contract.address),
        block_number=anvil.head if block == -1 else block,
        token_ids=changes.pop("token_ids", ()),
    )
    node = EvmNode(anvil.url, calls_per_request=calls_per_request)
    return load_holdings(node, question, wallets, **changes)


def amounts(snapshot: HoldingsSnapshot) -> dict[str, int]:
    return {holding.wallet: holding.amount_raw for holding in snapshot.holdings}


@pytest.mark.parametrize("calls_per_request", [1, 2, 50])
def test_load_holdings__erc721__counts_tokens_and_names_the_block(
    anvil: Anvil, calls_per_request: int
) -> None:
    collection = anvil.deploy("Collection")
    anvil.mint_nfts(collection, ALICE, [1, 2, 3])
    anvil.mint_nfts(collection, BOB, [4])

    found = ask(
        anvil, collection, wallets=[NOBODY, *WALLETS, NOBODY], calls_per_request=calls_per_request
    )

    block = anvil.web3.eth.get_block(anvil.head)
    assert amounts(found) == {ALICE: 3, BOB: 1, NOBODY: 0}
    assert [one.wallet for one in found.holdings] == sorted([ALICE, BOB, NOBODY])
    assert (found.measure, found.kind, found.decimals) == (Measure.NFT, HoldingKind.ERC721, 0)
    assert (found.chain_id, found.contract) == (CHAIN_ID, collection.address)
    assert (found.block_number, found.block_time_s) == (block["number"], block["timestamp"])
    assert found.block_hash == block["hash"].to_0x_hex()


def test_load_holdings__older_block__says_what_was_held_then(anvil: Anvil) -> None:
    collection = anvil.deploy("Collection")
    anvil.mint_nfts(collection, ALICE, [1, 2])
    then = anvil.head
    anvil.send(collection.functions.transferFrom(ALICE, BOB, 1), sender=ALICE)
    anvil.mint_nfts(collection, BOB, [3])

    assert amounts(ask(anvil, collection, block=then)) == {ALICE: 2, BOB: 0}
    assert amounts(ask(anvil, collection)) == {ALICE: 1, BOB: 2}


def test_load_holdings__no_block_named__is_as_of_the_newest_final_one(anvil: Anvil) -> None:
    collection = anvil.deploy("Collection")
    anvil.mint_nfts(collection, ALICE, [1])
    anvil.mine(200)
    anvil.mint_nfts(collection, ALICE, [2])

    found = ask(anvil, collection, block=None)

    assert amounts(found)[ALICE] == 1
    assert found.block_number == anvil.web3.eth.get_block("finalized")["number"] < anvil.head


@pytest.mark.parametrize("calls_per_request", [1, 50])
def test_load_holdings__erc1155__sums_the_ids_that_count(
    anvil: Anvil, calls_per_request: int
) -> None:
    items = anvil.deploy("Items")
    for owner, token_id, amount in [(ALICE, 7, 2), (ALICE, 9, 1), (BOB, 8, 5)]:
        anvil.send(items.functions.mint(owner, token_id, amount))

    several = ask(
        anvil,
        items,
        HoldingKind.ERC1155,
        token_ids=(7, 9),
        calls_per_request=calls_per_request,
    )
    one = ask(anvil, items, HoldingKind.ERC1155, token_ids=(8,))

    assert amounts(several) == {ALICE: 3, BOB: 0}
    assert several.token_ids == (7, 9)
    assert amounts(one) == {ALICE: 0, BOB: 5}


def test_load_holdings__erc20__has_the_coins_decimals(anvil: Anvil, contracts: Contracts) -> None:
    anvil.send(contracts.coin.functions.mint(BOB, 2**200))

    found = ask(anvil, contracts.coin, HoldingKind.ERC20)

    assert amounts(found) == {ALICE: 0, BOB: 2**200}
    assert (found.measure, found.decimals) == (Measure.STAKE, 6)


def test_load_holdings__erc4626__counts_what_the_shares_are_worth(
    anvil: Anvil, contracts: Contracts
) -> None:
    coin, vault = contracts.coin, contracts.vault
    anvil.send(coin.functions.mint(ALICE, 1_000))
    anvil.send(coin.functions.approve(vault.address, 1_000), sender=ALICE)
    anvil.send(vault.functions.deposit(1_000, ALICE), sender=ALICE)
    anvil.send(coin.functions.mint(vault.address, 500))  # what the vault has earned

    found = ask(anvil, vault, HoldingKind.ERC4626)

    assert vault.functions.balanceOf(ALICE).call() == 1_000
    assert amounts(found) == {ALICE: 1_499, BOB: 0}  # the vault's own rounding down
    assert found.decimals == 6


def test_load_holdings__many_wallets__are_all_asked_and_told_of(
    anvil: Anvil, contracts: Contracts
) -> None:
    wallets = [parse_wallet(f"0x{number:040x}") for number in range(1, 121)]
    anvil.mint_nfts(contracts.collection, wallets[100], [501, 502])
    told: list[int] = []

    found = ask(anvil, contracts.collection, wallets=wallets, on_progress=told.append)

    assert {wallet: amount for wallet, amount in amounts(found).items() if amount} == {
        wallets[100]: 2
    }
    assert len(found.holdings) == 120
    assert told == [50, 100, 120]


def test_load_holdings__no_contract_at_the_address__raises(anvil: Anvil) -> None:
    with pytest.raises(NotAContract, match="no contract"):
        ask(anvil, NOBODY)


def test_load_holdings__contract_of_a_later_block__raises(anvil: Anvil) -> None:
    before = anvil.head
    collection = anvil.deploy("Collection")

    with pytest.raises(NotAContract, match=f"as of block {before}"):
        ask(anvil, collection, block=before)


@pytest.mark.parametrize(
    ("contract", "kind"),
    [
        ("coin", HoldingKind.ERC721),
        ("items", HoldingKind.ERC721),
        ("mute", HoldingKind.ERC721),
        ("stubborn", HoldingKind.ERC721),
        ("collection", HoldingKind.ERC1155),
        ("stubborn", HoldingKind.ERC1155),
        ("collection", HoldingKind.ERC20),
        ("items", HoldingKind.ERC20),
        ("mute", HoldingKind.ERC20),
        ("too_fine", HoldingKind.ERC20),
        ("coin", HoldingKind.ERC4626),
        ("mute", HoldingKind.ERC4626),
    ],
)
def test_load_holdings__contract_of_another_kind__raises(
    anvil: Anvil, contracts: Contracts, contract: str, kind: HoldingKind
) -> None:
    ids = (1,) if kind is HoldingKind.ERC1155 else ()

    with pytest.raises(NotAContract, match=f"cannot be read as {kind.value}"):
        ask(anvil, getattr(contracts, contract), kind, token_ids=ids)


def test_load_holdings__node_of_another_chain__raises(anvil: Anvil, contracts: Contracts) -> None:
    with pytest.raises(WrongChain, match=r"chain 31337, and chain 8453"):
        ask(anvil, contracts.collection, chain_id=8453)


def test_load_holdings__block_that_is_not_yet__raises(anvil: Anvil, contracts: Contracts) -> None:
    with pytest.raises(BlockUnavailable, match="--block"):
        ask(anvil, contracts.collection, block=anvil.head + 1)


def test_load_holdings__state_that_the_node_threw_away__raises() -> None:
    with Anvil("--prune-history") as forgetful:
        collection = forgetful.deploy("Collection")
        then = forgetful.head
        forgetful.mine(50)

        with pytest.raises(BlockUnavailable, match="archive node"):
            ask(forgetful, collection, block=then)


@pytest.mark.parametrize("kind", [HoldingKind.ERC721, HoldingKind.ERC4626])
def test_load_holdings__block_replaced_meanwhile__raises_and_gives_nothing(
    anvil: Anvil, contracts: Contracts, kind: HoldingKind
) -> None:
    contract = contracts.vault if kind is HoldingKind.ERC4626 else contracts.collection
    snapshot = anvil.ask("evm_snapshot")
    anvil.mine(1)

    def reorganise(_done: int) -> None:
        anvil.ask("evm_revert", snapshot)
        anvil.ask("evm_increaseTime", 99)
        anvil.mine(1)

    with pytest.raises(ChainMoved) as moved:
        ask(anvil, contract, kind, on_progress=reorganise)

    assert moved.value.retryable


@pytest.mark.parametrize(
    ("kind", "token_ids", "block", "param"),
    [
        (HoldingKind.ERC721, (1,), 1, "token_id"),
        (HoldingKind.ERC1155, (), 1, "token_id"),
        (HoldingKind.ERC721, (), -2, "block"),
    ],
)
def test_load_holdings__question_that_is_none__is_refused_unasked(
    kind: HoldingKind, token_ids: tuple[int, ...], block: int, param: str
) -> None:
    question = HoldingsQuestion(
        kind=kind, chain_id=1, contract=NOBODY, token_ids=token_ids, block_number=block
    )

    with pytest.raises(InvalidInput) as refused:
        load_holdings(EvmNode("http://127.0.0.1:1"), question, WALLETS)

    assert refused.value.param == param
