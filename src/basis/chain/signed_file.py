"""Reads a holdings snapshot that somebody else took and signed: the same record, by another hand.

The file is a JSON object of `snapshot` and `signature`. What is signed, by EIP-191 as wallets do it
(`personal_sign`), is the canonical JSON of `snapshot`; the operator names the address that must
have signed. Source: EIP-191; docs/reference/boosts.md.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tiny_keccak import keccak256

from basis.rules.canonical import canonical_json
from basis.rules.errors import InvalidInput
from basis.rules.holdings import HoldingKind, HoldingsSnapshot, snapshot_json, snapshot_of
from basis.rules.members import Members, parse_json
from basis.rules.wallet import Wallet, parse_wallet

MAX_FILE_BYTES: Final = 16 << 20
"""As much as 100,000 holdings need."""
_FIRST_V: Final = 27
"""What wallets add to the recovery id; some leave it out."""
_SIGNATURE: Final = re.compile(r"0x[0-9a-fA-F]{130}", re.ASCII)


def load_signed_holdings(path: Path, *, signer: Wallet) -> tuple[HoldingsSnapshot, str]:
    """The snapshot in the file at `path`, and its signature, which is by `signer`.

    Raises:
        InvalidInput: it cannot be read, is too large, is no such file, or somebody else signed it.
    """
    members = Members(parse_json(_read_text(path), of="the file"), of="the file")
    signature = members.text("signature")
    record = members.any("snapshot")
    members.expect_no_other()
    snapshot = snapshot_of(record)
    if snapshot.kind is not HoldingKind.FILE:
        raise InvalidInput(
            f'the snapshot is of kind {snapshot.kind.value}: a file\'s must be "file"', param="kind"
        )
    if snapshot.signer != signer:
        raise InvalidInput(
            f"the snapshot names {snapshot.signer} as its signer, and --signer is {signer}",
            param="signer",
        )
    found = recover_signer(snapshot, signature)
    if found != signer:
        raise InvalidInput(
            f"the signature is not by {signer} over this snapshot: another key signed, or the "
            f"snapshot was changed after it was signed",
            param="signature",
        )
    return snapshot, signature


def recover_signer(snapshot: HoldingsSnapshot, signature: str) -> Wallet:
    """The address whose key signed the snapshot; an arbitrary one if it was changed since.

    Raises:
        InvalidInput: the signature has no possible form.
    """
    from coincurve import PublicKey

    if not _SIGNATURE.fullmatch(signature):
        raise InvalidInput("the signature is not 0x and 130 hex digits", param="signature")
    parts = bytes.fromhex(signature[2:])
    recovery = parts[64] - _FIRST_V if parts[64] >= _FIRST_V else parts[64]
    message = canonical_json(snapshot_json(snapshot))
    digest = keccak256(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message)
    try:
        key = PublicKey.from_signature_and_message(
            parts[:64] + bytes([recovery]), digest, hasher=None
        )
    except ValueError as error:
        raise InvalidInput(
            "the signature is none that a key can give", param="signature"
        ) from error
    return parse_wallet("0x" + keccak256(key.format(compressed=False)[1:])[-20:].hex())


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", param="file") from error
    if len(data) > MAX_FILE_BYTES:
        raise InvalidInput(f"{path} has more than {MAX_FILE_BYTES} bytes", param="file")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not in UTF-8", param="file") from error
