"""Signatures over published files, made by the reference wallet library from a known key."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from basis.rules.canonical import sha256_hex
from basis.rules.ecdsa import CURVE_ORDER
from basis.rules.errors import InvalidSignature, InvalidWallet
from basis.rules.signatures import (
    FileSignature,
    encode_signature,
    parse_signature,
    recover_signer,
    signed_text,
    verify_file,
)
from basis.rules.wallet import Wallet

KEY = bytes.fromhex("11" * 32)
SIGNER = Wallet("0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A")
"""The address of `KEY`, which anyone may know."""
FILE = b'{"phaseVersion":1}'
DIGEST = sha256_hex(FILE)


def sign(text: str, key: bytes = KEY) -> str:
    """What a wallet gives for a personal message."""
    signed = Account.sign_message(encode_defunct(text=text), private_key=key)
    return "0x" + bytes(signed.signature).hex()


SIGNATURE = FileSignature(
    kind="phase", sha256=DIGEST, signer=SIGNER, signature=sign(f"basis:phase:{DIGEST}")
)


def other_half(signature: str) -> str:
    """The second signature of the same message that the curve allows: order - s, other parity."""
    parts = bytes.fromhex(signature[2:])
    s = CURVE_ORDER - int.from_bytes(parts[32:64], "big")
    return "0x" + (parts[:32] + s.to_bytes(32, "big") + bytes([55 - parts[64]])).hex()


def test_signed_text__kind_and_hash__is_what_a_wallet_shows() -> None:
    assert signed_text(kind="phase", sha256=DIGEST) == f"basis:phase:{DIGEST}"


def test_recover_signer__known_key__is_its_address() -> None:
    found = recover_signer(kind="phase", sha256=DIGEST, signature=SIGNATURE.signature)

    assert found == SIGNER


def test_recover_signer__another_kind__is_somebody_else() -> None:
    found = recover_signer(kind="export", sha256=DIGEST, signature=SIGNATURE.signature)

    assert found != SIGNER


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "0x",
        SIGNATURE.signature[2:],
        SIGNATURE.signature[:-2],
        SIGNATURE.signature + "00",
        SIGNATURE.signature.upper(),
        SIGNATURE.signature + "\n",
        "0x" + "00" * 65,
        "0x" + "ff" * 64 + "1b",
        SIGNATURE.signature[:-2] + "00",
        SIGNATURE.signature[:-2] + "25",
        "0x" + "ff" * 32 + "01" * 32 + "1b",
        other_half(SIGNATURE.signature),
    ],
    ids=lambda text: text[:6] + f"_{len(text)}",
)
def test_recover_signer__no_signature__is_refused(signature: str) -> None:
    with pytest.raises(InvalidSignature):
        recover_signer(kind="phase", sha256=DIGEST, signature=signature)


@pytest.mark.parametrize("kind", ["", "Phase", "phase:x", "ph ase", "phase\n", "x" * 33, "1"])
def test_signed_text__no_kind__is_refused(kind: str) -> None:
    with pytest.raises(InvalidSignature, match="kind of file"):
        signed_text(kind=kind, sha256=DIGEST)


@pytest.mark.parametrize("digest", ["", DIGEST[:-1], DIGEST.upper(), DIGEST + "\n", "g" * 64])
def test_signed_text__no_hash__is_refused(digest: str) -> None:
    with pytest.raises(InvalidSignature, match="SHA-256"):
        signed_text(kind="phase", sha256=digest)


def test_verify_file__its_own_signature__names_the_signer() -> None:
    assert verify_file(FILE, SIGNATURE, kind="phase") == SIGNER
    assert verify_file(FILE, SIGNATURE, kind="phase", signer=SIGNER) == SIGNER


def test_verify_file__one_byte_changed__is_refused() -> None:
    for position in range(len(FILE)):
        changed = bytearray(FILE)
        changed[position] ^= 1
        with pytest.raises(InvalidSignature, match="of a file with the hash"):
            verify_file(bytes(changed), SIGNATURE, kind="phase")


def test_verify_file__another_kind__is_refused() -> None:
    with pytest.raises(InvalidSignature, match="phase"):
        verify_file(FILE, SIGNATURE, kind="export")


def test_verify_file__signer_that_did_not_sign__is_refused() -> None:
    other = Account.from_key(b"\x22" * 32).address
    claimed = FileSignature(
        kind="phase", sha256=DIGEST, signer=Wallet(other), signature=SIGNATURE.signature
    )

    with pytest.raises(InvalidSignature, match="as it says"):
        verify_file(FILE, claimed, kind="phase")
    with pytest.raises(InvalidSignature, match="was expected"):
        verify_file(FILE, SIGNATURE, kind="phase", signer=Wallet(other))


def test_signature_file__written_and_read__is_the_same() -> None:
    assert parse_signature(encode_signature(SIGNATURE)) == SIGNATURE


def changed_document(**changes: Any) -> bytes:
    """The signature's file with some fields changed, spelt as canonically as before."""
    document = {**json.loads(encode_signature(SIGNATURE)), **changes}
    kept = {name: value for name, value in document.items() if value is not ...}
    return json.dumps(kept, sort_keys=True, separators=(",", ":")).encode() + b"\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"[" * 100_000,
        b"[" * 4_000,
        b" " * 5_000,
        encode_signature(SIGNATURE)[:-1],
        encode_signature(SIGNATURE) + b"\n",
        changed_document(signature=...),
        changed_document(more=1),
        changed_document(signatureVersion=2),
        changed_document(signatureVersion=True),
        changed_document(kind=1),
        changed_document(signer=SIGNER.lower()),
    ],
    ids=lambda data: repr(data[:12]) + f"_{len(data)}",
)
def test_parse_signature__anything_else__is_refused(data: bytes) -> None:
    with pytest.raises(InvalidSignature):
        parse_signature(data)


def test_parse_signature__signer_that_is_no_address__is_refused() -> None:
    with pytest.raises(InvalidWallet):
        parse_signature(changed_document(signer="0x12"))
