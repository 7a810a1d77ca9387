"""Units of value and count, and the only division that money knows.

A value is always a pair (asset, base units): an `Asset` names the token and its decimals, an
`AmountRaw` counts its smallest units. Rates are basis points, 10000 = one whole.
Rounding is named at the call: charges round up, payouts round down.
Source: design.md section 3; docs/decisions/0001-integer-money.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NewType

from basis.rules.errors import InvalidInput

AmountRaw = NewType("AmountRaw", int)
"""Base units of an asset; signed only inside ledger postings."""

Bps = NewType("Bps", int)
"""Basis points: 10000 = 1x."""

TokenCount = NewType("TokenCount", int)
"""Tokens of a model's own tokenizer, counted by the gateway."""

Micros = NewType("Micros", int)
"""Microseconds."""

WHOLE_BPS = Bps(10_000)

_RAW_DIGITS = re.compile(r"0|[1-9][0-9]{0,77}")
_SIGNED_RAW_DIGITS = re.compile(r"0|-?[1-9][0-9]{0,77}")
"""78 digits hold every uint256, the widest amount that the chain knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A fungible token: `symbol` is its identity, `decimals` its base unit (10^-decimals)."""

    symbol: str
    decimals: int


BASIS = Asset(symbol="BASIS", decimals=18)
CREDIT = Asset(symbol="CREDIT", decimals=6)
"""1 CREDIT = 0.001 USD; its base unit is the micro-credit. Source: mission N13."""


def mul_div_floor(value: int, numerator: int, denominator: int) -> int:
    """`value * numerator / denominator`, rounded towards zero owed: for payouts.

    Raises:
        ValueError: a negative operand or a denominator that is not positive.
    """
    if value < 0 or numerator < 0 or denominator <= 0:
        raise ValueError(f"mul_div_floor({value}, {numerator}, {denominator}) is out of range")
    return value * numerator // denominator


def mul_div_ceil(value: int, numerator: int, denominator: int) -> int:
    """`value * numerator / denominator`, rounded up: for charges.

    Raises:
        ValueError: a negative operand or a denominator that is not positive.
    """
    if value < 0 or numerator < 0 or denominator <= 0:
        raise ValueError(f"mul_div_ceil({value}, {numerator}, {denominator}) is out of range")
    return -(-value * numerator // denominator)


def split_floor(total: int, weights: Sequence[int]) -> tuple[list[int], int]:
    """Shares of `total` in proportion to `weights`, each floored, and the dust left over.

    The shares stand in the order of the weights; shares and dust sum to `total` exactly.

    Raises:
        ValueError: no positive weight, or a negative number anywhere.
    """
    if total < 0 or any(weight < 0 for weight in weights) or sum(weights) <= 0:
        raise ValueError(f"cannot split {total} by {list(weights)}")
    weight_sum = sum(weights)
    shares = [total * weight // weight_sum for weight in weights]
    return shares, total - sum(shares)


def parse_raw(text: str, *, param: str) -> AmountRaw:
    """The base units that a decimal string names; the form in which amounts travel.

    Raises:
        InvalidInput: not a plain non-negative decimal integer without leading zeros, or one of
            more than 78 digits.
    """
    return _parse_by(_RAW_DIGITS, text, param=param, expected="base units")


def parse_signed_raw(text: str, *, param: str) -> AmountRaw:
    """As `parse_raw`, for postings and balances: a minus may stand before anything but zero.

    Raises:
        InvalidInput: any other spelling, so that each amount has exactly one.
    """
    return _parse_by(_SIGNED_RAW_DIGITS, text, param=param, expected="signed base units")


def format_amount(amount: int, asset: Asset) -> str:
    """`amount` in whole units of `asset`, exact, for display only: `12.5 BASIS`."""
    sign = "-" if amount < 0 else ""
    digits = str(abs(amount)).zfill(asset.decimals + 1)
    point = len(digits) - asset.decimals
    decimal = f"{digits[:point]}.{digits[point:]}".rstrip("0").removesuffix(".")
    return f"{sign}{decimal} {asset.symbol}"


def _parse_by(spelling: re.Pattern[str], text: str, *, param: str, expected: str) -> AmountRaw:
    if not spelling.fullmatch(text):
        shown = text if len(text) <= 100 else text[:97] + "..."
        raise InvalidInput(
            f"{param} is {shown!r}: expected {expected} as at most 78 decimal digits", param=param
        )
    return AmountRaw(int(text))
