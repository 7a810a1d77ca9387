"""Pricing epochs: dated, immutable sets of prices, and which of them is in force when.

An epoch ships with Basis or is proposed by the operator; it prices jobs from its activation on,
until a later one does. The operator's own always stand before those that ship. A job names the
epoch that priced it and is never repriced.
Source: mission N13, N14; the figures of the shipped epoch are ours and placeholders.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from basis.rules.errors import Conflict, InvalidInput
from basis.rules.units import WHOLE_BPS, Bps

MAX_PRICE = 10**12
"""Micro-credits per million tokens: a credit a token. More is a slip of the pen."""
_MAX_RATE = 10**24
_MAX_BPS = 1_000_000
LONGEST_NAME = 128
"""Characters of a model or category. Ours to choose: a catalog's names have 64 at most."""
_VERSION = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """List prices of one model in micro-credits per million tokens, at a multiplier of 1x."""

    model: str
    prompt_price: int
    output_price: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PricingEpoch:
    """One set of prices. Every price is in micro-credits; 1 credit = 0.001 USD."""

    version: str
    is_placeholder: bool
    """Whether the figures stand in for prices that nobody has set yet."""
    prompt_price: int
    """Per million prompt tokens at 1x, for models without a row of their own."""
    output_price: int
    """Per million output tokens at 1x, likewise."""
    model_prices: tuple[ModelPrice, ...] = ()
    """Sorted by model."""
    model_multipliers: tuple[tuple[str, Bps], ...] = ()
    """(model, multiplier) in place of the catalog's, sorted by model."""
    image_price: int = 0
    """Per 1,048,576 pixels of 20 sampling steps, at a category's multiplier of 1x."""
    image_multipliers: tuple[tuple[str, Bps], ...] = ()
    """(category, multiplier), sorted by category."""
    utilisation_bps: Bps = WHOLE_BPS
    supply_bps: Bps = WHOLE_BPS
    demand_bps: Bps = WHOLE_BPS
    """The three inputs by which the operator moves all list prices at once."""
    worker_floor_price: int = 0
    """What a worker's pool must have per million tokens at least, after the fee."""
    basis_raw_per_microcredit: int
    protocol_fee_bps: Bps
    is_empty_answer_free: bool = True


EPOCH_2026_11_23 = PricingEpoch(
    version="2026-11-23-credits-placeholder",
    is_placeholder=True,
    prompt_price=150 * 1_000_000,
    output_price=600 * 1_000_000,
    image_price=2 * 1_000_000,
    image_multipliers=(
        ("flux-1-dev-nf4", Bps(100_000)),
        ("sd-1.5", Bps(3_000)),
        ("sdxl", Bps(10_000)),
        ("sdxl-lora", Bps(12_000)),
    ),
    basis_raw_per_microcredit=10**11,
    protocol_fee_bps=Bps(1_000),
)
"""150 and 600 credits (0.15 and 0.60 USD) per million tokens at 1x, 0.1 BASIS per credit: the
figures of the postpaid epochs before it, now charged in whole micro-credits."""

EPOCHS: tuple[PricingEpoch, ...] = (EPOCH_2026_11_23,)
"""Every epoch that ships, oldest first; the last one prices where the operator set no prices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """The operator's epoch and the moment (ISO 8601, UTC, milliseconds) from which it prices."""

    epoch: PricingEpoch
    effective_from: str


class EpochBook:
    """All epochs that a network's records may name, and which of them is in force when."""

    def __init__(self, activations: Iterable[Activation] = ()) -> None:
        self._activations = tuple(sorted(activations, key=lambda one: one.effective_from))
        self._by_version = {epoch.version: epoch for epoch in EPOCHS}
        for one in self._activations:
            self._by_version[one.epoch.version] = one.epoch

    def in_force(self, at: str) -> PricingEpoch:
        """The epoch that prices what is accepted at the time `at`."""
        for one in reversed(self._activations):
            if one.effective_from <= at:
                return one.epoch
        return EPOCHS[-1]

    def of_version(self, version: str) -> PricingEpoch:
        """The epoch that a record names.

        Raises:
            InvalidInput: none of this version ships or was ever activated.
        """
        epoch = self._by_version.get(version)
        if epoch is None:
            raise InvalidInput(f"no pricing epoch {version!r} is known", param="pricing_version")
        return epoch

    def effective_from(self, version: str) -> str:
        """From when on the operator's epoch of this version prices; "" for one that ships."""
        found = (one for one in self._activations if one.epoch.version == version)
        return next((one.effective_from for one in found), "")

    def activated_until(self, at: str) -> tuple[Activation, ...]:
        """The operator's epochs that had begun by the time `at`, the first one first."""
        return tuple(one for one in self._activations if one.effective_from <= at)

    def could_price(self, version: str, *, at: str) -> bool:
        """Whether the epoch of this version can have priced a job at the time `at`.

        Of the epochs that ship any may have, since nobody knows when a network was upgraded;
        but none while one of the operator's was in force.
        """
        expected = self.in_force(at)
        ships = {epoch.version for epoch in EPOCHS}
        return version == expected.version or (version in ships and expected.version in ships)

    def has(self, version: str) -> bool:
        """Whether the epoch of this version ships or is activated."""
        return version in self._by_version


