"""Terms and charges: exact, monotone, and never less than what they stand for."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from rule_strategies import token_counts

from basis.rules.epochs import PricingEpoch
from basis.rules.pricing import PriceTerms, compute_charge, compute_list_terms
from basis.rules.units import Bps, TokenCount

prices = st.integers(min_value=0, max_value=10**9)
inputs = st.integers(min_value=0, max_value=30_000).map(Bps)
epochs = st.builds(
    PricingEpoch,
    version=st.just("of-the-test"),
    is_placeholder=st.just(True),
    prompt_price=prices,
    output_price=prices,
    utilisation_bps=inputs,
    supply_bps=inputs,
    demand_bps=inputs,
    worker_floor_price=prices,
    basis_raw_per_microcredit=st.integers(min_value=0, max_value=10**15),
    protocol_fee_bps=st.integers(min_value=0, max_value=9_999).map(Bps),
)
terms = st.builds(
    compute_list_terms,
    epochs,
    model_id=st.just("m"),
    catalog_multiplier_bps=st.integers(min_value=0, max_value=100_000).map(Bps),
)


@given(epochs, st.integers(min_value=1, max_value=100_000).map(Bps))
def test_list_price__any__is_the_exact_one_rounded_up_or_the_floor(
    epoch: PricingEpoch, multiplier: Bps
) -> None:
    listed = compute_list_terms(epoch, model_id="m", catalog_multiplier_bps=multiplier)

    exact = Fraction(epoch.prompt_price * multiplier, 10_000)
    for bps in (epoch.utilisation_bps, epoch.supply_bps, epoch.demand_bps):
        exact *= Fraction(bps, 10_000)
    floor = Fraction(epoch.worker_floor_price * 10_000, 10_000 - epoch.protocol_fee_bps)
    assert 0 <= listed.prompt_price - max(exact, floor) < 1
    kept = listed.prompt_price * (10_000 - epoch.protocol_fee_bps)
    assert kept >= epoch.worker_floor_price * 10_000


@given(terms, token_counts, token_counts)
def test_charge__any__is_the_exact_price_rounded_up_and_its_worth(
    terms: PriceTerms, prompt: TokenCount, output: TokenCount
) -> None:
    charge = compute_charge(terms, prompt_tokens=prompt, output_tokens=output)

    exact = Fraction(prompt * terms.prompt_price + output * terms.output_price, 10**6)
    assert 0 <= charge.microcredits - exact < 1
    assert charge.charge_raw == charge.microcredits * terms.basis_raw_per_microcredit


@given(terms, token_counts, token_counts, token_counts, token_counts)
def test_charge__more_tokens__is_never_less_so_a_hold_covers_it(
    terms: PriceTerms,
    prompt: TokenCount,
    output: TokenCount,
    more_prompt: TokenCount,
    more_output: TokenCount,
) -> None:
    less = compute_charge(terms, prompt_tokens=prompt, output_tokens=output)
    more = compute_charge(
        terms, prompt_tokens=prompt + more_prompt, output_tokens=output + more_output
    )

    assert more.microcredits >= less.microcredits


@given(terms, token_counts, token_counts)
def test_charge__one_job_cut_into_two__saves_the_customer_nothing(
    terms: PriceTerms, prompt: TokenCount, output: TokenCount
) -> None:
    whole = compute_charge(terms, prompt_tokens=prompt, output_tokens=output).microcredits
    read = compute_charge(terms, prompt_tokens=prompt, output_tokens=0).microcredits
    written = compute_charge(terms, prompt_tokens=0, output_tokens=output).microcredits

    assert whole <= read + written <= whole + 1
