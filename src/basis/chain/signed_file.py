"""Reads a holdings snapshot that somebody else took and signed: the same record, by another hand.

The file is a JSON object of `snapshot` and `signature`. What is signed, by EIP-191 as wallets do it
(`personal_sign`), is the canonical JSON of `snapshot`; the operator names the address that must
have signed. Source: EIP-191; docs/reference/boosts.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from basis.rules.errors import InvalidInput
from basis.rules.holdings import HoldingKind, HoldingsSnapshot, recover_signer, snapshot_of
from basis.rules.members import Members, parse_json
from basis.rules.wallet import Wallet

MAX_FILE_BYTES: Final = 16 << 20
"""As much as 100,000 holdings need."""


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
