"""Holdings that somebody signed: taken over as they are, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from basis.chain.signed_file import MAX_FILE_BYTES, load_signed_holdings
from basis.rules.canonical import canonical_json
from basis.rules.errors import InvalidInput
from basis.rules.holdings import HoldingKind, Measure, snapshot_json
from basis.rules.wallet import Wallet
from tests.support.books import ALICE, BOB

KEY = "0x" + "11" * 32
SIGNER = Wallet(Account.from_key(KEY).address)
STRANGER = Wallet(Account.from_key("0x" + "22" * 32).address)
SNAPSHOT: dict[str, Any] = {
    "snapshotVersion": 1,
    "measure": "stake",
    "kind": "file",
    "chainId": 8453,
    "contract": "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    "tokenIds": [],
    "decimals": 18,
    "blockNumber": 42,
    "blockHash": "0x" + "cd" * 32,
    "blockTimeS": 1_763_900_000,
    "signer": SIGNER,
    "holdings": [
        {"wallet": ALICE, "amountRaw": str(5 * 10**21)},
        {"wallet": BOB, "amountRaw": "0"},
    ],
}


def sign(snapshot: dict[str, Any], *, key: str = KEY) -> str:
    """The signature that a wallet gives over the canonical JSON of `snapshot`."""
    signed = Account.sign_message(encode_defunct(canonical_json(snapshot)), private_key=key)
    return "0x" + signed.signature.hex().removeprefix("0x")


def write(folder: Path, value: object) -> Path:
    path = folder / "holdings.json"
    path.write_text(json.dumps(value, indent=4), encoding="utf-8")
    return path


def refusal(path: Path, *, signer: Wallet = SIGNER) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        load_signed_holdings(path, signer=signer)
    return refused.value


def test_load_signed_holdings__by_the_signer__is_the_snapshot(tmp_path: Path) -> None:
    signature = sign(SNAPSHOT)
    path = write(tmp_path, {"signature": signature, "snapshot": SNAPSHOT})

    snapshot, found = load_signed_holdings(path, signer=SIGNER)

    assert snapshot_json(snapshot) == SNAPSHOT
    assert (snapshot.kind, snapshot.measure) == (HoldingKind.FILE, Measure.STAKE)
    assert found == signature


def test_load_signed_holdings__v_without_27__is_the_same_signature(tmp_path: Path) -> None:
    signature = sign(SNAPSHOT)
    short = signature[:-2] + f"{int(signature[-2:], 16) - 27:02x}"
    path = write(tmp_path, {"signature": short, "snapshot": SNAPSHOT})

    assert load_signed_holdings(path, signer=SIGNER)[0].signer == SIGNER


@pytest.mark.parametrize("v", ["02", "04", "1a", "1d", "1f", "ff"])
def test_load_signed_holdings__other_v__is_refused(tmp_path: Path, v: str) -> None:
    path = write(tmp_path, {"signature": sign(SNAPSHOT)[:-2] + v, "snapshot": SNAPSHOT})

    assert refusal(path).param == "signature"


@pytest.mark.parametrize(
    "change",
    [
        {"holdings": [{"wallet": ALICE, "amountRaw": str(6 * 10**21)}]},
        {"blockNumber": 43},
        {"measure": "nft", "decimals": 0},
        {"contract": ALICE},
    ],
    ids=lambda change: next(iter(change)),
)
def test_load_signed_holdings__changed_after_signing__is_refused(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path = write(tmp_path, {"signature": sign(SNAPSHOT), "snapshot": {**SNAPSHOT, **change}})

    assert refusal(path).param == "signature"


def test_load_signed_holdings__signed_by_another_key__is_refused(tmp_path: Path) -> None:
    signature = sign(SNAPSHOT, key="0x" + "22" * 32)
    path = write(tmp_path, {"signature": signature, "snapshot": SNAPSHOT})

    assert refusal(path).param == "signature"


def test_load_signed_holdings__of_a_signer_that_is_not_named__is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {"signature": sign(SNAPSHOT), "snapshot": SNAPSHOT})

    assert refusal(path, signer=STRANGER).param == "signer"


@pytest.mark.parametrize(
    "signature",
    ["", "0x", "0x" + "00" * 65, "0x" + "ff" * 65, "0x" + "11" * 64, "11" * 65, "0x" + "zz" * 65],
)
def test_load_signed_holdings__signature_that_is_none__is_refused(
    tmp_path: Path, signature: str
) -> None:
    path = write(tmp_path, {"signature": signature, "snapshot": SNAPSHOT})

    assert refusal(path).param == "signature"


def test_load_signed_holdings__read_from_a_chain__is_not_a_file_of_somebodys(
    tmp_path: Path,
) -> None:
    snapshot = {**SNAPSHOT, "kind": "erc20", "signer": ""}
    path = write(tmp_path, {"signature": sign(snapshot), "snapshot": snapshot})

    assert refusal(path).param == "kind"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"snapshot": {}}', '{"signature": "0x", "snapshot": 7}', "\x00"],
)
def test_load_signed_holdings__other_text__is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "holdings.json"
    path.write_text(text, encoding="utf-8")

    assert refusal(path).code == "invalid_input"


def test_load_signed_holdings__unknown_member__is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {"signature": sign(SNAPSHOT), "snapshot": SNAPSHOT, "more": 1})

    assert refusal(path).param == "more"


def test_load_signed_holdings__no_utf8_too_large_or_nowhere__is_refused(tmp_path: Path) -> None:
    path = tmp_path / "holdings.json"
    path.write_bytes(b"\xff\xfe")
    assert "UTF-8" in refusal(path).message

    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert "bytes" in refusal(path).message

    assert "cannot be read" in refusal(tmp_path / "nowhere.json").message
    assert "cannot be read" in refusal(tmp_path).message
