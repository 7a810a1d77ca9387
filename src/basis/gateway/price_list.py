"""The list prices in force: terms by model, from the newest book of epochs that was read."""

from __future__ import annotations

from basis.rules.catalog import Model
from basis.rules.epochs import EpochBook, PricingEpoch
from basis.rules.pricing import PriceTerms, compute_list_terms


class PriceList:
    """Computes the terms of each model once per epoch."""

    def __init__(self, book: EpochBook) -> None:
        self._book = book
        self._terms: dict[tuple[str, str], PriceTerms] = {}

    def replace(self, book: EpochBook) -> None:
        """Takes over a book that was read anew: an activation may have come to it."""
        self._book = book

    def epoch(self, *, at: str) -> PricingEpoch:
        """The epoch that prices what is accepted at the time `at`."""
        return self._book.in_force(at)

    def terms(self, model: Model, *, at: str) -> PriceTerms:
        """The list terms of `model` at the time `at`."""
        epoch = self._book.in_force(at)
        key = (epoch.version, model.name)
        if key not in self._terms:
            self._terms[key] = compute_list_terms(
                epoch, model_id=model.name, catalog_multiplier_bps=model.multiplier_bps
            )
        return self._terms[key]
