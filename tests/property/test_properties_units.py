"""Rounding and splitting, for any numbers."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rule_strategies import amounts

from basis.rules.errors import InvalidInput
from basis.rules.units import (
    Asset,
    format_amount,
    mul_div_ceil,
    mul_div_floor,
    parse_amount,
    parse_raw,
    parse_signed_raw,
    split_floor,
)

denominators = st.integers(min_value=1, max_value=2**70)
weight_lists = st.lists(st.integers(min_value=0, max_value=2**70), min_size=1, max_size=20).filter(
    lambda weights: sum(weights) > 0
)


@given(amounts, amounts, denominators)
def test_mul_div__any__floor_and_ceil_enclose_the_exact_quotient(
    value: int, numerator: int, denominator: int
) -> None:
    exact = Fraction(value * numerator, denominator)
    floor = mul_div_floor(value, numerator, denominator)
    ceil = mul_div_ceil(value, numerator, denominator)
    assert floor <= exact <= ceil
    assert ceil - floor == (0 if exact.denominator == 1 else 1)


@given(amounts, weight_lists)
def test_split_floor__any__shares_and_dust_are_the_total_exactly(
    total: int, weights: list[int]
) -> None:
    shares, dust = split_floor(total, weights)
    assert sum(shares) + dust == total
    assert 0 <= dust < len(weights)


@given(amounts, weight_lists)
def test_split_floor__any__no_share_is_above_its_part_or_a_unit_below(
    total: int, weights: list[int]
) -> None:
    shares, _ = split_floor(total, weights)
    for share, weight in zip(shares, weights, strict=True):
        assert 0 <= Fraction(total * weight, sum(weights)) - share < 1


@given(amounts, weight_lists)
def test_split_floor__another_order__moves_no_unit(total: int, weights: list[int]) -> None:
    order = sorted(range(len(weights)), key=lambda index: (weights[index], index))
    shares, dust = split_floor(total, weights)
    reordered, same_dust = split_floor(total, [weights[index] for index in order])
    assert reordered == [shares[index] for index in order]
    assert same_dust == dust


@given(st.integers(min_value=0, max_value=2**256 - 1))
def test_parse_raw__decimal_text_of_any_uint256__gives_it_back(amount: int) -> None:
    assert parse_raw(str(amount), param="amount") == amount


@given(st.integers(min_value=1 - 2**256, max_value=2**256 - 1))
def test_parse_signed_raw__decimal_text_of_any_amount__gives_it_back(amount: int) -> None:
    assert parse_signed_raw(str(amount), param="amount") == amount


_near_numbers = st.text(alphabet="+-_. \n0123456789\u0660\u0661\uff11\u00b2", max_size=6)


@given(_near_numbers)
@example("")
@example("+1")
@example("-0")
@example("010")
@example(" 1")
@example("1\n")
@example("1_0")
@example("\u0661")
def test_parse_raw__any_text__reads_one_spelling_of_each_amount(text: str) -> None:
    for parse in (parse_raw, parse_signed_raw):
        try:
            amount = parse(text, param="amount")
        except InvalidInput:
            continue
        assert str(amount) == text


@pytest.mark.parametrize("text", ["", "+1", "-0", "00", "010", "-010", " 1", "1 ", "\u0661", "--1"])
def test_parse_signed_raw__another_spelling__raises(text: str) -> None:
    with pytest.raises(InvalidInput, match="the balance is"):
        parse_signed_raw(text, param="the balance")


@given(st.integers(min_value=-(2**256), max_value=2**256), st.integers(min_value=0, max_value=30))
def test_format_amount__any__is_read_back_exactly(amount: int, decimals: int) -> None:
    text = format_amount(amount, Asset(symbol="X", decimals=decimals))
    assert Fraction(text.removesuffix(" X")) * 10**decimals == amount


@given(st.integers(min_value=0, max_value=10**78 - 1), st.integers(min_value=0, max_value=30))
def test_parse_amount__formatted_amount__gives_its_base_units_back(
    amount: int, decimals: int
) -> None:
    asset = Asset(symbol="X", decimals=decimals)
    text = format_amount(amount, asset).removesuffix(" X")
    assert parse_amount(text, asset, param="amount") == amount