def check_activation(
    activations: Iterable[Activation], *, version: str, effective_from: str, now: str
) -> None:
    """Refuses an activation that would change what is past or what another one says.

    Raises:
        InvalidInput: the time is not in the future.
        Conflict: the epoch is activated already, or another one begins at the same moment.
    """
    if effective_from <= now:
        raise InvalidInput(
            f"an epoch can be activated for the future only: {effective_from} is not after {now}",
            param="effective_from",
        )
    for one in activations:
        if one.epoch.version == version:
            raise Conflict(f"the epoch {version} is activated from {one.effective_from} on")
        if one.effective_from == effective_from:
            raise Conflict(f"the epoch {one.epoch.version} begins at {effective_from} too")


def validate_epoch(epoch: PricingEpoch) -> None:
    """Refuses an epoch by which no job could be priced.

    Raises:
        InvalidInput: it names the field.
    """
    if not _VERSION.fullmatch(epoch.version):
        raise InvalidInput(
            f"version is {epoch.version[:80]!r}: expected 1 to 64 lower-case letters, digits, "
            f"'.', '_' or '-'",
            param="version",
        )
    for name in _names(epoch):
        if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
            raise InvalidInput(
                f"a model or category is {name[:80]!r}: expected 1 to {LONGEST_NAME} printable "
                f"characters",
                param="epoch",
            )
    for name, value, most in _bounded_fields(epoch):
        if not 0 <= value <= most:
            raise InvalidInput(f"{name} is {value}: expected 0 to {most}", param=name)
    keys: Mapping[str, list[str]] = {
        "modelPrices": [row.model for row in epoch.model_prices],
        "modelMultipliers": [model for model, _bps in epoch.model_multipliers],
        "imageMultipliers": [category for category, _bps in epoch.image_multipliers],
    }
    for name, rows in keys.items():
        if rows != sorted(set(rows)):
            raise InvalidInput(f"{name} must be sorted, with no name twice", param=name)
    if epoch.worker_floor_price and epoch.protocol_fee_bps == WHOLE_BPS:
        raise InvalidInput(
            "a fee of 10000 bps leaves a worker nothing, so no floor can hold",
            param="workerFloorPrice",
        )


def _names(epoch: PricingEpoch) -> Iterable[str]:
    yield from (row.model for row in epoch.model_prices)
    yield from (model for model, _bps in epoch.model_multipliers)
    yield from (category for category, _bps in epoch.image_multipliers)


def _bounded_fields(epoch: PricingEpoch) -> Iterable[tuple[str, int, int]]:
    """(published name, value, most) of every figure."""
    yield "promptPrice", epoch.prompt_price, MAX_PRICE
    yield "outputPrice", epoch.output_price, MAX_PRICE
    for row in epoch.model_prices:
        yield f"promptPrice of {row.model}", row.prompt_price, MAX_PRICE
        yield f"outputPrice of {row.model}", row.output_price, MAX_PRICE
    for model, bps in epoch.model_multipliers:
        yield f"multiplierBps of {model}", bps, _MAX_BPS
    yield "imagePrice", epoch.image_price, MAX_PRICE
    for category, bps in epoch.image_multipliers:
        yield f"multiplierBps of {category}", bps, _MAX_BPS
    yield "utilisationBps", epoch.utilisation_bps, _MAX_BPS
    yield "supplyBps", epoch.supply_bps, _MAX_BPS
    yield "demandBps", epoch.demand_bps, _MAX_BPS
    yield "workerFloorPrice", epoch.worker_floor_price, MAX_PRICE
    yield "basisRawPerMicrocredit", epoch.basis_raw_per_microcredit, _MAX_RATE
    yield "protocolFeeBps", epoch.protocol_fee_bps, WHOLE_BPS
