"""What a job costs: terms fixed when it is accepted, one division rounded up when it is done.

    list price x multiplier x utilisation x supply x demand, rounded up, at least the worker floor
        -> the terms: micro-credits per million prompt and output tokens
    (prompt x its price + output x its price) / 10^6, rounded up -> the charge in micro-credits
    x the epoch's rate -> the same charge in base units of BASIS, exactly

The terms have a hash, and every receipt names it. Source: mission N13, N14; decision 0011.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from basis.rules.canonical import canonical_json, sha256_hex
from basis.rules.catalog import ModelKind
from basis.rules.epoch_form import compute_epoch_hash
from basis.rules.epochs import MAX_PRICE, PricingEpoch
from basis.rules.errors import InvalidInput
from basis.rules.units import AmountRaw, Bps, mul_div_ceil

QUOTE_LIFE_S = 300
"""How long the terms of a quote are kept, so that no job's are older. Ours to choose."""
_TOKENS_PER_PRICE = 1_000_000
"""Prices are per million tokens."""
_WHOLE_TO_THE_FOURTH = 10_000**4
_IMAGE_UNITS = 1_048_576 * 20
"""Pixels times sampling steps of one image price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTerms:
    """By what one job is charged, whatever happens to prices afterwards."""

    epoch: str
    epoch_hash: str
    model_id: str
    multiplier_bps: Bps
    """Of the model; it is in the prices already."""
    prompt_price: int
    """Micro-credits per million prompt tokens."""
    output_price: int
    """Micro-credits per million output tokens."""
    basis_raw_per_microcredit: int
    protocol_fee_bps: Bps
    is_empty_answer_free: bool
    offer_hash: str = ""
    """The worker's offer whose asks the prices are; "" for list prices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One charge in both assets: `charge_raw` is `microcredits` times the rate of the terms."""

    microcredits: int
    charge_raw: AmountRaw


NO_CHARGE = Charge(microcredits=0, charge_raw=AmountRaw(0))


def compute_list_terms(
    epoch: PricingEpoch, *, model_id: str, catalog_multiplier_bps: Bps
) -> PriceTerms:
    """The terms on which `epoch` offers the model, where no worker's offer changes them.

    Raises:
        InvalidInput: a price comes out larger than `MAX_PRICE`.
    """
    own = next((row for row in epoch.model_prices if row.model == model_id), epoch)
    multiplier_bps = dict(epoch.model_multipliers).get(model_id, catalog_multiplier_bps)
    return PriceTerms(
        epoch=epoch.version,
        epoch_hash=compute_epoch_hash(epoch),
        model_id=model_id,
        multiplier_bps=multiplier_bps,
        prompt_price=_list_price(epoch, own.prompt_price, multiplier_bps),
        output_price=_list_price(epoch, own.output_price, multiplier_bps),
        basis_raw_per_microcredit=epoch.basis_raw_per_microcredit,
        protocol_fee_bps=epoch.protocol_fee_bps,
        is_empty_answer_free=epoch.is_empty_answer_free,
    )


def apply_offer(
    terms: PriceTerms, *, offer_hash: str, prompt_price: int, output_price: int
) -> PriceTerms:
    """The same terms at the prices that a worker asks.

    Raises:
        ValueError: a price is out of range; whoever accepted the offer should have refused it.
    """
    if not (0 <= prompt_price <= MAX_PRICE and 0 <= output_price <= MAX_PRICE):
        raise ValueError(f"asks of {prompt_price} and {output_price} are out of range")
    return replace(
        terms, offer_hash=offer_hash, prompt_price=prompt_price, output_price=output_price
    )


def compute_charge(terms: PriceTerms, *, prompt_tokens: int, output_tokens: int) -> Charge:
    """What so many tokens cost, rounded up to a whole micro-credit.

    Raises:
        ValueError: a negative count.
    """
    if prompt_tokens < 0 or output_tokens < 0:
        raise ValueError(f"a token count is negative: {prompt_tokens}, {output_tokens}")
    scaled = prompt_tokens * terms.prompt_price + output_tokens * terms.output_price
    return _charge(terms, mul_div_ceil(scaled, 1, _TOKENS_PER_PRICE))


