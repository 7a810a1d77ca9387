"""The published models, and an operator's own put over them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib.resources import files

import pytest
from rule_vectors import load_vectors

from basis.rules.catalog import (
    CATALOGS,
    PUBLISHED,
    TINY_GGUF_DIGEST,
    Catalog,
    Model,
    ModelKind,
    compute_models_digest,
    overlay,
    validate_model,
)
from basis.rules.errors import InvalidInput, UnknownModel
from basis.rules.units import Bps

OWN = Model(
    name="qwen3-8b.Q4_K_M",
    kinds=(ModelKind.CHAT,),
    context_tokens=32_768,
    multiplier_bps=Bps(7_500),
    latency_class="default",
    tokenizer="models/qwen3-8b.gguf",
)


@pytest.mark.parametrize(
    ("name", "context_tokens", "multiplier_bps"),
    [
        ("basis-small", 16_384, 5_000),
        ("basis-default", 32_768, 10_000),
        ("basis-large", 131_072, 30_000),
    ],
)
def test_published__models_of_the_network__have_the_figures_of_the_mission(
    name: str, context_tokens: int, multiplier_bps: int
) -> None:
    model = PUBLISHED.get(name)
    assert model.context_tokens == context_tokens
    assert model.multiplier_bps == multiplier_bps


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda catalog: catalog.version)
def test_catalogs__once_published__never_change(catalog: Catalog) -> None:
    vector = next(
        case
        for case in load_vectors("catalog")["cases"]
        if case["catalogVersion"] == catalog.version
    )

    assert compute_models_digest(catalog.models) == vector["modelsSha256"]
    assert catalog.effective_from == vector["effectiveFrom"]


def test_catalogs__published__are_those_of_the_vectors_oldest_first() -> None:
    versions = [case["catalogVersion"] for case in load_vectors("catalog")["cases"]]

    assert [catalog.version for catalog in CATALOGS] == versions


@pytest.mark.parametrize("model", PUBLISHED.models, ids=lambda model: model.name)
def test_published__each_model__is_valid_and_gives_a_reason(model: Model) -> None:
    validate_model(model)
    assert model.reason


def test_published__names__are_unique() -> None:
    names = [model.name for model in PUBLISHED.models]
    assert len(set(names)) == len(names)


def test_published__simulator__charges_and_pays_nothing() -> None:
    echo = PUBLISHED.get("basis-echo")
    assert echo.multiplier_bps == 0
    assert echo.runtimes == ("echo",)


def test_published__digest_of_the_tiny_model__is_that_of_the_shipped_file() -> None:
    shipped = files("basis").joinpath("artefacts/basis-tiny.gguf").read_bytes()
    assert hashlib.sha256(shipped).hexdigest() == TINY_GGUF_DIGEST.removeprefix("sha256:")


def test_get__no_such_model__raises_and_names_it() -> None:
    with pytest.raises(UnknownModel, match="'gpt-9'") as caught:
        PUBLISHED.get("gpt-9")
    assert caught.value.model == "gpt-9"
    assert not PUBLISHED.has("gpt-9")


def test_is_ready__without_a_tokenizer__is_false() -> None:
    assert OWN.is_ready
    assert not replace(OWN, tokenizer="").is_ready


def test_overlay__nothing__is_the_base_itself() -> None:
    assert overlay(PUBLISHED, []) is PUBLISHED


def test_overlay__new_model__is_added_after_those_of_the_base() -> None:
    catalog = overlay(PUBLISHED, [OWN])
    assert catalog.models == (*PUBLISHED.models, OWN)
    assert catalog.get(OWN.name) is OWN


def test_overlay__same_name__takes_the_place_of_the_base() -> None:
    mapped = replace(PUBLISHED.get("basis-small"), tokenizer="models/small.gguf")
    catalog = overlay(PUBLISHED, [mapped])
    assert catalog.get("basis-small") is mapped
    assert [model.name for model in catalog.models] == [model.name for model in PUBLISHED.models]


def test_overlay__order_of_the_file__does_not_matter() -> None:
    other = replace(OWN, name="another")
    assert overlay(PUBLISHED, [OWN, other]) == overlay(PUBLISHED, [other, OWN])


@pytest.mark.parametrize(
    "changed",
    [
        replace(OWN, name="renamed"),
        replace(OWN, kinds=(ModelKind.COMPLETION,)),
        replace(OWN, context_tokens=8_192),
        replace(OWN, multiplier_bps=Bps(7_501)),
        replace(OWN, latency_class="large"),
        replace(OWN, tokenizer="elsewhere.gguf"),
        replace(OWN, digests=("sha256:" + "1" * 64,)),
        replace(OWN, runtimes=("vllm",)),
        replace(OWN, min_memory_mib=1),
    ],
    ids=lambda model: next(
        name for name in Model.__slots__ if getattr(model, name) != getattr(OWN, name)
    ),
)
def test_overlay__any_field_changed__has_another_version(changed: Model) -> None:
    version = overlay(PUBLISHED, [OWN]).version
    assert version.startswith(f"{PUBLISHED.version}+")
    assert overlay(PUBLISHED, [changed]).version != version


def test_overlay__one_name_twice__raises() -> None:
    with pytest.raises(InvalidInput, match="stands twice"):
        overlay(PUBLISHED, [OWN, OWN])


@pytest.mark.parametrize(
    ("unusable", "param"),
    [
        (replace(OWN, name=""), "name"),
        (replace(OWN, name="a" * 65), "name"),
        (replace(OWN, name="two words"), "name"),
        (replace(OWN, name="modèle"), "name"),
        (replace(OWN, name="---"), "name"),
        (replace(OWN, name="a/b"), "name"),
        (replace(OWN, kinds=()), "kinds"),
        (replace(OWN, context_tokens=0), "context_tokens"),
        (replace(OWN, context_tokens=16_777_217), "context_tokens"),
        (replace(OWN, multiplier_bps=Bps(-1)), "multiplier_bps"),
        (replace(OWN, multiplier_bps=Bps(1_000_001)), "multiplier_bps"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name[:12] or "empty",
)
def test_overlay__unusable_model__raises_and_names_the_field(unusable: Model, param: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        overlay(PUBLISHED, [unusable])
    assert caught.value.param == param
