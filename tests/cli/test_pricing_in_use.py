"""Epochs that price: a running orchestrator takes them over, and an edited one is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from basis.gateway import upkeep
from basis.rules.epoch_form import compute_epoch_hash, epoch_json
from basis.rules.epochs import EPOCHS
from tests.cli.conftest import Command
from tests.support.basis_process import run_basis
from tests.support.epochs import FUTURE, SPRING, edit, put_in_force, write_epoch
from tests.support.house import open_house
from tests.support.orchestrators import orchestrator, settled_receipts, until

EDITS = {
    "price": "UPDATE pricing_epochs SET content = replace(content, '200000000', '200000001')",
    "version": "UPDATE pricing_epochs SET version = 'winter'",
    "hash": "UPDATE pricing_epochs SET hash = '0'",
    "no epoch": "UPDATE pricing_epochs SET content = '{}'",
    "no text": "UPDATE pricing_epochs SET content = x'ff'",
    "no time": "UPDATE pricing_epochs SET effective_from = '1'",
    "time otherwise": "UPDATE pricing_epochs SET effective_from = '2021-01-01T00:00:00Z'",
}


@pytest.mark.parametrize("sql", EDITS.values(), ids=EDITS.keys())
def test_epoch__edited_after_use__is_found_by_all_that_read_it(
    basis: Command, tmp_path: Path, sql: str
) -> None:
    put_in_force(tmp_path / "data")
    edit(tmp_path / "data", sql)

    for words in (
        ("pricing", "show"),
        ("pricing", "show", "spring"),
        ("pricing", "propose", str(write_epoch(tmp_path))),
        ("pricing", "activate", "spring", "--from", "2999-01-01T00:00:00Z"),
    ):
        outcome = basis(*words)
        assert (outcome.code, outcome.out) == (10, ""), outcome.err
        assert "pricing_epochs" in outcome.err
    started = run_basis("up", "--port", "0", folder=tmp_path)
    assert started.returncode == 10
    assert "pricing_epochs" in started.stderr


async def test_epoch__edited_after_it_priced_a_job__is_found_by_recompute_and_the_route(
    basis: Command, tmp_path: Path
) -> None:
    put_in_force(tmp_path / "data")
    cheaper = replace(SPRING, output_price=1, model_prices=())
    async with open_house(tmp_path / "data") as house:
        async with house.customer.chat(max_tokens=20) as response:
            assert response.status == 200
        (receipt,) = await settled_receipts(house.running)
        assert receipt.details.versions.pricing == "spring"
        assert basis("recompute").code == 0

        edit(tmp_path / "data", EDITS["price"])
        async with house.customer.get("/api/pricing") as response:
            refusal = response.status, (await response.json())["error"]["code"]

    assert refusal == (503, "damaged_record")
    assert basis("recompute").code in {8, 10}

    # With its hash in agreement too, the receipts still name the one that they were priced by.
    content = msgspec.json.encode(epoch_json(cheaper)).decode()
    edit(
        tmp_path / "data",
        "UPDATE pricing_epochs SET content = ?, hash = ?",
        content,
        compute_epoch_hash(cheaper),
    )
    outcome = basis("recompute")
    assert outcome.code == 8
    assert receipt.recorded_hash in outcome.out


async def test_activation__beside_a_running_orchestrator__is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_PRICES_READ_S", 0.05)
    write_epoch(tmp_path)

    def type_command(*words: str) -> None:
        data = ("--data", str(tmp_path / "data"))
        done = run_basis("pricing", *words, *data, folder=tmp_path)
        assert done.returncode == 0, done.stderr

    async with orchestrator(tmp_path / "data") as (running, customer):
        prices = running.context.prices
        type_command("propose", str(tmp_path / "spring.json"))
        async with customer.get("/api/pricing") as response:
            before = await response.json()
        type_command("activate", "spring", "--from", "2098-01-01T00:00:00Z")
        await until(lambda: prices.epoch(at=FUTURE).version == "spring")
        async with customer.get("/api/pricing") as response:
            after = await response.json()

        assert prices.epoch(at="2097-12-31T23:59:59.999Z") == EPOCHS[-1]

    assert before["next"] is None
    assert len(before["epochs"]) == 1
    assert after["inForce"]["epoch"]["version"] == EPOCHS[-1].version
    assert after["next"]["effectiveFrom"] == "2098-01-01T00:00:00.000Z"
    assert after["next"]["hash"] == compute_epoch_hash(SPRING)
    assert {row["model"] for row in after["next"]["effectivePrices"]} >= {"basis-tiny"}


async def test_job__across_an_activation__keeps_the_terms_that_it_was_accepted_on(
    basis: Command, tmp_path: Path
) -> None:
    put_in_force(tmp_path / "data")
    async with open_house(tmp_path / "data") as house:
        async with house.customer.chat(max_tokens=20) as response:
            usage = (await response.json())["usage"]
        (receipt,) = await settled_receipts(house.running)

    # 1 and 10 credits per million x 0.1x x 1.5, and both together rounded up once.
    scaled = usage["prompt_tokens"] * 150_000 + usage["completion_tokens"] * 1_500_000
    assert receipt.details.charge is not None
    assert receipt.details.charge.microcredits == str(-(-scaled // 10**6))
    assert receipt.details.charge.epoch_hash == compute_epoch_hash(SPRING)
    assert basis("recompute").code == 0
