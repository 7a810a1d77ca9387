"""Epochs in their published form, terms and charges, by vectors/pricing.json."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from rule_vectors import Case, load_vectors, vector_cases

from basis.rules.catalog import ModelKind
from basis.rules.epoch_form import compute_epoch_hash, epoch_json, parse_epoch
from basis.rules.epochs import EPOCHS, MAX_PRICE, PricingEpoch
from basis.rules.errors import InvalidInput
from basis.rules.pricing import (
    PriceTerms,
    apply_offer,
    compute_charge,
    compute_image_charge,
    compute_job_charge,
    compute_list_terms,
    compute_terms_hash,
    terms_json,
)
from basis.rules.units import Bps


def _epoch(name: str) -> PricingEpoch:
    return parse_epoch(json.dumps(load_vectors("pricing")["epochs"][name]))


def _terms(case: Case) -> PriceTerms:
    return compute_list_terms(
        _epoch(case["epoch"]),
        model_id=case["modelId"],
        catalog_multiplier_bps=Bps(case["catalogMultiplierBps"]),
    )


@pytest.mark.parametrize("name", load_vectors("pricing")["epochs"])
def test_epoch__published_form__is_read_and_written_alike(name: str) -> None:
    assert epoch_json(_epoch(name)) == load_vectors("pricing")["epochs"][name]


def test_epoch__that_ships__is_that_of_the_vectors() -> None:
    assert _epoch("shipped") == EPOCHS[-1]
    assert EPOCHS[-1].is_placeholder
    assert EPOCHS[-1].protocol_fee_bps == 1_000


@pytest.mark.parametrize(
    "case", vector_cases("pricing", function="compute_list_terms", refused=False)
)
def test_list_terms__vector__round_up_once(case: Case) -> None:
    terms = _terms(case)

    assert terms_json(terms) == case["terms"]
    assert compute_terms_hash(terms) == case["termsHash"]
    assert terms.epoch_hash == compute_epoch_hash(_epoch(case["epoch"]))


@pytest.mark.parametrize(
    "case", vector_cases("pricing", function="compute_job_charge", refused=False)
)
def test_job_charge__vector__is_whole_microcredits_and_their_worth(case: Case) -> None:
    charge = compute_job_charge(
        _terms(case),
        kind=ModelKind(case["kind"]),
        prompt_tokens=case["promptTokens"],
        output_tokens=case["outputTokens"],
    )

    assert charge.microcredits == int(case["microcredits"])
    assert charge.charge_raw == int(case["chargeRaw"])


@pytest.mark.parametrize(
    "case", vector_cases("pricing", function="compute_job_charge", refused=True)
)
def test_job_charge__negative__raises(case: Case) -> None:
    with pytest.raises(ValueError, match="negative"):
        compute_charge(
            _terms(case), prompt_tokens=case["promptTokens"], output_tokens=case["outputTokens"]
        )


@pytest.mark.parametrize(
    "case", vector_cases("pricing", function="compute_image_charge", refused=False)
)
def test_image_charge__vector__goes_by_pixels_steps_and_category(case: Case) -> None:
    microcredits = compute_image_charge(
        _epoch(case["epoch"]),
        category=case["category"],
        width=case["width"],
        height=case["height"],
        steps=case["steps"],
    )

    assert microcredits == int(case["microcredits"])


@pytest.mark.parametrize(
    "case", vector_cases("pricing", function="compute_image_charge", refused=True)
)
def test_image_charge__unknown_category__raises(case: Case) -> None:
    with pytest.raises(InvalidInput, match=r"flux-1-dev-nf4, sd-1\.5, sdxl, sdxl-lora") as caught:
        compute_image_charge(
            _epoch(case["epoch"]), category=case["category"], width=1, height=1, steps=1
        )
    assert caught.value.param == "category"


@pytest.mark.parametrize("size", [(0, 1, 1), (1, -1, 1), (1, 1, 0)])
def test_image_charge__no_pixels_or_steps__raises(size: tuple[int, int, int]) -> None:
    width, height, steps = size
    with pytest.raises(ValueError, match="no image"):
        compute_image_charge(EPOCHS[-1], category="sdxl", width=width, height=height, steps=steps)


def test_list_terms__price_out_of_range__raises() -> None:
    epoch = replace(EPOCHS[-1], output_price=MAX_PRICE)

    compute_list_terms(epoch, model_id="m", catalog_multiplier_bps=Bps(10_000))
    with pytest.raises(InvalidInput, match="at most"):
        compute_list_terms(epoch, model_id="m", catalog_multiplier_bps=Bps(10_001))


def test_offer__applied__changes_the_prices_and_the_hash_alone() -> None:
    terms = compute_list_terms(EPOCHS[-1], model_id="m", catalog_multiplier_bps=Bps(10_000))

    offered = apply_offer(terms, offer_hash="ab", prompt_price=3, output_price=5)

    assert (offered.prompt_price, offered.output_price, offered.offer_hash) == (3, 5, "ab")
    assert replace(offered, offer_hash="", prompt_price=150_000_000, output_price=600_000_000) == (
        terms
    )
    assert compute_terms_hash(offered) != compute_terms_hash(terms)


@pytest.mark.parametrize("asks", [(-1, 0), (0, -1), (MAX_PRICE + 1, 0), (0, MAX_PRICE + 1)])
def test_offer__price_out_of_range__raises(asks: tuple[int, int]) -> None:
    terms = compute_list_terms(EPOCHS[-1], model_id="m", catalog_multiplier_bps=Bps(10_000))

    with pytest.raises(ValueError, match="out of range"):
        apply_offer(terms, offer_hash="ab", prompt_price=asks[0], output_price=asks[1])
