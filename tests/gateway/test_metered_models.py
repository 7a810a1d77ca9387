"""Models that the gateway cannot meter, or whose template refuses: told, never guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from basis.catalog_file import store_addition
from basis.rules.catalog import Model, ModelKind
from basis.rules.units import Bps
from basis.storage.receipt_store import StoredReceipt
from tests.support.answers import expect_error
from tests.support.artefacts import TINY_GGUF
from tests.support.orchestrators import Customer, orchestrator, stored_receipts
from tests.support.scripted_worker import ScriptedWorker


def add_model(folder: Path, tokenizer: Path) -> None:
    """Adds the operator's own model `own`, with this tokenizer."""
    model = Model(
        name="own",
        kinds=(ModelKind.CHAT, ModelKind.COMPLETION),
        context_tokens=1_024,
        multiplier_bps=Bps(10_000),
        latency_class="default",
        tokenizer=str(tokenizer),
    )
    store_addition(folder, model)


async def ask_own(customer: Customer, **fields: Any) -> Any:
    """Asks the model `own`."""
    return await customer.chat(model="own", **fields)


@pytest.mark.parametrize("name", ["away.gguf", "broken.json"])
async def test_metered__tokenizer_cannot_be_loaded__is_pending_and_tells_no_path(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "broken.json").write_text("{}")
    add_model(tmp_path, tmp_path / name)

    async with (
        orchestrator(tmp_path) as (running, customer),
        ScriptedWorker(running.url, models=("own",)),
    ):
        async with await ask_own(customer) as response:
            message = await expect_error(response, 503, "runtime_pending")
        receipts: list[StoredReceipt] = stored_receipts(running)

    assert str(tmp_path) not in message
    assert receipts == []


async def test_metered__own_model__is_counted_by_its_own_tokenizer(tmp_path: Path) -> None:
    add_model(tmp_path, TINY_GGUF)

    async with (
        orchestrator(tmp_path) as (running, customer),
        ScriptedWorker(running.url, models=("own",)),
    ):
        async with await ask_own(customer) as response:
            assert response.status == 200, await response.text()
        (receipt,) = stored_receipts(running)

    assert receipt.core.model_multiplier_bps == 10_000
    assert receipt.details.versions.catalog != "2026-11-21"


async def test_metered__template_refuses__names_the_messages(tmp_path: Path) -> None:
    tokenizer = tmp_path / "own" / "tokenizer.json"
    tokenizer.parent.mkdir()
    tokenizer.write_bytes(TINY_GGUF.with_name("basis-tiny.tokenizer.json").read_bytes())
    tokenizer.with_name("chat_template.jinja").write_text("{{ raise_exception('no user here') }}")
    add_model(tmp_path, tokenizer)

    async with (
        orchestrator(tmp_path) as (running, customer),
        ScriptedWorker(running.url, models=("own",)),
        await ask_own(customer) as response,
    ):
        message = await expect_error(response, 400, "invalid_input", param="messages")

    assert "no user here" in message


async def test_metered__model_without_a_template__is_asked_through_completions(
    tmp_path: Path,
) -> None:
    tokenizer = tmp_path / "own" / "tokenizer.json"
    tokenizer.parent.mkdir()
    tokenizer.write_bytes(TINY_GGUF.with_name("basis-tiny.tokenizer.json").read_bytes())
    add_model(tmp_path, tokenizer)

    async with (
        orchestrator(tmp_path) as (running, customer),
        ScriptedWorker(running.url, models=("own",)),
    ):
        async with await ask_own(customer) as response:
            message = await expect_error(response, 400, "unsupported_feature", param="messages")
        async with customer.post("/v1/completions", model="own", prompt="x") as response:
            assert response.status == 200

    assert "/v1/completions" in message
