"""What wallets held at one block: the record that boosts are computed from, and its hash.

A snapshot is read from a chain or taken over from a signed file; either way it has one canonical
JSON form, whose SHA-256 is its name. Amounts are base units as the contract counts them: tokens of
a collection, or a stake's units with the asset's decimals. A wallet that was looked at and holds
nothing stands in it with 0, so that it can be told from one that nobody looked at.
Source: mission P6, P7; docs/decisions/0014-boosts.md.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NewType

from basis.rules.canonical import MAX_SAFE_INTEGER, canonical_json, sha256_hex
from basis.rules.ecdsa import FIRST_V, personal_digest, recover_wallet
from basis.rules.errors import InvalidInput
from basis.rules.members import Members, as_text, parse_json
from basis.rules.units import parse_raw
from basis.rules.wallet import Wallet, parse_wallet

SnapshotHash = NewType("SnapshotHash", str)

SNAPSHOT_VERSION = 1
MAX_HOLDINGS = 100_000
"""Wallets of one snapshot. Ours: some 10 MB of record, and far above the roster's bound."""
MAX_TOKEN_IDS = 256
MAX_DECIMALS = 36
_MAX_UINT256 = 2**256 - 1
_BLOCK_HASH = re.compile(r"0x[0-9a-f]{64}", re.ASCII)


class Measure(enum.StrEnum):
    """What a holding counts as."""

    NFT = "nft"
    STAKE = "stake"


class HoldingKind(enum.StrEnum):
    """Where a snapshot comes from: how the contract was asked, or that somebody signed it."""

    ERC721 = "erc721"
    ERC1155 = "erc1155"
    ERC20 = "erc20"
    ERC4626 = "erc4626"
    """Shares of a vault, counted as what they can be turned into."""
    FILE = "file"


