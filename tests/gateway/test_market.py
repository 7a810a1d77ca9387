"""`GET /api/workers/market`: what each model costs, from whom, and why an offer gets no jobs."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from basis.rules.offer_checks import RAILS
from basis.rules.units import Bps
from tests.support.answers import expect_error
from tests.support.basis_process import run_basis
from tests.support.market import CHEAP, DEAR, OWNERS, Market, open_market
from tests.support.offers import Owner
from tests.support.orchestrators import until

MARKET = "/api/workers/market"
TINY = "?model=basis-tiny"


async def look(market: Market, query: str = TINY) -> dict[str, Any]:
    """What the market shows of the one model that was asked for."""
    async with market.customer.get(MARKET + query) as response:
        assert response.status == 200, await response.text()
        (model,) = (await response.json())["models"]
        return model


async def test_market__without_offers__shows_list_prices_and_rails_of_every_model(
    tmp_path: Path,
) -> None:
    async with open_market(tmp_path, "plain") as market:
        async with market.customer.get(MARKET) as response:
            answer = await response.json()
        catalog = market.running.context.catalog

    assert [model["model"] for model in answer["models"]] == [one.name for one in catalog.models]
    tiny = next(model for model in answer["models"] if model["model"] == "basis-tiny")
    assert tiny == {
        "model": "basis-tiny",
        "list_price": {"prompt_price": "15000000", "output_price": "60000000"},
        "may_ask": {
            "prompt": {"least": "3750000", "most": "30000000"},
            "output": {"least": "15000000", "most": "120000000"},
        },
        "cheapest": None,
        "offers": [],
        "offer_count": 0,
    }


async def test_market__two_offers__stand_cheapest_first_without_addresses(tmp_path: Path) -> None:
    async with open_market(tmp_path, "dear", "cheap") as market:
        await market.offer("dear", DEAR)
        offer_hash = await market.offer("cheap", CHEAP, capacity=2)
        model = await look(market)

    assert [offer["worker_id"] for offer in model["offers"]] == ["cheap", "dear"]
    assert model["offer_count"] == 2
    assert model["cheapest"] == {
        "worker_id": "cheap",
        "offer_hash": offer_hash,
        "prompt_price": "10000000",
        "output_price": "40000000",
    }
    cheap = model["offers"][0]
    assert (cheap["routable"], cheap["reason"]) == (True, "")
    assert (cheap["capacity"], cheap["free_slots"]) == (2, 2)
    assert cheap["worker_wallet"] == OWNERS["cheap"].wallet
    assert 3_500 < cheap["expires_in_s"] <= 3_600
    assert cheap["heard_s_ago"] >= 0
    assert "127.0.0.1" not in json.dumps(model)


async def test_market__worker_left__says_why_and_another_is_the_cheapest(tmp_path: Path) -> None:
    async with open_market(tmp_path, "cheap", "dear") as market:
        await market.offer("cheap", CHEAP)
        await market.offer("dear", DEAR)
        await market.workers["cheap"].leave()
        sessions = market.running.context.dispatcher.sessions
        await until(lambda: "cheap" not in sessions)
        model = await look(market)

    gone = model["offers"][0]
    assert (gone["worker_id"], gone["routable"]) == ("cheap", False)
    assert gone["reason"] == "its worker is not connected"
    assert gone["heard_s_ago"] is None
    assert model["cheapest"]["worker_id"] == "dear"


async def test_market__worker_drains__says_so(tmp_path: Path) -> None:
    async with open_market(tmp_path, "cheap") as market:
        await market.offer("cheap", CHEAP)
        market.running.context.dispatcher.drain_session(market.session("cheap"))
        model = await look(market)

    assert "draining" in model["offers"][0]["reason"]
    assert model["cheapest"] is None


async def test_market__model_that_the_worker_does_not_serve__says_so(tmp_path: Path) -> None:
    async with open_market(tmp_path, "cheap") as market:
        await market.offer("cheap", (0, 0), model="basis-echo")
        model = await look(market, "?model=basis-echo")

    assert model["offers"][0]["reason"] == "its worker does not serve this model"


async def test_market__rails_are_tighter_now__the_offer_sets_no_price(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tight = replace(RAILS[-1], version="tight", lowest_bps=Bps(9_000))
    async with open_market(tmp_path, "cheap", "plain") as market:
        await market.offer("cheap", CHEAP)
        monkeypatch.setattr("basis.gateway.ask_bounds.RAILS", (*RAILS, tight))
        model = await look(market)
        header = await market.ask("price")

    assert "outside the rails" in model["offers"][0]["reason"]
    assert header.endswith("terms=list")


async def test_market__limit__bounds_the_offers_and_not_their_count(tmp_path: Path) -> None:
    async with open_market(tmp_path, "dear", "cheap") as market:
        await market.offer("dear", DEAR)
        await market.offer("cheap", CHEAP)
        model = await look(market, TINY + "&limit=1")

    assert (len(model["offers"]), model["offer_count"]) == (1, 2)


@pytest.mark.parametrize(
    ("query", "status", "code", "param"),
    [
        ("?model=gpt-9", 404, "model_not_found", None),
        ("?limit=0", 400, "invalid_input", "limit"),
        ("?limit=501", 400, "invalid_input", "limit"),
        ("?worker=1", 400, "invalid_input", "worker"),
    ],
)
async def test_market__wrong_query__is_refused_by_name(
    tmp_path: Path, query: str, status: int, code: str, param: str | None
) -> None:
    async with (
        open_market(tmp_path) as market,
        market.customer.get(MARKET + query) as response,
    ):
        await expect_error(response, status, code, param=param)


def write_keystore(folder: Path, number: int) -> tuple[str, ...]:
    """The options that sign with the key of `Owner(number)`."""
    document = Account.encrypt(number.to_bytes(32, "big"), "secret", kdf="pbkdf2", iterations=2)
    (folder / "wallet.json").write_text(json.dumps(document))
    (folder / "password").write_text("secret")
    return "--keystore", "wallet.json", "--password-file", "password"


async def test_offer_command__from_make_to_withdraw__works_against_an_orchestrator(
    tmp_path: Path,
) -> None:
    owner = Owner(1)
    keystore = write_keystore(tmp_path, 1)
    worker = ("--worker-id", "cheap", "--wallet", owner.wallet)

    async def basis(*words: str) -> str:
        done = await asyncio.to_thread(run_basis, *words, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    async with open_market(tmp_path / "data", "cheap") as market:
        url = ("--orchestrator", market.running.url)
        made = await basis("offer", "make", *worker, "--ask", "basis-tiny=10,40")
        (tmp_path / "offer.json").write_text(made)
        (tmp_path / "signed.json").write_text(await basis("offer", "sign", "offer.json", *keystore))
        sent = json.loads(await basis("offer", "send", "signed.json", *url, "--json"))
        listed = json.loads(await basis("offer", "list", *url, "--json"))
        header = await market.ask("price")
        (tmp_path / "offer.json").write_text(await basis("offer", "withdraw", *worker))
        (tmp_path / "signed.json").write_text(await basis("offer", "sign", "offer.json", *keystore))
        withdrawn = await basis("offer", "send", "signed.json", *url)
        after = json.loads(await basis("offer", "list", *url, "--json"))
        again = await asyncio.to_thread(
            run_basis, "offer", "send", "signed.json", *url, folder=tmp_path
        )
        recorded = json.loads(await basis("offer", "list", "--data", "data", "--json"))

    assert (sent["state"], sent["created"]) == ("live", True)
    assert [(row["worker"], row["prompt"], row["routable"]) for row in listed] == [
        ("cheap", "10000000", "yes")
    ]
    assert sent["offer_hash"] in header
    assert (withdrawn.strip(), after) == ("withdrawn: 1", [])
    assert (again.returncode, again.stdout.strip()) == (0, "withdrawn: 0")
    assert [row["status"] for row in recorded] == ["withdrawal", "withdrawn"]
