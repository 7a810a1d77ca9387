"""The terms by which the receipts of a period were judged, each held to the tables that it names.

The terms of a worker's offer have that worker's asks as prices, which the offer must say and the
rails allow. All other terms are recomputed from their epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, cast

from basis.audit.difference import Difference, expect_equal
from basis.audit.locks import LockWindow, epoch_window, offer_window
from basis.audit.offer_records import PublishedOffer, load_offers
from basis.audit.parquet import iterate_rows
from basis.audit.tables import PublishedTables
from basis.rules.errors import BasisError
from basis.rules.export_format import TERMS
from basis.rules.factors import FactorTables, LatencyTarget
from basis.rules.offer_locks import find_price_flaw, later_rails
from basis.rules.postpaid_pricing import PostpaidEpoch
from basis.rules.pricing import PriceTerms, compute_list_terms, compute_terms_hash
from basis.rules.units import Bps


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingTerms:
    """One row of the terms with the tables behind it. Either `priced` or `postpaid` is there."""

    model_id: str
    multiplier_bps: Bps
    tables: FactorTables
    target: LatencyTarget
    priced: PriceTerms | None
    postpaid: PostpaidEpoch | None
    windows: tuple[LockWindow, ...]
    """When they may have been locked: in all of these; none for a postpaid job."""


class _Row(NamedTuple):
    number: int
    is_postpaid: bool
    catalog: str
    pricing: str
    factors: str
    latency_class: str
    model_id: str
    multiplier_bps: int
    terms_hash: str
    epoch_hash: str
    prompt_price: int
    output_price: int
    basis_raw_per_microcredit: int
    protocol_fee_bps: int
    is_empty_answer_free: bool
    offer_hash: str

    @property
    def name(self) -> str:
        """How messages name it."""
        return f"terms number {self.number} ({self.model_id} by {self.pricing})"


def load_terms(folder: Path, tables: PublishedTables) -> list[JudgingTerms]:
    """All terms of a period in their order, number 1 first.

    Raises:
        Difference: one is not what its tables say, or does not stand in its order.
    """
    offers = load_offers(folder)
    found: list[JudgingTerms] = []
    for values in iterate_rows(folder.joinpath(TERMS.name), TERMS):
        row = _Row(*cast("tuple[str, ...]", values))  # type: ignore[arg-type]  # as the columns are
        if row.number != len(found) + 1:
            raise Difference(f"{row.name} do not stand in their order")
        _check_offer(row, tables)
        factors = tables.factors.get(row.factors)
        target = factors.latency_targets.get(row.latency_class) if factors is not None else None
        if factors is None or target is None:
            raise _unpublished(row, f"factor tables {row.factors!r}, class {row.latency_class!r}")
        found.append(
            JudgingTerms(
                model_id=row.model_id,
                multiplier_bps=Bps(row.multiplier_bps),
                tables=factors,
                target=target,
                priced=None if row.is_postpaid else _price(row, tables, offers),
                postpaid=_find_postpaid(row, tables) if row.is_postpaid else None,
                windows=() if row.is_postpaid else _windows_of(row, tables, offers),
            )
        )
    return found


def _price(row: _Row, tables: PublishedTables, offers: Mapping[str, PublishedOffer]) -> PriceTerms:
    """The price terms of a row, once they are found to be what its epoch says."""
    terms = PriceTerms(
        epoch=row.pricing,
        epoch_hash=row.epoch_hash,
        model_id=row.model_id,
        multiplier_bps=Bps(row.multiplier_bps),
        prompt_price=row.prompt_price,
        output_price=row.output_price,
        basis_raw_per_microcredit=row.basis_raw_per_microcredit,
        protocol_fee_bps=Bps(row.protocol_fee_bps),
        is_empty_answer_free=row.is_empty_answer_free,
        offer_hash=row.offer_hash,
    )
    expect_equal(row.name, "hash", recorded=row.terms_hash, recomputed=compute_terms_hash(terms))
    epoch = tables.epochs.get(row.pricing)
    if epoch is None:
        raise _unpublished(row, f"pricing epoch {row.pricing!r}")
    try:
        listed = compute_list_terms(
            epoch, model_id=row.model_id, catalog_multiplier_bps=Bps(row.multiplier_bps)
        )
    except BasisError as error:
        raise Difference(f"{row.name} cannot be recomputed: {error.message}") from error
    if row.offer_hash:
        _check_ask(row, tables, offers, terms=terms, listed=listed)
        listed = replace(
            listed,
            prompt_price=row.prompt_price,
            output_price=row.output_price,
            offer_hash=row.offer_hash,
        )
    expect_equal(row.name, "prices", recorded=terms, recomputed=listed)
    return terms


def _check_ask(
    row: _Row,
    tables: PublishedTables,
    offers: Mapping[str, PublishedOffer],
    *,
    terms: PriceTerms,
    listed: PriceTerms,
) -> None:
    """Holds the prices of a row to the offer that it names, and to the rails."""
    published = offers.get(row.offer_hash)
    if published is None:
        raise _unpublished(row, f"offer {row.offer_hash[:64]!r}")
    flaw = find_price_flaw(
        published.offer,
        terms,
        listed=listed,
        worker_floor_price=tables.epochs[row.pricing].worker_floor_price,
        rails=later_rails(tables.rails, first=published.rails),
    )
    if flaw:
        raise Difference(f"{row.name}: {flaw}")


def _windows_of(
    row: _Row, tables: PublishedTables, offers: Mapping[str, PublishedOffer]
) -> tuple[LockWindow, ...]:
    epoch = epoch_window(row.pricing, tables)
    return (epoch, offer_window(offers[row.offer_hash])) if row.offer_hash else (epoch,)


def _find_postpaid(row: _Row, tables: PublishedTables) -> PostpaidEpoch:
    epoch = tables.postpaid.get(row.pricing)
    if epoch is None or any(row[8:]):
        raise _unpublished(row, f"postpaid epoch {row.pricing!r}")
    return epoch


def _check_offer(row: _Row, tables: PublishedTables) -> None:
    """Refuses terms on which the catalog never offered the model."""
    if row.catalog not in tables.catalogs:
        raise _unpublished(row, f"catalog {row.catalog!r}")
    catalog = tables.catalogs[row.catalog]
    if catalog is None:
        return  # an operator's own table: only its digest is known
    try:
        model = catalog.get(row.model_id)
    except BasisError as error:
        raise _unpublished(row, f"model {row.model_id!r}") from error
    epoch = tables.epochs.get(row.pricing)
    own = dict(epoch.model_multipliers) if epoch is not None and not row.is_postpaid else {}
    due = (own.get(row.model_id, model.multiplier_bps), model.latency_class)
    if due != (row.multiplier_bps, row.latency_class):
        raise _unpublished(row, f"{row.multiplier_bps} bps in class {row.latency_class!r}")


def _unpublished(row: _Row, what: str) -> Difference:
    return Difference(f"{row.name}: {what} is not among what was published")
