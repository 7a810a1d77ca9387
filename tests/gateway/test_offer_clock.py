"""A wall clock that somebody sets while offers run: they go on, and new ones are taken."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from basis.dispatch.lease import now_us
from tests.support.market import CHEAP, OWNERS, Market, open_market

DAY_S = 86_400


@dataclass(slots=True)
class Clocks:
    """The machine's clocks, of which the wall clock can be set and both can be moved on."""

    set_by_s: int = 0
    passed_s: int = 0

    def __call__(self) -> tuple[int, int]:
        monotonic_us = now_us() + self.passed_s * 1_000_000
        return time.time_ns() // 1_000 + (self.passed_s + self.set_by_s) * 1_000_000, monotonic_us


def take_clocks(market: Market) -> Clocks:
    """Has the market's book read clocks that the test sets."""
    clocks = Clocks()
    market.running.context.offers._read_clocks = clocks
    return clocks


async def state_of(market: Market, offer_hash: str) -> str:
    """An offer's state by HTTP, as of the clocks now."""
    context = market.running.context
    context.offers.shelf.advance(context.offers._look())
    await context.offers.record_ends()
    async with market.customer.get(f"/api/workers/offers/{offer_hash}") as response:
        return (await response.json())["state"]


async def test_clock__a_day_forward_and_back__offers_live_all_the_while(tmp_path: Path) -> None:
    async with open_market(tmp_path, "cheap") as market:
        clocks = take_clocks(market)
        offer_hash = await market.offer("cheap", CHEAP)
        states = [await state_of(market, offer_hash)]
        for set_by_s in (DAY_S, 0):
            clocks.set_by_s = set_by_s
            states.append(await state_of(market, offer_hash))
        price = await market.ask(prefer="price")

    assert states == ["live", "live", "live"]
    assert offer_hash in price


async def test_clock__a_day_forward__new_offers_by_the_right_time_are_taken(
    tmp_path: Path,
) -> None:
    async with open_market(tmp_path, "cheap") as market:
        clocks = take_clocks(market)
        first = await market.offer("cheap", CHEAP)
        clocks.set_by_s = DAY_S
        second = await market.offer("cheap", CHEAP, nonce=2)
        states = [await state_of(market, one) for one in (first, second)]

    assert states == ["superseded", "live"]


async def test_clock__a_day_forward_for_long__ends_them_and_new_ones_are_taken_once_it_is_back(
    tmp_path: Path,
) -> None:
    async with open_market(tmp_path, "cheap") as market:
        clocks = take_clocks(market)
        first = await market.offer("cheap", CHEAP)
        clocks.set_by_s, clocks.passed_s = DAY_S, 10
        meanwhile = await state_of(market, first)
        clocks.passed_s = 1_000
        ended = await state_of(market, first)
        clocks.set_by_s = 0
        still_ended = await state_of(market, first)
        second = await market.offer("cheap", CHEAP, nonce=2)
        begun = await state_of(market, second)

    assert (meanwhile, ended, still_ended, begun) == ("live", "expired", "expired", "live")


async def test_clock__set_right__offers_expire_when_their_time_has_passed(tmp_path: Path) -> None:
    async with open_market(tmp_path, "cheap") as market:
        clocks = take_clocks(market)
        owner = OWNERS["cheap"]
        offer_hash = await market.offer("cheap", CHEAP, life_s=120)
        clocks.passed_s = 60
        before = await state_of(market, offer_hash)
        clocks.passed_s = 121
        after = await state_of(market, offer_hash)

    assert (before, after) == ("live", "expired")
    assert owner.wallet
