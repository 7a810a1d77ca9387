"""Charges: never below the exact price, never by a unit above it, and growing with the work."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from rule_strategies import rates, token_counts

from basis.rules.postpaid_pricing import PostpaidEpoch, compute_postpaid_charge
from basis.rules.units import Bps, TokenCount

prices = st.integers(min_value=0, max_value=10**12)
multipliers = st.integers(min_value=0, max_value=1_000_000).map(Bps)
steps = st.integers(min_value=0, max_value=1_000)

epochs = st.builds(
    PostpaidEpoch,
    version=st.just("of the test"),
    effective_from=st.just("2026-11-21"),
    is_placeholder=st.just(True),
    prompt_price=prices,
    output_price=prices,
    basis_raw_per_microcredit=st.integers(min_value=0, max_value=10**15),
    protocol_fee_bps=rates,
    is_empty_answer_free=st.booleans(),
)


@given(epochs, token_counts, token_counts, multipliers)
def test_postpaid_charge__any__is_the_exact_price_rounded_up(
    epoch: PostpaidEpoch, prompt: TokenCount, output: TokenCount, multiplier: Bps
) -> None:
    charge = compute_postpaid_charge(
        epoch, prompt_tokens=prompt, output_tokens=output, multiplier_bps=multiplier
    )
    microcredits = Fraction(prompt, 10**6) * epoch.prompt_price
    microcredits += Fraction(output, 10**6) * epoch.output_price
    exact = microcredits * Fraction(multiplier, 10_000) * epoch.basis_raw_per_microcredit
    assert 0 <= charge - exact < 1


@given(epochs, token_counts, token_counts, multipliers, steps, steps, steps)
def test_postpaid_charge__more_tokens_or_a_larger_multiplier__is_never_less(
    epoch: PostpaidEpoch,
    prompt: TokenCount,
    output: TokenCount,
    multiplier: Bps,
    more_prompt: int,
    more_output: int,
    more_multiplier: int,
) -> None:
    less = compute_postpaid_charge(
        epoch, prompt_tokens=prompt, output_tokens=output, multiplier_bps=multiplier
    )
    more = compute_postpaid_charge(
        epoch,
        prompt_tokens=TokenCount(prompt + more_prompt),
        output_tokens=TokenCount(output + more_output),
        multiplier_bps=Bps(multiplier + more_multiplier),
    )
    assert more >= less


@given(epochs, token_counts, token_counts, multipliers)
def test_postpaid_charge__one_job_cut_into_two__saves_the_customer_nothing(
    epoch: PostpaidEpoch, prompt: TokenCount, output: TokenCount, multiplier: Bps
) -> None:
    whole = compute_postpaid_charge(
        epoch, prompt_tokens=prompt, output_tokens=output, multiplier_bps=multiplier
    )
    read = compute_postpaid_charge(
        epoch, prompt_tokens=prompt, output_tokens=TokenCount(0), multiplier_bps=multiplier
    )
    written = compute_postpaid_charge(
        epoch, prompt_tokens=TokenCount(0), output_tokens=output, multiplier_bps=multiplier
    )
    assert whole <= read + written <= whole + 1
