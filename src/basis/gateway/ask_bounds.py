"""Between which prices owners may ask for each model, by the epoch and the rails in force."""

from __future__ import annotations

from basis.gateway.context import GatewayContext
from basis.rules.catalog import Model
from basis.rules.epochs import PricingEpoch
from basis.rules.offer_checks import RAILS, AskBounds, ModelBounds, compute_ask_bounds


def bounds_of(context: GatewayContext, model: Model, *, at: str) -> ModelBounds:
    """What may be asked for one model at the time `at`."""
    epoch = context.prices.epoch(at=at)
    terms = context.prices.terms(model, at=at)
    return ModelBounds(
        prompt=_bounds(epoch, terms.prompt_price), output=_bounds(epoch, terms.output_price)
    )


def bounds_of_all(context: GatewayContext, *, at: str) -> dict[str, ModelBounds]:
    """What may be asked for each model of the catalog at the time `at`."""
    return {model.name: bounds_of(context, model, at=at) for model in context.catalog.models}


def _bounds(epoch: PricingEpoch, list_price: int) -> AskBounds:
    return compute_ask_bounds(
        RAILS[-1],
        list_price=list_price,
        worker_floor_price=epoch.worker_floor_price,
        protocol_fee_bps=epoch.protocol_fee_bps,
    )
