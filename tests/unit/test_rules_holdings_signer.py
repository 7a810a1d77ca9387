"""Who signed a snapshot of holdings, by signatures of the reference wallet library."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from basis.rules.canonical import canonical_json
from basis.rules.errors import InvalidSignature
from basis.rules.holdings import (
    Holding,
    HoldingKind,
    HoldingsSnapshot,
    Measure,
    recover_signer,
    snapshot_json,
)
from basis.rules.wallet import Wallet

KEY = bytes.fromhex("11" * 32)
SIGNER = Wallet("0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A")
"""The address of `KEY`, which anyone may know."""
BLOCKS = range(8)
"""Eight signatures: of both recovery ids, as is asserted below."""


def _snapshot(block: int) -> HoldingsSnapshot:
    return HoldingsSnapshot(
        measure=Measure.NFT,
        kind=HoldingKind.FILE,
        chain_id=8453,
        contract=Wallet("0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"),
        token_ids=(),
        decimals=0,
        block_number=block,
        block_hash=f"0x{block:064x}",
        block_time_s=1_763_900_000 + block,
        holdings=(
            Holding(wallet=Wallet("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), amount_raw=2),
        ),
        signer=SIGNER,
    )


def _sign(snapshot: HoldingsSnapshot) -> str:
    """What a wallet gives for the record as a personal message: 65 bytes, v 27 or 28."""
    text = canonical_json(snapshot_json(snapshot)).decode()
    signed = Account.sign_message(encode_defunct(text=text), private_key=KEY)
    return "0x" + bytes(signed.signature).hex()


def _with_recovery_id(signature: str) -> str:
    """The signature as wallets write it that do not add 27."""
    return f"{signature[:-2]}{int(signature[-2:], 16) - 27:02x}"


@pytest.mark.parametrize("block", BLOCKS)
def test_recover_signer__signed_record__is_its_signer(block: int) -> None:
    snapshot = _snapshot(block)

    assert recover_signer(snapshot, _sign(snapshot)) == SIGNER


@pytest.mark.parametrize("block", BLOCKS)
def test_recover_signer__recovery_id_alone__is_the_same_signer(block: int) -> None:
    snapshot = _snapshot(block)

    assert recover_signer(snapshot, _with_recovery_id(_sign(snapshot))) == SIGNER


def test_recover_signer__signatures_of_these_tests__have_both_recovery_ids() -> None:
    assert {_with_recovery_id(_sign(_snapshot(block)))[-2:] for block in BLOCKS} == {"00", "01"}


def test_recover_signer__capitals__are_the_same_digits() -> None:
    snapshot = _snapshot(0)
    signature = _sign(snapshot)

    assert recover_signer(snapshot, "0x" + signature[2:].upper()) == SIGNER
    assert recover_signer(snapshot, signature.upper()) == SIGNER


@pytest.mark.parametrize(
    "change", [{"block_number": 9}, {"holdings": ()}, {"chain_id": 1}], ids=str
)
def test_recover_signer__changed_since__is_somebody_else(change: dict[str, object]) -> None:
    signature = _sign(_snapshot(0))

    changed = replace(_snapshot(0), **change)  # type: ignore[arg-type]  # any field

    assert recover_signer(changed, signature) != SIGNER


@pytest.mark.parametrize(
    "spoil",
    [
        lambda signature: signature[:0],
        lambda signature: signature[2:],
        lambda signature: signature[:-2],
        lambda signature: signature + "00",
        lambda signature: signature[:-2] + "02",
        lambda signature: signature[:-2] + "1d",
        lambda signature: signature[:-3] + "g1b",
        lambda signature: " " + signature,
    ],
    ids=["nothing", "no 0x", "cut", "longer", "id 2", "v 29", "no digit", "space"],
)
def test_recover_signer__no_possible_form__is_refused(spoil) -> None:
    snapshot = _snapshot(0)

    with pytest.raises(InvalidSignature) as refused:
        recover_signer(snapshot, spoil(_sign(snapshot)))

    assert refused.value.param == "signature"
