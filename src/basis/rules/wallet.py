"""EVM addresses: what counts as a reward address, and its EIP-55 form."""

from __future__ import annotations

import re
from typing import NewType

from tiny_keccak import keccak256

from basis.rules.errors import InvalidWallet

Wallet = NewType("Wallet", str)
"""An EVM address in EIP-55 form: `0x` and 40 hex digits whose case is the checksum."""

_HEX_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


def parse_wallet(text: str, *, param: str = "worker_wallet") -> Wallet:
    """The checksummed form of an address written in one case, or in correct EIP-55.

    Raises:
        InvalidWallet: wrong prefix, length or digits; the zero address; or mixed case with a
            checksum that does not hold (a mistyped digit).
    Source: mission N1; EIP-55.
    """
    if not _HEX_ADDRESS.fullmatch(text):
        shown = text if len(text) <= 64 else text[:61] + "..."
        raise InvalidWallet(
            f"{param} is {shown!r}: expected 0x and 40 hex digits, the EVM address to pay",
            param=param,
        )
    digits = text[2:]
    if int(digits, 16) == 0:
        raise InvalidWallet(f"{param} is the zero address, which nobody can spend", param=param)
    checksummed = _checksum(digits.lower())
    if digits not in (digits.lower(), digits.upper()) and text != checksummed:
        raise InvalidWallet(
            f"{param} is {text!r}: its EIP-55 checksum is wrong, so a character is mistyped; "
            f"write it in lower case if you are sure of the digits",
            param=param,
        )
    return Wallet(checksummed)


def _checksum(lower_digits: str) -> str:
    digest = keccak256(lower_digits.encode("ascii")).hex()
    cased = (
        digit.upper() if int(nibble, 16) >= 8 else digit
        for digit, nibble in zip(lower_digits, digest, strict=False)
    )
    return "0x" + "".join(cased)
