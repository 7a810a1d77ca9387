"""Whether a price that was locked is one that an owner's signed offer asked at that time.

The time of the lock stands on the receipt, so that anybody can ask this later. It is the clock by
which the offer must hold: a price is locked only from when the offer was accepted and has begun,
and before it ends. What is locked may then be used for as long as a quote lives, whatever becomes
of the offer. Whether a newer offer had taken its place is not asked here: no other offer says so.
Source: mission N18; docs/decisions/0013-market.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from basis.rules.dates import minute_of
from basis.rules.offer import Offer
from basis.rules.offer_checks import ModelBounds, PriceRails, compute_ask_bounds
from basis.rules.pricing import PriceTerms

_SECOND = slice(17, 19)
"""Where an instant of ISO 8601 has its seconds."""
_UNIX_MINUTE = 719_162 * 1_440
"""The minute that begins 1970, counted from year 1."""


def is_in_time(offer: Offer, *, accepted_at: str, at: str) -> bool:
    """Whether a price of the offer could be locked at the instant `at`."""
    second = (minute_of(at) - _UNIX_MINUTE) * 60 + int(at[_SECOND])
    return accepted_at <= at and offer.not_before <= second < offer.expires_at


def find_price_flaw(
    offer: Offer,
    terms: PriceTerms,
    *,
    listed: PriceTerms,
    worker_floor_price: int,
    rails: Iterable[PriceRails],
) -> str:
    """Why the prices of `terms` cannot have come from the offer; "" if they can.

    `listed` are the terms of the same model without an offer, `rails` every set of bounds that may
    have been in force: nobody knows when a network was upgraded.
    """
    ask = next((one for one in offer.models if one.model == terms.model_id), None)
    if ask is None:
        return f"its offer {terms.offer_hash} asks nothing for {terms.model_id}"
    prices = ask.prompt_price, ask.output_price
    if (terms.prompt_price, terms.output_price) != prices:
        return (
            f"its prices are {terms.prompt_price} and {terms.output_price}, "
            f"but its offer asks {prices[0]} and {prices[1]}"
        )
    for one in rails:
        bounds = _bounds_of(one, listed, worker_floor_price=worker_floor_price)
        if bounds.has(prompt_price=ask.prompt_price, output_price=ask.output_price):
            return ""
    return f"its prices {prices[0]} and {prices[1]} are outside the rails of {terms.model_id}"


def later_rails(rails: Sequence[PriceRails], *, first: str) -> list[PriceRails]:
    """The sets that came with the version `first` or after it; none if it is not among them."""
    begun = next((one.effective_from for one in rails if one.version == first), None)
    return [one for one in rails if begun is not None and one.effective_from >= begun]


def _bounds_of(rails: PriceRails, listed: PriceTerms, *, worker_floor_price: int) -> ModelBounds:
    prompt, output = (
        compute_ask_bounds(
            rails,
            list_price=price,
            worker_floor_price=worker_floor_price,
            protocol_fee_bps=listed.protocol_fee_bps,
        )
        for price in (listed.prompt_price, listed.output_price)
    )
    return ModelBounds(prompt=prompt, output=output)
