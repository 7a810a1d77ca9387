"""Rounding, splitting and the text of amounts, by vectors/units.json."""

from __future__ import annotations

import decimal

import pytest
from rule_vectors import Case, vector_cases

from basis.rules.errors import InvalidInput
from basis.rules.units import (
    BASIS,
    Asset,
    format_amount,
    mul_div_ceil,
    mul_div_floor,
    parse_raw,
    split_floor,
)


def _operands(case: Case) -> tuple[int, int, int]:
    return int(case["value"]), int(case["numerator"]), int(case["denominator"])


@pytest.mark.parametrize("case", vector_cases("units", function="mul_div", refused=False))
def test_mul_div__vector__rounds_both_ways(case: Case) -> None:
    assert mul_div_floor(*_operands(case)) == int(case["floor"])
    assert mul_div_ceil(*_operands(case)) == int(case["ceil"])


@pytest.mark.parametrize("case", vector_cases("units", function="mul_div", refused=True))
def test_mul_div__out_of_range__raises(case: Case) -> None:
    with pytest.raises(ValueError, match="out of range"):
        mul_div_floor(*_operands(case))
    with pytest.raises(ValueError, match="out of range"):
        mul_div_ceil(*_operands(case))


@pytest.mark.parametrize("case", vector_cases("units", function="split_floor", refused=False))
def test_split_floor__vector__gives_shares_and_dust(case: Case) -> None:
    shares, dust = split_floor(int(case["total"]), [int(weight) for weight in case["weights"]])
    assert shares == [int(share) for share in case["shares"]]
    assert dust == int(case["dust"])


@pytest.mark.parametrize("case", vector_cases("units", function="split_floor", refused=True))
def test_split_floor__nothing_to_split_by__raises(case: Case) -> None:
    with pytest.raises(ValueError, match="cannot split"):
        split_floor(int(case["total"]), [int(weight) for weight in case["weights"]])


@pytest.mark.parametrize("case", vector_cases("units", function="parse_raw", refused=False))
def test_parse_raw__vector__gives_the_integer(case: Case) -> None:
    assert parse_raw(case["text"], param="amount") == int(case["value"])


@pytest.mark.parametrize("case", vector_cases("units", function="parse_raw", refused=True))
def test_parse_raw__anything_else__raises_and_names_the_parameter(case: Case) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_raw(case["text"], param="ask_raw")
    assert caught.value.code == case["refused"]
    assert caught.value.param == "ask_raw"
    assert "ask_raw" in caught.value.message


def test_parse_raw__thousands_of_digits__raises_a_short_message() -> None:
    # Python itself refuses to read more than 4,300 digits, with another exception.
    with pytest.raises(InvalidInput) as caught:
        parse_raw("9" * 100_000, param="amount")
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("case", vector_cases("units", function="format_amount", refused=False))
def test_format_amount__vector__is_exact(case: Case) -> None:
    asset = Asset(symbol=case["symbol"], decimals=case["decimals"])
    assert format_amount(int(case["amountRaw"]), asset) == case["text"]


def test_format_amount__decimal_context_of_the_caller__does_not_matter() -> None:
    with decimal.localcontext(decimal.Context(prec=3)):
        assert format_amount(123_456 * 10**18, BASIS) == "123456 BASIS"
