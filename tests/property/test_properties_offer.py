"""Offers: whoever may serve a job asks no more for it; rails are what they say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from basis.rules.offer_checks import (
    RAILS,
    ModelBounds,
    asks_no_more,
    compute_ask_bounds,
    compute_most,
)
from basis.rules.pricing import PriceTerms, apply_offer, compute_charge
from basis.rules.units import Bps

PRICES = st.integers(0, 10**12)
PAIRS = st.tuples(PRICES, PRICES)
TOKENS = st.integers(0, 2**24)

TERMS = PriceTerms(
    epoch="e",
    epoch_hash="0" * 64,
    model_id="m",
    multiplier_bps=Bps(10_000),
    prompt_price=0,
    output_price=0,
    basis_raw_per_microcredit=10**11,
    protocol_fee_bps=Bps(1_000),
    is_empty_answer_free=True,
)


def cost(prices: tuple[int, int], prompt_tokens: int, output_tokens: int) -> int:
    """What a job is charged at these prices, in micro-credits."""
    terms = apply_offer(TERMS, offer_hash="1", prompt_price=prices[0], output_price=prices[1])
    charge = compute_charge(terms, prompt_tokens=prompt_tokens, output_tokens=output_tokens)
    return charge.microcredits


@given(PAIRS, PAIRS, TOKENS, TOKENS, st.data())
def test_asks_no_more__true__holds_for_the_charge_of_every_length(
    ask: tuple[int, int],
    locked: tuple[int, int],
    prompt_tokens: int,
    max_tokens: int,
    data: st.DataObject,
) -> None:
    output_tokens = data.draw(st.integers(0, max_tokens))
    if asks_no_more(ask, locked, prompt_tokens=prompt_tokens, max_tokens=max_tokens):
        assert cost(ask, prompt_tokens, output_tokens) <= cost(locked, prompt_tokens, output_tokens)


@given(PAIRS, PAIRS, TOKENS, TOKENS)
def test_asks_no_more__false__some_length_costs_more(
    ask: tuple[int, int], locked: tuple[int, int], prompt_tokens: int, max_tokens: int
) -> None:
    if not asks_no_more(ask, locked, prompt_tokens=prompt_tokens, max_tokens=max_tokens):
        assert any(
            compute_most(ask, prompt_tokens=prompt_tokens, max_tokens=length)
            > compute_most(locked, prompt_tokens=prompt_tokens, max_tokens=length)
            for length in (0, max_tokens)
        )


@given(PAIRS, TOKENS, TOKENS)
def test_asks_no_more__the_same_prices__is_always_so(
    prices: tuple[int, int], prompt_tokens: int, max_tokens: int
) -> None:
    assert asks_no_more(prices, prices, prompt_tokens=prompt_tokens, max_tokens=max_tokens)


@given(PRICES, st.integers(0, 10**6), st.integers(0, 9_999), PRICES)
def test_rails__any_list_price__hold_it_and_name_what_an_ask_breaks(
    list_price: int, worker_floor: int, fee_bps: int, ask: int
) -> None:
    bounds = compute_ask_bounds(
        RAILS[-1],
        list_price=list_price,
        worker_floor_price=worker_floor,
        protocol_fee_bps=Bps(fee_bps),
    )

    is_above_floor = list_price == 0 or ask * (10_000 - fee_bps) >= worker_floor * 10_000
    is_within = 4 * ask >= list_price and ask <= 2 * list_price
    assert (bounds.rail_of(ask) == "") == (is_above_floor and is_within)
    assert ModelBounds(prompt=bounds, output=bounds).has(prompt_price=ask, output_price=ask) == (
        bounds.rail_of(ask) == ""
    )
