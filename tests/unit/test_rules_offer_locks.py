"""Prices that an offer asked: what it asks, within which rails, and at which moments."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.offers import Owner

from basis.rules.epochs import EPOCH_2026_11_23
from basis.rules.offer import ModelAsk, Offer
from basis.rules.offer_checks import RAILS_2026_11_23, PriceRails
from basis.rules.offer_locks import find_price_flaw, is_in_time, later_rails
from basis.rules.pricing import PriceTerms, apply_offer, compute_list_terms
from basis.rules.units import Bps

NOON = "2026-11-21T12:00:00.000Z"
NOON_S = 1_795_262_400
ACCEPTED = "2026-11-21T11:00:00.000Z"
LISTED = compute_list_terms(
    EPOCH_2026_11_23, model_id="basis-tiny", catalog_multiplier_bps=Bps(1_000)
)
WIDER = PriceRails(
    version="later",
    effective_from="2027-01-01",
    lowest_bps=Bps(0),
    highest_bps=Bps(100_000),
)


def make_offer(prompt_price: int = 15_000_000, output_price: int = 60_000_000) -> Offer:
    """An offer for basis-tiny from a minute before noon to an hour after."""
    return Owner(1).offer(prompt_price, output_price, now_s=NOON_S)


def terms_of(offer: Offer) -> PriceTerms:
    """The terms of a job at its first ask."""
    ask = offer.models[0]
    return apply_offer(
        LISTED,
        offer_hash="0" * 64,
        prompt_price=ask.prompt_price,
        output_price=ask.output_price,
    )


def find_flaw(offer: Offer, terms: PriceTerms | None = None, *, floor: int = 0) -> str:
    """What is wrong with the terms, by the rails of today."""
    return find_price_flaw(
        offer,
        terms_of(offer) if terms is None else terms,
        listed=LISTED,
        worker_floor_price=floor,
        rails=[RAILS_2026_11_23],
    )


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        ("2026-11-21T11:58:59.999Z", False),
        ("2026-11-21T11:59:00.000Z", True),
        ("2026-11-21T11:59:01.000Z", True),
        (NOON, True),
        ("2026-11-21T12:59:59.999Z", True),
        ("2026-11-21T13:00:00.000Z", False),
        ("2027-11-21T12:00:00.000Z", False),
    ],
)
def test_is_in_time__around_beginning_and_end__is_exact(at: str, holds: bool) -> None:
    assert is_in_time(make_offer(), accepted_at=ACCEPTED, at=at) is holds


@pytest.mark.parametrize(("at", "holds"), [("2026-11-21T12:00:00.001Z", True), (NOON, False)])
def test_is_in_time__before_it_was_accepted__does_not_hold(at: str, holds: bool) -> None:
    accepted_at = "2026-11-21T12:00:00.001Z"

    assert is_in_time(make_offer(), accepted_at=accepted_at, at=at) is holds


@pytest.mark.parametrize(
    ("prices", "is_allowed"),
    [
        ((15_000_000, 60_000_000), True),
        ((3_750_000, 15_000_000), True),
        ((3_749_999, 15_000_000), False),
        ((3_750_000, 14_999_999), False),
        ((30_000_000, 120_000_000), True),
        ((30_000_001, 120_000_000), False),
        ((30_000_000, 120_000_001), False),
    ],
)
def test_find_price_flaw__at_the_rails__is_exact(prices: tuple[int, int], is_allowed: bool) -> None:
    flaw = find_flaw(make_offer(*prices))

    assert (flaw == "") is is_allowed
    words = f"its prices {prices[0]} and {prices[1]} are outside the rails of basis-tiny"
    assert is_allowed or flaw == words


@pytest.mark.parametrize(("floor", "is_allowed"), [(13_500_000, True), (13_500_001, False)])
def test_find_price_flaw__worker_floor__holds_after_the_fee(floor: int, is_allowed: bool) -> None:
    assert (find_flaw(make_offer(), floor=floor) == "") is is_allowed


def test_find_price_flaw__another_price_or_model__is_named() -> None:
    offer = make_offer()
    dearer = replace(terms_of(offer), output_price=60_000_001)
    other = (ModelAsk(model="basis-large", prompt_price=1, output_price=1),)

    assert "60000001, but its offer asks 15000000 and 60000000" in find_flaw(offer, dearer)
    assert "asks nothing for basis-tiny" in find_flaw(replace(offer, models=other), terms_of(offer))


def test_find_price_flaw__any_of_several_rails__is_enough() -> None:
    offer = make_offer(1, 1)

    flaw = find_price_flaw(
        offer,
        terms_of(offer),
        listed=LISTED,
        worker_floor_price=0,
        rails=[RAILS_2026_11_23, WIDER],
    )

    assert flaw == ""


def test_later_rails__of_a_version__are_it_and_those_after() -> None:
    rails = (RAILS_2026_11_23, WIDER)

    assert later_rails(rails, first="2026-11-23") == list(rails)
    assert later_rails(rails, first="later") == [WIDER]
    assert later_rails(rails, first="unknown") == []
