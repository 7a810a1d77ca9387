"""EIP-712: the bytes that a wallet signs for a structure.

Only the kinds of field that Basis signs are here: text, addresses, unsigned integers, and arrays of
structures. What the structures are stands where they belong, as in `basis.rules.offer`.
Who signed them says `basis.rules.ecdsa`. Source: EIP-712.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tiny_keccak import keccak256

from basis.rules.wallet import Wallet

CHAIN_ID = 8453
"""Base, where rewards are paid. Source: mission N8."""

_WORD = 32

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
