"""Owners' offers, by the vectors: what is signed, by whom, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rule_vectors import Case, load_vectors, vector_cases

from basis.rules import errors
from basis.rules.ecdsa import recover_wallet
from basis.rules.errors import BasisError, InvalidInput
from basis.rules.job import WorkerId
from basis.rules.offer import (
    ModelAsk,
    Offer,
    Signed,
    Withdrawal,
    compute_offer_hash,
    compute_signed_digest,
    signed_json,
    typed_data,
)
from basis.rules.offer_checks import (
    RAILS,
    AskBounds,
    ModelBounds,
    compute_ask_bounds,
    validate_form,
    validate_nonce,
    validate_owner,
    validate_prices,
    validate_time,
)
from basis.rules.offer_errors import PriceOutsideRails, StaleNonce, WrongSigner
from basis.rules.typed_data import BASIS_DOMAIN, encode_uint
from basis.rules.units import Bps
from basis.rules.wallet import Wallet

RAILS_BY_VERSION = {rails.version: rails for rails in RAILS}


def read_signed(message: dict[str, Any]) -> Signed:
    """The offer or withdrawal that a message of the vectors spells."""
    common = {
        "worker_id": WorkerId(message["workerId"]),
        "wallet": Wallet(message["wallet"]),
        "nonce": message["nonce"],
    }
    if "models" not in message:
        return Withdrawal(**common)
    return Offer(
        **common,
        models=tuple(
            ModelAsk(
                model=row["model"], prompt_price=row["promptPrice"], output_price=row["outputPrice"]
            )
            for row in message["models"]
        ),
        capacity=message["capacity"],
        not_before=message["notBefore"],
        expires_at=message["expiresAt"],
    )


def judge(case: Case) -> None:
    """Runs the check that the case is about."""
    signed = read_signed(case["message"])
    match case["function"]:
        case "recover_wallet":
            recover_wallet(compute_signed_digest(signed), case["signature"])
        case "validate_form":
            validate_form(signed)
        case "validate_owner":
            signer = recover_wallet(compute_signed_digest(signed), case["signature"])
            validate_owner(signed, signer=signer, owner=Wallet(case["owner"]))
        case "validate_nonce":
            validate_nonce(signed, last_nonce=case["lastNonce"])
        case "validate_time":
            assert isinstance(signed, Offer)
            validate_time(signed, now_s=case["nowS"])
        case "validate_prices":
            assert isinstance(signed, Offer)
            validate_prices(signed, bounds=_bounds(case))
        case other:
            raise LookupError(other)


def _bounds(case: Case) -> dict[str, ModelBounds]:
    def bounds(price: int) -> AskBounds:
        return compute_ask_bounds(
            RAILS_BY_VERSION[case["rails"]],
            list_price=price,
            worker_floor_price=case["workerFloorPrice"],
            protocol_fee_bps=Bps(case["protocolFeeBps"]),
        )

    return {
        model: ModelBounds(prompt=bounds(row["promptPrice"]), output=bounds(row["outputPrice"]))
        for model, row in case["listPrices"].items()
    }


@pytest.mark.parametrize(
    "case", vector_cases("offer", function="compute_offer_hash", refused=False)
)
def test_offer_hash__vector__and_its_signer_come_out(case: Case) -> None:
    signed = read_signed(case["message"])

    assert compute_offer_hash(signed) == case["offerHash"]
    assert recover_wallet(compute_signed_digest(signed), case["signature"]) == case["signer"]
    assert signed_json(signed) == case["message"]


@pytest.mark.parametrize(
    "case", vector_cases("offer", function="compute_ask_bounds", refused=False)
)
def test_ask_bounds__vector__come_out(case: Case) -> None:
    bounds = compute_ask_bounds(
        RAILS_BY_VERSION[case["rails"]],
        list_price=case["listPrice"],
        worker_floor_price=case["workerFloorPrice"],
        protocol_fee_bps=Bps(case["protocolFeeBps"]),
    )

    assert bounds == AskBounds(floor=case["floor"], lowest=case["lowest"], highest=case["highest"])


@pytest.mark.parametrize("case", vector_cases("offer", refused=True))
def test_offer__vector_of_a_refusal__is_refused_by_name(case: Case) -> None:
    with pytest.raises(BasisError) as caught:
        judge(case)

    error = caught.value
    assert error.code == case["refused"]
    if isinstance(error, InvalidInput):
        assert error.param == case["param"]
    if isinstance(error, PriceOutsideRails):
        assert error.rail == case["rail"]
        assert case["rail"] in error.message


@pytest.mark.parametrize(
    "function",
    ["validate_form", "validate_owner", "validate_nonce", "validate_time", "validate_prices"],
)
def test_offer__vectors_of_good_ones__pass(function: str) -> None:
    cases = [case.values[0] for case in vector_cases("offer", function=function, refused=False)]

    assert [judge(case) for case in cases] == [None] * len(cases)


def test_rails__vectors__hold_every_published_set() -> None:
    published = {
        rails.version: {
            "effectiveFrom": rails.effective_from,
            "lowestBps": rails.lowest_bps,
            "highestBps": rails.highest_bps,
        }
        for rails in RAILS
    }

    assert published == load_vectors("offer")["rails"]
    assert [rails.effective_from for rails in RAILS] == sorted(
        rails.effective_from for rails in RAILS
    )


@pytest.mark.parametrize(
    "case", vector_cases("offer", function="compute_offer_hash", refused=False)
)
def test_typed_data__by_the_library_of_wallets__is_the_same_digest_and_signer(case: Case) -> None:
    from eth_account.messages import encode_typed_data
    from eth_keys import keys
    from eth_utils.crypto import keccak

    document = typed_data(read_signed(case["message"]))
    encoded = encode_typed_data(full_message=document)
    digest = keccak(b"\x19" + encoded.version + encoded.header + encoded.body)
    raw = bytes.fromhex(case["signature"][2:])
    signature = keys.Signature(raw[:64] + bytes([raw[64] - 27]))

    assert digest.hex() == case["offerHash"]
    assert document["domain"] == load_vectors("offer")["domain"]
    assert document["primaryType"] in document["types"]
    key = signature.recover_public_key_from_msg_hash(digest)
    assert key.to_checksum_address() == case["signer"]


def test_domain__chain__is_the_one_where_rewards_are_paid() -> None:
    assert (BASIS_DOMAIN.name, BASIS_DOMAIN.version, BASIS_DOMAIN.chain_id) == ("Basis", "1", 8453)


@pytest.mark.parametrize("value", [-1, 1 << 256])
def test_encode_uint__beyond_a_word__is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="uint256"):
        encode_uint(value)


def test_validate_form__wallet_in_another_spelling__is_refused() -> None:
    offer = read_signed(load_vectors("offer")["cases"][0]["message"])

    with pytest.raises(InvalidInput) as caught:
        validate_form(replace(offer, wallet=Wallet(offer.wallet.lower())))

    assert caught.value.param == "wallet"


def test_offer_errors__codes__are_nobody_elses() -> None:
    own = {PriceOutsideRails, StaleNonce, WrongSigner}
    others = {
        one.code
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, BasisError)
    }

    assert len({one.code for one in own} - others) == len(own)
