"""EVM reward addresses, by vectors/wallet.json."""

from __future__ import annotations

import pytest
from rule_vectors import Case, vector_cases

from basis.rules.errors import InvalidInput, InvalidWallet
from basis.rules.wallet import parse_wallet


@pytest.mark.parametrize("case", vector_cases("wallet", refused=False))
def test_parse_wallet__vector__gives_eip55_form(case: Case) -> None:
    assert parse_wallet(case["text"]) == case["wallet"]


@pytest.mark.parametrize("case", vector_cases("wallet", refused=False))
def test_parse_wallet__its_own_answer__stays_as_it_is(case: Case) -> None:
    assert parse_wallet(parse_wallet(case["text"])) == case["wallet"]


@pytest.mark.parametrize("case", vector_cases("wallet", refused=True))
def test_parse_wallet__no_address__raises_and_names_the_parameter(case: Case) -> None:
    with pytest.raises(InvalidWallet) as caught:
        parse_wallet(case["text"], param="user_wallet")
    assert caught.value.code == case["refused"]
    assert caught.value.param == "user_wallet"
    assert "user_wallet" in caught.value.message


def test_parse_wallet__no_parameter_named__names_that_of_the_registration() -> None:
    with pytest.raises(InvalidWallet) as caught:
        parse_wallet("nothing")
    assert caught.value.param == "worker_wallet"


def test_parse_wallet__megabytes__raises_a_short_message() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_wallet("0x" + "a" * 1_000_000)
    assert len(caught.value.message) < 300
