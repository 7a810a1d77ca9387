"""Pricing epochs as they are shown: each with its state and dates, and what each model costs."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from basis.rules.catalog import Catalog
from basis.rules.epoch_form import compute_epoch_hash, epoch_json
from basis.rules.epochs import EPOCHS, PricingEpoch
from basis.rules.errors import NotFound
from basis.rules.pricing import PriceTerms, compute_list_terms
from basis.storage.epoch_store import load_epochs


class EpochState(enum.StrEnum):
    """What an epoch does at a moment."""

    PROPOSED = "proposed"
    ACTIVATED = "activated"
    """It will price from a moment that is yet to come."""
    IN_FORCE = "in force"
    ENDED = "ended"
    """Another epoch came after it; what it priced keeps its terms."""
    SHIPPED = "shipped"
    """It came with Basis and is not the one that prices now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedEpoch:
    """An epoch, its hash, and from when on it prices; None where nobody activated it."""

    epoch: PricingEpoch
    hash: str
    state: EpochState
    effective_from: str | None


def date_epoch(epoch: PricingEpoch, *, state: EpochState, effective_from: str | None) -> DatedEpoch:
    """`epoch` with its hash."""
    return DatedEpoch(
        epoch=epoch, hash=compute_epoch_hash(epoch), state=state, effective_from=effective_from
    )


def load_dated_epochs(connection: Connection, *, now: str) -> list[DatedEpoch]:
    """Those that ship, oldest first; the operator's by the moment of their beginning; proposals.

    Raises:
        DamagedRecord: one was edited since it was proposed.
    """
    records = load_epochs(connection)
    begun = [record for record in records if record.effective_from is not None]
    begun.sort(key=lambda record: record.effective_from or "")
    past = [record for record in begun if (record.effective_from or "") <= now]
    in_force = past[-1].epoch.version if past else EPOCHS[-1].version
    shipped = [
        date_epoch(
            epoch,
            state=EpochState.IN_FORCE if epoch.version == in_force else EpochState.SHIPPED,
            effective_from=None,
        )
        for epoch in EPOCHS
    ]
    activated = [
        date_epoch(
            record.epoch,
            state=_state_of(record.epoch.version, record.effective_from, in_force, now),
            effective_from=record.effective_from,
        )
        for record in begun
    ]
    proposed = [
        date_epoch(record.epoch, state=EpochState.PROPOSED, effective_from=None)
        for record in records
        if record.effective_from is None
    ]
    return [*shipped, *activated, *proposed]


def find_epoch(epochs: Sequence[DatedEpoch], version: str) -> DatedEpoch:
    """The epoch of this version.

    Raises:
        NotFound: there is none.
    """
    for one in epochs:
        if one.epoch.version == version:
            return one
    known = ", ".join(one.epoch.version for one in epochs)
    raise NotFound(f"there is no epoch {version[:80]!r}; known are {known}")


def find_epoch_at(epochs: Sequence[DatedEpoch], at: str) -> DatedEpoch:
    """The epoch that prices what is accepted at the time `at`."""
    begun = [one for one in epochs if one.effective_from is not None and one.effective_from <= at]
    if begun:
        return max(begun, key=lambda one: one.effective_from or "")
    return find_epoch(epochs, EPOCHS[-1].version)


def compute_price_table(epoch: PricingEpoch, catalog: Catalog) -> list[PriceTerms]:
    """The list terms of every model of the catalog.

    Raises:
        InvalidInput: a price comes out larger than can be charged.
    """
    return [
        compute_list_terms(epoch, model_id=model.name, catalog_multiplier_bps=model.multiplier_bps)
        for model in catalog.models
    ]


def dated_epoch_json(one: DatedEpoch) -> dict[str, object]:
    """An epoch as published: all that is hashed, and beside it what is not."""
    return {
        "epoch": epoch_json(one.epoch),
        "hash": one.hash,
        "state": one.state.value,
        "effectiveFrom": one.effective_from,
    }


def price_table_json(table: Sequence[PriceTerms]) -> list[dict[str, object]]:
    """Prices by model, in micro-credits per million tokens as decimal strings."""
    return [
        {
            "model": terms.model_id,
            "multiplierBps": terms.multiplier_bps,
            "promptPrice": str(terms.prompt_price),
            "outputPrice": str(terms.output_price),
        }
        for terms in table
    ]


def _state_of(version: str, effective_from: str | None, in_force: str, now: str) -> EpochState:
    if version == in_force:
        return EpochState.IN_FORCE
    return EpochState.ENDED if (effective_from or "") <= now else EpochState.ACTIVATED
