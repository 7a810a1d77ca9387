"""A receipt that was priced by an offer is held against what its owner signed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from basis.accounting.recompute import recompute
from basis.storage.database import for_writing, open_database
from basis.storage.reading import read_store
from basis.wire.offers import OfferForm
from tests.support.market import CHEAP, open_market
from tests.support.offers import Owner


async def trade(folder: Path) -> None:
    """Books with one job that was priced by an offer, and one at the list price."""
    async with open_market(folder, "cheap", "plain") as market:
        await market.offer("cheap", CHEAP)
        await market.ask("price")
        await market.ask()
        await market.receipts(2)


def find_difference(folder: Path, statement: str = "") -> str | None:
    """What a recompute says once somebody ran `statement` on the store."""
    if statement:
        engine = open_database(folder, create=False)
        with for_writing(engine).begin() as connection:
            connection.execute(text(statement))
        engine.dispose()
    with read_store(folder) as connection:
        return recompute(connection).difference


async def test_recompute__job_at_an_offers_prices__agrees(tmp_path: Path) -> None:
    await trade(tmp_path)

    assert find_difference(tmp_path) is None


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM worker_offers", "not on record"),
        ("UPDATE worker_offers SET signature = '0x' || hex(zeroblob(65))", "signature"),
        ("UPDATE worker_offers SET content = replace(content, '40000000', '40000001')", "hash"),
        (
            "UPDATE receipts SET details = replace(details, '40000000', '40000001') WHERE seq = 1",
            "charge",
        ),
    ],
)
async def test_recompute__offer_or_price_was_changed__is_found(
    tmp_path: Path, statement: str, named: str
) -> None:
    await trade(tmp_path)

    difference = find_difference(tmp_path, statement)

    assert difference is not None
    assert named in difference


async def test_recompute__signed_by_a_stranger__is_found(tmp_path: Path) -> None:
    await trade(tmp_path)
    with read_store(tmp_path) as connection:
        row = connection.execute(text("SELECT content, signature FROM worker_offers")).one()
    stranger = Owner(9)

    offer = msgspec.json.decode(row.content, type=OfferForm).as_offer()
    signed = "UPDATE worker_offers SET signature = "
    difference = find_difference(tmp_path, signed + repr(stranger.sign(offer)))

    assert difference is not None
    assert stranger.wallet in difference
