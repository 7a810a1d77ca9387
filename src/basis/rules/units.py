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

from basis.rules.errors import InvalidInput, UnknownAsset

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

_MOST_DIGITS = 78

_AMOUNT = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A fungible token: `symbol` is its identity, `decimals` its base unit (10^-decimals)."""

    symbol: str
    decimals: int


BASIS = Asset(symbol="BASIS", decimals=18)
CREDIT = Asset(symbol="CREDIT", decimals=6)
"""1 CREDIT = 0.001 USD; its base unit is the micro-credit. Source: mission N13."""
LLAMA = Asset(symbol="LLAMA", decimals=6)
"""1 Llama Point = 1,000 tokens at a multiplier of 1. Source: mission P1."""
WAIFU = Asset(symbol="WAIFU", decimals=6)
"""1 Waifu Point = one image of 512x512 pixels in 20 steps at 1. Source: mission P1."""
USDC = Asset(symbol="USDC", decimals=6)
BTC = Asset(symbol="BTC", decimals=8)
ETH = Asset(symbol="ETH", decimals=18)
SOL = Asset(symbol="SOL", decimals=9)
PAXG = Asset(symbol="PAXG", decimals=18)

ASSETS: tuple[Asset, ...] = (BASIS, CREDIT, LLAMA, WAIFU, USDC, BTC, ETH, SOL, PAXG)
"""Every asset that the network counts. Source: design.md section 3."""


def asset_of_symbol(symbol: str, *, param: str = "asset") -> Asset:
    """The asset of this symbol, which is written in capitals.

    Raises:
        UnknownAsset: there is none.
    """
    for asset in ASSETS:
        if asset.symbol == symbol:
            return asset
    known = ", ".join(asset.symbol for asset in ASSETS)
    raise UnknownAsset(f"{param} is {_shown(symbol)}: known are {known}", param=param)


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


def parse_amount(text: str, asset: Asset, *, param: str) -> AmountRaw:
    """The base units of `asset` in a plain decimal number of whole units: `12.5`, exactly.

    Raises:
        InvalidInput: a sign, exponent, space or leading zero, more decimals than the asset has
            (zeros too), or more than 78 digits of base units.
    """
    match = _AMOUNT.fullmatch(text) if len(text) <= 2 * _MOST_DIGITS else None
    if match is None:
        raise InvalidInput(
            f"{param} is {_shown(text)}: expected an amount of {asset.symbol} such as 12.5",
            param=param,
        )
    whole, decimals = match[1], match[2] or ""
    if len(decimals) > asset.decimals:
        raise InvalidInput(
            f"{param} is {_shown(text)}: {asset.symbol} has {asset.decimals} decimals, "
            f"not {len(decimals)}",
            param=param,
        )
    digits = (whole + decimals.ljust(asset.decimals, "0")).lstrip("0") or "0"
    if len(digits) > _MOST_DIGITS:
        raise InvalidInput(
            f"{param} is {_shown(text)}: more than {_MOST_DIGITS} digits of base units", param=param
        )
    return AmountRaw(int(digits))


def format_amount(amount: int, asset: Asset) -> str:
    """`amount` in whole units of `asset`, exact, for display only: `12.5 BASIS`."""
    sign = "-" if amount < 0 else ""
    digits = str(abs(amount)).zfill(asset.decimals + 1)
    point = len(digits) - asset.decimals
    decimal = f"{digits[:point]}.{digits[point:]}".rstrip("0").removesuffix(".")
    return f"{sign}{decimal} {asset.symbol}"


def _parse_by(spelling: re.Pattern[str], text: str, *, param: str, expected: str) -> AmountRaw:
    if not spelling.fullmatch(text):
        raise InvalidInput(
            f"{param} is {_shown(text)}: expected {expected} as at most 78 decimal digits",
            param=param,
        )
    return AmountRaw(int(text))


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:97] + "...")
