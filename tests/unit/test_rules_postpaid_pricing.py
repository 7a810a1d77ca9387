"""Charges and pricing epochs, by vectors/postpaid_pricing.json."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from rule_vectors import Case, load_vectors, vector_cases

from basis.rules.catalog import ModelKind
from basis.rules.errors import InvalidInput
from basis.rules.postpaid_pricing import (
    POSTPAID_EPOCHS,
    PostpaidEpoch,
    compute_postpaid_charge,
    is_free_by_epoch,
    postpaid_epoch_of,
)
from basis.rules.units import AmountRaw, Bps, TokenCount


def _epoch(version: str) -> PostpaidEpoch:
    row = load_vectors("postpaid_pricing")["epochs"][version]
    return PostpaidEpoch(
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
    return compute_postpaid_charge(
        _epoch(case["epoch"]),
        prompt_tokens=TokenCount(case["promptTokens"]),
        output_tokens=TokenCount(case["outputTokens"]),
        multiplier_bps=Bps(case["multiplierBps"]),
    )


@pytest.mark.parametrize("case", vector_cases("postpaid_pricing", refused=False))
def test_compute_postpaid_charge__vector__rounds_up_once(case: Case) -> None:
    assert _charge(case) == int(case["chargeRaw"])


@pytest.mark.parametrize("case", vector_cases("postpaid_pricing", refused=True))
def test_compute_postpaid_charge__negative__raises(case: Case) -> None:
    with pytest.raises(ValueError, match=r"negative|out of range"):
        _charge(case)


@pytest.mark.parametrize(
    "case", load_vectors("postpaid_pricing")["answers"], ids=lambda case: case["name"]
)
def test_is_free_by_epoch__vector__only_an_empty_text_since_the_rule(case: Case) -> None:
    kind = ModelKind(case["kind"]) if case["kind"] else None
    output_tokens = TokenCount(case["outputTokens"])

    is_free = is_free_by_epoch(_epoch(case["epoch"]), kind=kind, output_tokens=output_tokens)

    assert is_free is case["isFree"]


@pytest.mark.parametrize("epoch", POSTPAID_EPOCHS, ids=lambda epoch: epoch.version)
def test_postpaid_epochs__published__are_those_of_the_vectors(epoch: PostpaidEpoch) -> None:
    assert _epoch(epoch.version) == epoch


def test_postpaid_epochs__protocol_fee__is_ten_percent() -> None:
    assert {epoch.protocol_fee_bps for epoch in POSTPAID_EPOCHS} == {1_000}


@pytest.mark.parametrize("epoch", POSTPAID_EPOCHS, ids=lambda epoch: epoch.version)
def test_postpaid_epoch_of__published__gives_it(epoch: PostpaidEpoch) -> None:
    assert postpaid_epoch_of(epoch.version) is epoch


def test_postpaid_epoch_of__never_published__raises() -> None:
    with pytest.raises(InvalidInput) as caught:
        postpaid_epoch_of("1999-12-31")
    assert caught.value.param == "pricing_version"
    assert "1999-12-31" in caught.value.message


def test_postpaid_epochs__published__have_one_version_each_and_stand_oldest_first() -> None:
    versions = [epoch.version for epoch in POSTPAID_EPOCHS]
    dates = [epoch.effective_from for epoch in POSTPAID_EPOCHS]
    assert len(set(versions)) == len(versions)
    assert dates == sorted(dates)


def test_postpaid_epoch__published__cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        POSTPAID_EPOCHS[-1].prompt_price = 1  # type: ignore[misc]  # the refusal is the point
