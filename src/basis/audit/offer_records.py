"""The published offers of workers' owners: read as they were signed, and each signature checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, cast

from basis.audit.difference import Difference, expect_equal
from basis.audit.folder import Export
from basis.audit.parquet import iterate_rows
from basis.rules.ecdsa import recover_wallet
from basis.rules.errors import BasisError
from basis.rules.export_format import TERMS
from basis.rules.export_market import ASKS, OFFERS
from basis.rules.job import WorkerId
from basis.rules.offer import ModelAsk, Offer, compute_signed_digest
from basis.rules.offer_checks import validate_form
from basis.rules.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedOffer:
    """An offer with what the publisher says of it."""

    hash: str
    offer: Offer
    signature: str
    rails: str
    accepted_at: str

    @property
    def name(self) -> str:
        """How messages name it."""
        return f"offer {self.hash}"


class _Row(NamedTuple):
    number: int
    hash: bytes
    worker_id: str
    wallet: str
    capacity: int
    not_before: int
    expires_at: int
    nonce: int
    signature: str
    rails: str
    accepted_at: str


def load_offers(folder: Path) -> dict[str, PublishedOffer]:
    """Every published offer by its hash, in their order; signatures are `check_offers`' business.

    Raises:
        Difference: one stands twice or out of its order, or an ask is of none.
    """
    rows = cast(
        "list[tuple[int, int, str, int, int]]", list(iterate_rows(folder.joinpath(ASKS.name), ASKS))
    )
    asks: dict[int, tuple[ModelAsk, ...]] = {}
    for number, group in groupby(rows, key=lambda row: row[0]):
        mine = list(group)
        if [place for _number, place, *_ask in mine] != list(range(1, len(mine) + 1)):
            raise Difference(f"the asks of offer number {number} do not stand in their order")
        if asks and number <= max(asks):
            raise Difference(f"the asks of offer number {number} do not stand in their order")
        asks[number] = tuple(
            ModelAsk(model=model, prompt_price=prompt_price, output_price=output_price)
            for *_place, model, prompt_price, output_price in mine
        )
    found: dict[str, PublishedOffer] = {}
    for values in iterate_rows(folder.joinpath(OFFERS.name), OFFERS):
        row = _Row(*values)  # type: ignore[arg-type]  # as the columns are
        digest = row.hash.hex()
        if row.number != len(found) + 1 or digest in found:
            raise Difference(f"offer number {row.number} stands twice, or not in its order")
        offer = Offer(
            worker_id=WorkerId(row.worker_id),
            wallet=Wallet(row.wallet),
            models=asks.pop(row.number, ()),
            capacity=row.capacity,
            not_before=row.not_before,
            expires_at=row.expires_at,
            nonce=row.nonce,
        )
        found[digest] = PublishedOffer(
            hash=digest,
            offer=offer,
            signature=row.signature,
            rails=row.rails,
            accepted_at=row.accepted_at,
        )
    for number in sorted(asks):
        raise Difference(f"asks name the offer number {number}, which is not there")
    return found


def check_offers(export: Export) -> None:
    """Holds each offer of a period to its hash and to the wallet that it pays, which signed it.

    Raises:
        Difference: one has another hash or signer, or no terms name it.
    """
    offers = load_offers(export.folder)
    _check_use(export, offers)
    for one in offers.values():
        try:
            validate_form(one.offer)
            digest = compute_signed_digest(one.offer)
            expect_equal(one.name, "hash", recorded=one.hash, recomputed=digest.hex())
            signer = recover_wallet(digest, one.signature)
        except BasisError as error:
            raise Difference(f"{one.name}: {error.message}") from error
        if signer != one.offer.wallet:
            raise Difference(f"{one.name} is by {one.offer.wallet}, but {signer} signed it")


def _check_use(export: Export, offers: Mapping[str, PublishedOffer]) -> None:
    place = [column.name for column in TERMS.columns].index("offer_hash")
    named = dict.fromkeys(
        cast("str", row[place])
        for row in iterate_rows(export.path(TERMS.name), TERMS)
        if row[place]
    )
    if list(named) == list(offers):
        return
    for digest in named:
        if digest not in offers:
            raise Difference(f"{export.name}: the offer {digest[:64]} is not among the offers")
    raise Difference(f"{export.name}: its offers are not those that its terms name, in their order")
