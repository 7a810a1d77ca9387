"""EIP-712: the bytes that a wallet signs for a structure, and who signed them.

Only the kinds of field that Basis signs are here: text, addresses, unsigned integers, and arrays of
structures. What the structures are stands where they belong, as in `basis.rules.offer`.
Source: EIP-712; EIP-2 for the lower half of `s`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tiny_keccak import keccak256

from basis.rules.errors import InvalidSignature
from basis.rules.wallet import Wallet, parse_wallet

CHAIN_ID = 8453
"""Base, where rewards are paid. Source: mission N8."""

_WORD = 32
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of secp256k1: a key is from 1 to one less. Source: SEC 2, section 2.4.1."""
_SIGNATURE = re.compile(r"0x[0-9a-f]{130}", re.ASCII)

DOMAIN_FIELDS = (("name", "string"), ("version", "string"), ("chainId", "uint256"))
"""(name, type) of the domain's fields, in the order in which they are hashed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """What a signature is for; one made for another domain recovers to nobody's address."""

    name: str
    version: str
    chain_id: int


BASIS_DOMAIN = Domain(name="Basis", version="1", chain_id=CHAIN_ID)


def encode_text(text: str) -> bytes:
    """The word that stands for a `string`."""
    return keccak256(text.encode())


def encode_uint(value: int) -> bytes:
    """The word that stands for an unsigned integer of any width.

    Raises:
        ValueError: negative, or wider than 256 bits.
    """
    if not 0 <= value < 1 << 256:
        raise ValueError(f"{value} is no uint256")
    return value.to_bytes(_WORD, "big")


def encode_address(wallet: Wallet) -> bytes:
    """The word that stands for an `address`."""
    return bytes.fromhex(wallet[2:]).rjust(_WORD, b"\0")


def encode_array(items: Iterable[bytes]) -> bytes:
    """The word that stands for an array, from the words of its items."""
    return keccak256(b"".join(items))


def hash_struct(encoded_type: str, words: Iterable[bytes]) -> bytes:
    """The word that stands for a structure: its type and its fields' words, in their order."""
    return keccak256(keccak256(encoded_type.encode()) + b"".join(words))


def compute_digest(struct_hash: bytes, domain: Domain = BASIS_DOMAIN) -> bytes:
    """The 32 bytes that are signed."""
    fields = ",".join(f"{kind} {name}" for name, kind in DOMAIN_FIELDS)
    separator = hash_struct(
        f"EIP712Domain({fields})",
        (
            encode_text(domain.name),
            encode_text(domain.version),
            encode_uint(domain.chain_id),
        ),
    )
    return keccak256(b"\x19\x01" + separator + struct_hash)


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
            "signature: expected 0x and 130 lower-case hex digits", param="signature"
        )
    parts = bytes.fromhex(signature[2:])
    if int.from_bytes(parts[32:64], "big") > CURVE_ORDER // 2 or parts[64] not in {27, 28}:
        raise InvalidSignature(
            "signature: not in its one accepted form, with a low s and a v of 27 or 28",
            param="signature",
        )
    recoverable = parts[:64] + bytes([parts[64] - 27])
    try:
        key = PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except ValueError as error:
        raise InvalidSignature("signature: no key makes this one", param="signature") from error
    address = keccak256(key.format(compressed=False)[1:])[-20:]
    return parse_wallet("0x" + address.hex(), param="signature")