def compute_job_charge(
    terms: PriceTerms, *, kind: ModelKind, prompt_tokens: int, output_tokens: int
) -> Charge:
    """What a completed job costs: nothing if it is a text job of which nothing came back.

    An answer may well be empty: a stop text that comes first, a model with nothing to say. But no
    one can tell it from one that was never worked on. Embeddings are charged by their prompt.
    """
    is_text = kind in {ModelKind.CHAT, ModelKind.COMPLETION}
    if terms.is_empty_answer_free and is_text and output_tokens == 0:
        return NO_CHARGE
    return compute_charge(terms, prompt_tokens=prompt_tokens, output_tokens=output_tokens)


def compute_image_charge(
    epoch: PricingEpoch, *, category: str, width: int, height: int, steps: int
) -> int:
    """What one image costs in micro-credits, rounded up: pixels x steps x category.

    Raises:
        InvalidInput: no price for the category.
        ValueError: a size or step count that is not positive.
    """
    if min(width, height, steps) < 1:
        raise ValueError(f"no image has {width}x{height} pixels and {steps} steps")
    multiplier_bps = dict(epoch.image_multipliers).get(category)
    if multiplier_bps is None:
        known = ", ".join(name for name, _bps in epoch.image_multipliers) or "none"
        raise InvalidInput(
            f"the epoch {epoch.version} has no price for images of {category!r}; known: {known}",
            param="category",
        )
    inputs = epoch.utilisation_bps * epoch.supply_bps * epoch.demand_bps
    return mul_div_ceil(
        epoch.image_price * width * height * steps,
        multiplier_bps * inputs,
        _IMAGE_UNITS * _WHOLE_TO_THE_FOURTH,
    )


def compute_terms_hash(terms: PriceTerms) -> str:
    """The SHA-256 over the canonical JSON of the terms: the snapshot that a receipt names."""
    return sha256_hex(canonical_json(terms_json(terms)))


def terms_json(terms: PriceTerms) -> dict[str, object]:
    """The terms under their published names; prices and the rate as decimal strings."""
    return {
        "epoch": terms.epoch,
        "epochHash": terms.epoch_hash,
        "modelId": terms.model_id,
        "multiplierBps": terms.multiplier_bps,
        "promptPrice": str(terms.prompt_price),
        "outputPrice": str(terms.output_price),
        "basisRawPerMicrocredit": str(terms.basis_raw_per_microcredit),
        "protocolFeeBps": terms.protocol_fee_bps,
        "isEmptyAnswerFree": terms.is_empty_answer_free,
        "offerHash": terms.offer_hash,
    }


def _list_price(epoch: PricingEpoch, price: int, multiplier_bps: Bps) -> int:
    """A multiplier of 0 gives the model away, and no floor holds against that."""
    if multiplier_bps == 0:
        return 0
    inputs = epoch.utilisation_bps * epoch.supply_bps * epoch.demand_bps
    effective = mul_div_ceil(price, multiplier_bps * inputs, _WHOLE_TO_THE_FOURTH)
    if epoch.worker_floor_price:
        kept_bps = 10_000 - epoch.protocol_fee_bps
        effective = max(effective, mul_div_ceil(epoch.worker_floor_price, 10_000, kept_bps))
    if effective > MAX_PRICE:
        raise InvalidInput(
            f"the epoch {epoch.version} comes to {effective} micro-credits per million tokens: "
            f"at most {MAX_PRICE} can be charged",
            param="price",
        )
    return effective


def _charge(terms: PriceTerms, microcredits: int) -> Charge:
    return Charge(
        microcredits=microcredits,
        charge_raw=AmountRaw(microcredits * terms.basis_raw_per_microcredit),
    )
