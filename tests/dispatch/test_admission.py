"""Which offered models may get jobs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from basis.dispatch.admission import check_model_offer
from basis.rules.catalog import PUBLISHED, TINY_GGUF_DIGEST, Catalog
from basis.rules.wallet import parse_wallet
from basis.storage.worker_store import WorkerRecord
from basis.wire.frames import ModelOffer

RECORD = WorkerRecord(
    id="w1",
    wallet=parse_wallet("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    runtime="llamacpp",
    models=("basis-tiny", "basis-default", "basis-echo", "own"),
    token_hash="",
    earned_raw=0,
    created_at="",
    updated_at="",
)
OWN = replace(PUBLISHED.get("basis-tiny"), name="own", digests=())
CATALOG = Catalog(version="t", effective_from="2026-11-21", models=(*PUBLISHED.models, OWN))
DIGEST = TINY_GGUF_DIGEST
TINY = ModelOffer(model="basis-tiny", digest=DIGEST, context_tokens=1_024)


def verdict(offer: ModelOffer, **changes: object) -> str:
    """Why the offer of the record, with changes, gets no jobs."""
    return check_model_offer(offer, record=replace(RECORD, **changes), catalog=CATALOG)


@pytest.mark.parametrize("context_tokens", [0, 1_024, 100_000])
def test_offer__fitting__gets_jobs(context_tokens: int) -> None:
    offer = ModelOffer(model="basis-tiny", digest=DIGEST, context_tokens=context_tokens)

    assert verdict(offer) == ""


@pytest.mark.parametrize(
    ("offer", "changes", "words"),
    [
        (ModelOffer(model="gpt-4o"), {}, "not in this network's catalog"),
        (ModelOffer(model="basis-small"), {}, "not registered"),
        (ModelOffer(model="basis-default"), {}, "has not mapped"),
        (TINY, {"runtime": "echo"}, "basis-echo only"),
        (ModelOffer(model="basis-echo"), {}, "echo only"),
        (ModelOffer(model="basis-tiny", digest="sha256:" + "0" * 64), {}, "artefact is sha256:0"),
        (ModelOffer(model="basis-tiny"), {}, "artefact is unknown"),
        (ModelOffer(model="basis-tiny", digest=DIGEST, context_tokens=1_023), {}, "1023 tokens"),
        (ModelOffer(model="own"), {"runtime": "echo"}, "basis-echo only"),
    ],
)
def test_offer__unfit__says_why(offer: ModelOffer, changes: dict[str, object], words: str) -> None:
    assert words in verdict(offer, **changes)


def test_offer__simulator__may_serve_its_own_model() -> None:
    assert verdict(ModelOffer(model="basis-echo"), runtime="echo") == ""


def test_offer__model_without_digests__takes_any_artefact() -> None:
    assert verdict(ModelOffer(model="own", digest="sha256:whatever")) == ""
