"""Rounding, splitting and the text of amounts, by vectors/units.json."""

from __future__ import annotations

import decimal

import pytest
from rule_vectors import Case, vector_cases

from basis.rules.errors import InvalidInput, UnknownAsset
from basis.rules.units import (
    ASSETS,
    BASIS,
    CREDIT,
    Asset,
    asset_of_symbol,
    format_amount,
    mul_div_ceil,
    mul_div_floor,
    parse_amount,
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


@pytest.mark.parametrize("case", vector_cases("units", function="parse_amount", refused=False))
def test_parse_amount__vector__gives_base_units(case: Case) -> None:
    asset = Asset(symbol=case["symbol"], decimals=case["decimals"])
    assert parse_amount(case["text"], asset, param="amount") == int(case["value"])


@pytest.mark.parametrize("case", vector_cases("units", function="parse_amount", refused=True))
def test_parse_amount__anything_else__raises_and_names_the_parameter(case: Case) -> None:
    asset = Asset(symbol=case["symbol"], decimals=case["decimals"])
    with pytest.raises(InvalidInput) as caught:
        parse_amount(case["text"], asset, param="top_up")
    assert caught.value.code == case["refused"]
    assert caught.value.param == "top_up"
    assert "top_up" in caught.value.message


@pytest.mark.parametrize("text", ["", "1e3", "-1"])
def test_parse_amount__anything_else__shows_what_was_given(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_amount(text, CREDIT, param="amount")
    assert caught.value.message.startswith(f"amount is {text!r}: expected an amount of CREDIT")


def test_parse_amount__too_many_decimals__says_how_many_there_are() -> None:
    with pytest.raises(InvalidInput, match="CREDIT has 6 decimals, not 7"):
        parse_amount("1.1234567", CREDIT, param="amount")


@pytest.mark.parametrize("text", ["9" * 100_000, "0." + "0" * 100_000, "0" * 5_000])
def test_parse_amount__thousands_of_digits__raises_a_short_message(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_amount(text, BASIS, param="amount")
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("asset", ASSETS, ids=lambda asset: asset.symbol)
def test_asset_of_symbol__each_asset__is_found(asset: Asset) -> None:
    assert asset_of_symbol(asset.symbol) == asset


def test_assets__decimals__are_those_of_the_design() -> None:
    assert {asset.symbol: asset.decimals for asset in ASSETS} == {
        "BASIS": 18,
        "CREDIT": 6,
        "LLAMA": 6,
        "WAIFU": 6,
        "USDC": 6,
        "BTC": 8,
        "ETH": 18,
        "SOL": 9,
        "PAXG": 18,
    }


@pytest.mark.parametrize("symbol", ["", "basis", "DOGE", "BASIS ", "X" * 10_000])
def test_asset_of_symbol__unknown__raises_and_lists_those_known(symbol: str) -> None:
    with pytest.raises(UnknownAsset, match="known are BASIS, CREDIT") as caught:
        asset_of_symbol(symbol)
    assert caught.value.param == "asset"
    assert len(caught.value.message) < 300
