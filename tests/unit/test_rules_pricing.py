"""Charges and pricing epochs, by vectors/pricing.json."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from rule_vectors import Case, load_vectors, vector_cases

from basis.rules.catalog import ModelKind
from basis.rules.errors import InvalidInput
from basis.rules.pricing import (
    EPOCHS,
    PricingEpoch,
    compute_charge,
    epoch_of_version,
    is_free_of_charge,
)
from basis.rules.units import AmountRaw, Bps, TokenCount


def _epoch(version: str) -> PricingEpoch:
    row = load_vectors("pricing")["epochs"][version]
    return PricingEpoch(
        version=version,
        effective_from=row["effectiveFrom"],
        is_placeholder=True,
        prompt_price=int(row["promptPrice"]),
        output_price=int(row["outputPrice"]),
        basis_raw_per_microcredit=int(row["basisRawPerMicrocredit"]),
        protocol_fee_bps=Bps(row["protocolFeeBps"]),
        is_empty_answer_free=row["isEmptyAnswerFree"],
    )


def _charge(case: Case) -> AmountRaw:
    return compute_charge(
        _epoch(case["epoch"]),
        prompt_tokens=TokenCount(case["promptTokens"]),
        output_tokens=TokenCount(case["outputTokens"]),
        multiplier_bps=Bps(case["multiplierBps"]),
    )


@pytest.mark.parametrize("case", vector_cases("pricing", refused=False))
def test_compute_charge__vector__rounds_up_once(case: Case) -> None:
    assert _charge(case) == int(case["chargeRaw"])


@pytest.mark.parametrize("case", vector_cases("pricing", refused=True))
def test_compute_charge__negative__raises(case: Case) -> None:
    with pytest.raises(ValueError, match=r"negative|out of range"):
        _charge(case)


@pytest.mark.parametrize("case", load_vectors("pricing")["answers"], ids=lambda case: case["name"])
def test_is_free_of_charge__vector__only_an_empty_text_since_the_rule(case: Case) -> None:
    kind = ModelKind(case["kind"]) if case["kind"] else None
    output_tokens = TokenCount(case["outputTokens"])

    is_free = is_free_of_charge(_epoch(case["epoch"]), kind=kind, output_tokens=output_tokens)

    assert is_free is case["isFree"]


@pytest.mark.parametrize("epoch", EPOCHS, ids=lambda epoch: epoch.version)
def test_epochs__published__are_those_of_the_vectors(epoch: PricingEpoch) -> None:
    assert _epoch(epoch.version) == epoch


def test_epochs__protocol_fee__is_ten_percent() -> None:
    assert {epoch.protocol_fee_bps for epoch in EPOCHS} == {1_000}


@pytest.mark.parametrize("epoch", EPOCHS, ids=lambda epoch: epoch.version)
def test_epoch_of_version__published__gives_it(epoch: PricingEpoch) -> None:
    assert epoch_of_version(epoch.version) is epoch


def test_epoch_of_version__never_published__raises() -> None:
    with pytest.raises(InvalidInput) as caught:
        epoch_of_version("1999-12-31")
    assert caught.value.param == "pricing_version"
    assert "1999-12-31" in caught.value.message


def test_epochs__published__have_one_version_each_and_stand_oldest_first() -> None:
    versions = [epoch.version for epoch in EPOCHS]
    dates = [epoch.effective_from for epoch in EPOCHS]
    assert len(set(versions)) == len(versions)
    assert dates == sorted(dates)


def test_epoch__published__cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        EPOCHS[-1].prompt_price = 1  # type: ignore[misc]  # the refusal is the point
