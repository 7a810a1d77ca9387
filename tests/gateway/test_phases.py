"""Points and phases as anyone may read them."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from basis.accounting.phases import close_phase
from basis.rules.phase_file import phase_document
from basis.storage.database import for_writing, open_database
from basis.storage.phase_store import load_phase
from tests.support.answers import expect_error
from tests.support.books import ALICE, BOB
from tests.support.orchestrators import orchestrator, prepare_folder
from tests.support.phase_books import CAROL, CLOSED, excluded, fill_points, finished, opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder whose November is a final phase, without Bob."""
    prepare_folder(tmp_path)
    engine = for_writing(open_database(tmp_path, create=False))
    fill_points(engine)
    opened(engine)
    close_phase(engine, "s1", now=CLOSED)
    excluded(engine)
    finished(engine)
    engine.dispose()
    return tmp_path


async def test_points__of_an_owner__are_shown_without_a_key(folder: Path) -> None:
    async with orchestrator(folder) as (running, _customer), aiohttp.ClientSession() as anyone:
        answers = {}
        for wallet in (ALICE.lower(), BOB, CAROL):
            async with anyone.get(f"{running.url}/api/points/{wallet}") as response:
                assert response.status == 200
                answers[wallet] = await response.json()

    assert answers[ALICE.lower()] == {
        "wallet": ALICE,
        "points": [
            {"asset": "LLAMA", "earnedRaw": "0", "redeemedRaw": "3000000"},
            {"asset": "WAIFU", "earnedRaw": "0", "redeemedRaw": "1000000"},
        ],
        "phases": [
            {
                "phase": "s1",
                "pools": [
                    {"pool": "image", "pointsRaw": "1000000"},
                    {"pool": "llm", "pointsRaw": "3000000"},
                ],
            }
        ],
    }
    assert answers[BOB]["points"] == [
        {"asset": "LLAMA", "earnedRaw": "1000000", "redeemedRaw": "0"}
    ]


async def test_points__nobody_of_that_address__are_none(folder: Path) -> None:
    async with orchestrator(folder) as (_running, customer):
        async with customer.get(f"/api/points/0x{1:040x}") as response:
            answer = await response.json()
        async with customer.get("/api/points/0x12") as response:
            await expect_error(response, 400, "invalid_wallet", param="wallet")
        async with customer.get(f"/api/points/{ALICE}?all=1") as response:
            await expect_error(response, 400, "invalid_input", param="all")

    assert (answer["points"], answer["phases"]) == ([], [])


async def test_phases__listed_and_shown__are_the_published_document(folder: Path) -> None:
    async with orchestrator(folder) as (running, customer):
        async with customer.get("/api/phases") as response:
            listed = (await response.json())["phases"]
        async with customer.get("/api/phases/s1") as response:
            shown = await response.json()
        async with customer.get(f"/api/phases/s1?wallet={BOB.lower()}") as response:
            of_bob = await response.json()
        with running.context.engine.connect() as connection:
            stored = load_phase(connection, "s1")

    assert [(one["terms"]["phase"], one["status"]) for one in listed] == [("s1", "final")]
    document = phase_document(stored.phase)
    assert {name: shown[name] for name in document} == document
    assert (shown["releasedParts"], shown["fileSha256"]) == ([], stored.file_hash)
    assert [line["wallet"] for line in of_bob["lines"]] == [BOB]
    assert of_bob["wallets"] == []
    assert of_bob["pools"] == shown["pools"]


async def test_phases__unknown_or_wrong__is_refused(folder: Path) -> None:
    async with orchestrator(folder) as (_running, customer):
        for path, status, code, param in (
            ("/api/phases/s9", 404, "not_found", None),
            ("/api/phases/s1?wallet=bob", 400, "invalid_wallet", "wallet"),
            ("/api/phases/s1?before=1", 400, "invalid_input", "before"),
            ("/api/phases?limit=1", 400, "invalid_input", "limit"),
        ):
            async with customer.get(path) as response:
                await expect_error(response, status, code, param=param)
