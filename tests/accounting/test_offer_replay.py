"""A receipt that was priced by an offer is held against what its owner signed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from basis.accounting.recompute import recompute
from basis.rules.offer import ModelAsk
from basis.storage.database import for_writing, open_database
from basis.storage.reading import read_store
from basis.wire.offers import OfferForm
from tests.support.market import CHEAP, open_market
from tests.support.offer_books import NOW_S, make_offer, record_offered_jobs
from tests.support.offers import TINY_LIST, Owner


def asks(prompt_price: int, output_price: int) -> tuple[ModelAsk, ...]:
    """Asks for the model of the books."""
    return (ModelAsk(model="basis-tiny", prompt_price=prompt_price, output_price=output_price),)


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
        ("UPDATE worker_offers SET accepted_at = '2999-01-01T00:00:00.000Z'", "did not hold at"),
        ("UPDATE worker_offers SET rails = '1999-01-01'", "outside the rails"),
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


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"not_before": NOW_S + 2}, "did not hold at"),
        ({"expires_at": NOW_S + 1}, "did not hold at"),
        ({"not_before": NOW_S + 1, "expires_at": NOW_S + 2}, None),
        ({"models": asks(CHEAP[0], TINY_LIST[1] // 4 - 1)}, "outside the rails"),
        ({"models": asks(TINY_LIST[0] * 2 + 1, CHEAP[1])}, "outside the rails"),
        ({"models": asks(TINY_LIST[0] * 2, TINY_LIST[1] // 4)}, None),
    ],
)
def test_recompute__price_of_a_signed_offer__must_have_been_allowed_at_its_time(
    tmp_path: Path, changes: dict[str, Any], named: str | None
) -> None:
    engine = open_database(tmp_path, create=True)
    with for_writing(engine).begin() as connection:
        record_offered_jobs(connection, 1, offer=make_offer(**changes))
    engine.dispose()

    difference = find_difference(tmp_path)

    assert difference is None if named is None else named in (difference or "")