_MEASURES: Mapping[HoldingKind, Measure] = {
    HoldingKind.ERC721: Measure.NFT,
    HoldingKind.ERC1155: Measure.NFT,
    HoldingKind.ERC20: Measure.STAKE,
    HoldingKind.ERC4626: Measure.STAKE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one wallet held. `amount_raw` has the snapshot's decimals."""

    wallet: Wallet
    amount_raw: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingsSnapshot:
    """`holdings` stand by wallet, each once; `token_ids` ascend and are those of an ERC-1155 that
    count. `decimals` are those of the asset, 0 for NFTs. `signer` is "" but for a file."""

    measure: Measure
    kind: HoldingKind
    chain_id: int
    contract: Wallet
    token_ids: tuple[int, ...]
    decimals: int
    block_number: int
    block_hash: str
    block_time_s: int
    """Seconds since 1970, by the block itself."""
    holdings: tuple[Holding, ...]
    signer: str = ""
    snapshot_version: int = SNAPSHOT_VERSION


def measure_of(kind: HoldingKind) -> Measure:
    """What a contract of this kind counts as.

    Raises:
        InvalidInput: a file, which says it itself.
    """
    measure = _MEASURES.get(kind)
    if measure is None:
        raise InvalidInput(f"the kind {kind.value} is of no measure by itself", param="kind")
    return measure


def arrange_holdings(amounts: Mapping[Wallet, int]) -> tuple[Holding, ...]:
    """The holdings as a snapshot has them, by wallet."""
    return tuple(
        Holding(wallet=wallet, amount_raw=amount) for wallet, amount in sorted(amounts.items())
    )


def validate_snapshot(snapshot: HoldingsSnapshot) -> None:
    """Refuses a snapshot that no chain could have given.

    Raises:
        InvalidInput: a number out of its range, a hash that is none, holdings out of order or
            doubled, decimals of an NFT, token ids where there are none, a signer of no file.
        InvalidWallet: an address that is not in its EIP-55 form.
    """
    _check_range("snapshotVersion", snapshot.snapshot_version, SNAPSHOT_VERSION, SNAPSHOT_VERSION)
    _check_range("chainId", snapshot.chain_id, 1, MAX_SAFE_INTEGER)
    _check_range("blockNumber", snapshot.block_number, 0, MAX_SAFE_INTEGER)
    _check_range("blockTimeS", snapshot.block_time_s, 0, MAX_SAFE_INTEGER)
    most_decimals = 0 if snapshot.measure is Measure.NFT else MAX_DECIMALS
    _check_range("decimals", snapshot.decimals, 0, most_decimals)
    if not _BLOCK_HASH.fullmatch(snapshot.block_hash):
        raise InvalidInput(
            f"blockHash is {snapshot.block_hash[:80]!r}: expected 0x and 64 lower-case hex digits",
            param="blockHash",
        )
    _check_address("contract", snapshot.contract)
    _check_kind(snapshot)
    _check_holdings(snapshot.holdings)


def snapshot_json(snapshot: HoldingsSnapshot) -> dict[str, object]:
    """The record's members; what a file's signer signs is the canonical JSON of just this."""
    return {
        "snapshotVersion": snapshot.snapshot_version,
        "measure": snapshot.measure.value,
        "kind": snapshot.kind.value,
        "chainId": snapshot.chain_id,
        "contract": snapshot.contract,
        "tokenIds": [str(token_id) for token_id in snapshot.token_ids],
        "decimals": snapshot.decimals,
        "blockNumber": snapshot.block_number,
        "blockHash": snapshot.block_hash,
        "blockTimeS": snapshot.block_time_s,
        "signer": snapshot.signer,
        "holdings": [
            {"wallet": holding.wallet, "amountRaw": str(holding.amount_raw)}
            for holding in snapshot.holdings
        ],
    }


def compute_snapshot_hash(snapshot: HoldingsSnapshot) -> SnapshotHash:
    """The SHA-256 over the canonical JSON of the record."""
    return SnapshotHash(sha256_hex(canonical_json(snapshot_json(snapshot))))


def parse_snapshot(text: str) -> HoldingsSnapshot:
    """The snapshot whose record is the JSON in `text`; every member is needed, no other allowed.

    Raises:
        InvalidInput: no such JSON, or what `validate_snapshot` refuses.
    """
    return snapshot_of(parse_json(text, of="the snapshot"))


def snapshot_of(value: object) -> HoldingsSnapshot:
    """The snapshot of decoded JSON: `parse_snapshot` without its first step.

    Raises:
        InvalidInput: as there.
    """
    members = Members(value, of="the snapshot")
    holdings = members.objects("holdings", of="a holding", most=MAX_HOLDINGS)
    snapshot = HoldingsSnapshot(
        snapshot_version=members.integer("snapshotVersion"),
        measure=members.choice("measure", Measure),
        kind=members.choice("kind", HoldingKind),
        chain_id=members.integer("chainId"),
        contract=Wallet(members.text("contract")),
        token_ids=tuple(
            parse_raw(as_text(item, "tokenIds"), param="tokenIds")
            for item in members.items("tokenIds", most=MAX_TOKEN_IDS)
        ),
        decimals=members.integer("decimals"),
        block_number=members.integer("blockNumber"),
        block_hash=members.text("blockHash"),
        block_time_s=members.integer("blockTimeS"),
        signer=members.text("signer"),
        holdings=tuple(
            Holding(
                wallet=Wallet(holding.text("wallet")),
                amount_raw=holding.raw("amountRaw"),
            )
            for holding in holdings
        ),
    )
    for read in (members, *holdings):
        read.expect_no_other()
    validate_snapshot(snapshot)
    return snapshot


def recover_signer(snapshot: HoldingsSnapshot, signature: str) -> Wallet:
    """The address whose key signed the snapshot; an arbitrary one if it was changed since.

    What is signed, by EIP-191, is the canonical JSON of the record.

    Raises:
        InvalidSignature: it has no possible form.
    """
    spelt = signature.lower()
    if re.fullmatch(r"0x[0-9a-f]{128}0[01]", spelt, re.ASCII):
        # Some wallets leave out what is added to the recovery id.
        spelt = f"{spelt[:-2]}{FIRST_V + int(spelt[-1]):02x}"
    message = canonical_json(snapshot_json(snapshot)).decode()
    return recover_wallet(personal_digest(message), spelt)


def _check_range(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidInput(f"{name} is {value}: expected {least} to {most}", param=name)


def _check_address(name: str, text: str) -> None:
    if parse_wallet(text, param=name) != text:
        raise InvalidInput(f"{name} is {text}: write it in its EIP-55 form", param=name)


def _check_kind(snapshot: HoldingsSnapshot) -> None:
    kind, ids = snapshot.kind, snapshot.token_ids
    if kind is HoldingKind.FILE:
        _check_address("signer", snapshot.signer)
    elif snapshot.signer:
        raise InvalidInput("only a file has a signer", param="signer")
    elif measure_of(kind) is not snapshot.measure:
        raise InvalidInput(f"{kind.value} is counted as {measure_of(kind).value}", param="measure")
    if kind is HoldingKind.ERC1155 and not ids:
        raise InvalidInput("an ERC-1155 needs the token ids that count", param="tokenIds")
    if ids and kind not in {HoldingKind.ERC1155, HoldingKind.FILE}:
        raise InvalidInput(f"{kind.value} has no token ids", param="tokenIds")
    if len(ids) > MAX_TOKEN_IDS or list(ids) != sorted(set(ids)):
        raise InvalidInput(
            f"tokenIds: expected at most {MAX_TOKEN_IDS}, ascending, each once", param="tokenIds"
        )
    for token_id in ids:
        _check_range("tokenIds", token_id, 0, _MAX_UINT256)


def _check_holdings(holdings: Sequence[Holding]) -> None:
    if len(holdings) > MAX_HOLDINGS:
        raise InvalidInput(
            f"{len(holdings)} wallets: at most {MAX_HOLDINGS} may be", param="holdings"
        )
    previous = ""
    for holding in holdings:
        _check_address("wallet", holding.wallet)
        _check_range("amountRaw", holding.amount_raw, 0, _MAX_UINT256)
        if holding.wallet <= previous:
            raise InvalidInput(
                f"{holding.wallet} stands out of order or twice: expected wallets by their "
                f"EIP-55 form, capitals first",
                param="holdings",
            )
        previous = holding.wallet
