"""The published form of a pricing epoch: its JSON, read strictly, and the hash over all of it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from basis.rules.canonical import canonical_json, sha256_hex
from basis.rules.epochs import LONGEST_NAME, ModelPrice, PricingEpoch, validate_epoch
from basis.rules.errors import InvalidInput
from basis.rules.units import Bps, parse_raw

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
"""Bounded before anything quotes it."""


class _Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base of the parts: every field is needed, none may be added."""


class _ModelPriceForm(_Form, frozen=True):
    model: _Name
    prompt_price: str
    output_price: str


class _ModelMultiplierForm(_Form, frozen=True):
    model: _Name
    multiplier_bps: int


class _ImageMultiplierForm(_Form, frozen=True):
    category: _Name
    multiplier_bps: int


class _EpochForm(_Form, frozen=True):
    version: str
    is_placeholder: bool
    prompt_price: str
    output_price: str
    model_prices: list[_ModelPriceForm]
    model_multipliers: list[_ModelMultiplierForm]
    image_price: str
    image_multipliers: list[_ImageMultiplierForm]
    utilisation_bps: int
    supply_bps: int
    demand_bps: int
    worker_floor_price: str
    basis_raw_per_microcredit: str
    protocol_fee_bps: int
    is_empty_answer_free: bool


def epoch_json(epoch: PricingEpoch) -> dict[str, object]:
    """The epoch under its published names; prices and the rate as decimal strings."""
    return {
        "version": epoch.version,
        "isPlaceholder": epoch.is_placeholder,
        "promptPrice": str(epoch.prompt_price),
        "outputPrice": str(epoch.output_price),
        "modelPrices": [
            {
                "model": row.model,
                "promptPrice": str(row.prompt_price),
                "outputPrice": str(row.output_price),
            }
            for row in epoch.model_prices
        ],
        "modelMultipliers": [
            {"model": model, "multiplierBps": bps} for model, bps in epoch.model_multipliers
        ],
        "imagePrice": str(epoch.image_price),
        "imageMultipliers": [
            {"category": category, "multiplierBps": bps}
            for category, bps in epoch.image_multipliers
        ],
        "utilisationBps": epoch.utilisation_bps,
        "supplyBps": epoch.supply_bps,
        "demandBps": epoch.demand_bps,
        "workerFloorPrice": str(epoch.worker_floor_price),
        "basisRawPerMicrocredit": str(epoch.basis_raw_per_microcredit),
        "protocolFeeBps": epoch.protocol_fee_bps,
        "isEmptyAnswerFree": epoch.is_empty_answer_free,
    }


def parse_epoch(text: str | bytes) -> PricingEpoch:
    """The epoch that JSON names, in any layout; rows are put in order.

    Raises:
        InvalidInput: no JSON, a field that is missing, unknown, of another type or out of range.
    """
    try:
        form = msgspec.json.decode(text, type=_EpochForm)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"this is no pricing epoch: {error}", param="epoch") from error
    epoch = PricingEpoch(
        version=form.version,
        is_placeholder=form.is_placeholder,
        prompt_price=parse_raw(form.prompt_price, param="promptPrice"),
        output_price=parse_raw(form.output_price, param="outputPrice"),
        model_prices=tuple(
            ModelPrice(
                model=row.model,
                prompt_price=parse_raw(row.prompt_price, param=f"promptPrice of {row.model}"),
                output_price=parse_raw(row.output_price, param=f"outputPrice of {row.model}"),
            )
            for row in sorted(form.model_prices, key=lambda row: row.model)
        ),
        model_multipliers=tuple(
            sorted((row.model, Bps(row.multiplier_bps)) for row in form.model_multipliers)
        ),
        image_price=parse_raw(form.image_price, param="imagePrice"),
        image_multipliers=tuple(
            sorted((row.category, Bps(row.multiplier_bps)) for row in form.image_multipliers)
        ),
        utilisation_bps=Bps(form.utilisation_bps),
        supply_bps=Bps(form.supply_bps),
        demand_bps=Bps(form.demand_bps),
        worker_floor_price=parse_raw(form.worker_floor_price, param="workerFloorPrice"),
        basis_raw_per_microcredit=parse_raw(
            form.basis_raw_per_microcredit, param="basisRawPerMicrocredit"
        ),
        protocol_fee_bps=Bps(form.protocol_fee_bps),
        is_empty_answer_free=form.is_empty_answer_free,
    )
    validate_epoch(epoch)
    return epoch


def compute_epoch_hash(epoch: PricingEpoch) -> str:
    """The SHA-256 over the canonical JSON of all that the epoch says."""
    return sha256_hex(canonical_json(epoch_json(epoch)))
