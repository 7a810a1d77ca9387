"""Recoverable signatures of secp256k1 over 32 bytes: who made one, and its one accepted form.

Straight from libsecp256k1: eth-account would lift the process's recursion limit when imported.
Source: EIP-2 for the lower half of `s`; EIP-191 for what wallets sign as a message.
"""

from __future__ import annotations

import re
from typing import Final

from tiny_keccak import keccak256

from basis.rules.errors import InvalidSignature
from basis.rules.wallet import Wallet, parse_wallet

CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of secp256k1: a key is from 1 to one less. Source: SEC 2, section 2.4.1."""
FIRST_V: Final = 27
"""What is added to the recovery id."""
_SIGNATURE = re.compile(r"0x[0-9a-f]{130}", re.ASCII)


def recover_wallet(digest: bytes, signature: str) -> Wallet:
    """The address whose key signed these 32 bytes. `signature` is r, s and v, in hex.

    One spelling per signature: the upper half of `s`, which anyone can compute from the lower one,
    is refused, and so is a `v` other than 27 or 28.

    Raises:
        InvalidSignature: it is none. One by somebody else gives another address.
    """
    from coincurve import PublicKey

    if not _SIGNATURE.fullmatch(signature):
        raise InvalidSignature(
            "the signature is not 0x and 130 lower-case hex digits", param="signature"
        )
    parts = bytes.fromhex(signature[2:])
    if int.from_bytes(parts[32:64], "big") > CURVE_ORDER // 2 or parts[64] not in {27, 28}:
        raise InvalidSignature(
            "the signature is not in its one accepted form: low s, v 27 or 28", param="signature"
        )
    recoverable = parts[:64] + bytes([parts[64] - FIRST_V])
    try:
        key = PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except ValueError as error:
        raise InvalidSignature("no key makes this signature", param="signature") from error
    return address_of_key(key.format(compressed=False))


def address_of_key(public_key: bytes) -> Wallet:
    """The address of an uncompressed public key of 65 bytes."""
    return parse_wallet("0x" + keccak256(public_key[1:])[-20:].hex(), param="signer")


def personal_digest(text: str) -> bytes:
    """The 32 bytes that a wallet signs when it is asked to sign `text` as a message."""
    message = text.encode()
    return keccak256(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message)
