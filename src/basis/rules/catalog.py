"""Which models the network knows, what each counts for, and which artefacts may stand behind it.

A catalog is a dated, versioned table. The published one is below; an operator's own file may add
models or map a network name to a real artefact, which gives the catalog another version. A record
names the version that it used, so that history recomputes.
Source: mission N12 (names, context, multipliers); the rest is ours to choose.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from basis.rules.canonical import canonical_json, sha256_hex
from basis.rules.errors import InvalidInput, UnknownModel
from basis.rules.factors import TABLES
from basis.rules.units import Bps


class ModelKind(enum.StrEnum):
    """What a model can be asked for."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One row of the catalog.

    `tokenizer` says where the gateway finds the model's own tokenizer: `shipped:NAME` for a file in
    the package, else a path to a GGUF or tokenizer.json. Without one nothing can be metered, so the
    model is known but not ready: the operator has yet to map the name.
    `digests` are the artefacts that count as this model; empty means that any does.
    `runtimes` are those that may serve it; empty means any but the simulator.
    """

    name: str
    kinds: tuple[ModelKind, ...]
    context_tokens: int
    multiplier_bps: Bps
    latency_class: str
    tokenizer: str = ""
    digests: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    min_memory_mib: int = 0
    reason: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether jobs for it can be metered."""
        return self.tokenizer != ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """A whole table: `version` names it for ever, `effective_from` is an ISO 8601 date."""

    version: str
    effective_from: str
    models: tuple[Model, ...]

    def get(self, name: str) -> Model:
        """The model of this name.

        Raises:
            UnknownModel: there is none.
        """
        for model in self.models:
            if model.name == name:
                return model
        raise UnknownModel(name)

    def has(self, name: str) -> bool:
        """Whether there is a model of this name."""
        return any(model.name == name for model in self.models)


_TEXT = (ModelKind.CHAT, ModelKind.COMPLETION)
_UNMAPPED = "the operator has not mapped this name to an artefact: see `basis model add --help`"

# One for each time that the tiny model was trained: a table keeps the digest it was published with.
_TINY_OF_2026_11_21 = "sha256:bc789bcf933027b885eb9aa82acea7926662d5d269b464cbc2edb91989fe9fa1"
_TINY_OF_2026_11_23 = "sha256:05797b0fa4f19dc583b298b4e7164e3629f2ca78efc5326ab8cdef84495d5076"

CATALOG_2026_11_21 = Catalog(
    version="2026-11-21",
    effective_from="2026-11-21",
    models=(
        Model(
            name="basis-small",
            kinds=_TEXT,
            context_tokens=16_384,
            multiplier_bps=Bps(5_000),
            latency_class="small",
            min_memory_mib=6_144,
            reason=_UNMAPPED,
        ),
        Model(
            name="basis-default",
            kinds=_TEXT,
            context_tokens=32_768,
            multiplier_bps=Bps(10_000),
            latency_class="default",
            min_memory_mib=12_288,
            reason=_UNMAPPED,
        ),
        Model(
            name="basis-large",
            kinds=_TEXT,
            context_tokens=131_072,
            multiplier_bps=Bps(30_000),
            latency_class="large",
            min_memory_mib=40_960,
            reason=_UNMAPPED,
        ),
        Model(
            name="basis-tiny",
            kinds=_TEXT,
            context_tokens=1_024,
            multiplier_bps=Bps(1_000),
            latency_class="tiny",
            tokenizer="shipped:basis-tiny.gguf",
            digests=(_TINY_OF_2026_11_21,),
            reason="shipped with Basis; runs on any CPU",
        ),
        Model(
            name="basis-tiny-embed",
            kinds=(ModelKind.EMBEDDING,),
            context_tokens=1_024,
            multiplier_bps=Bps(1_000),
            latency_class="tiny",
            tokenizer="shipped:basis-tiny.gguf",
            digests=(_TINY_OF_2026_11_21,),
            reason="the tiny model's mean-pooled hidden states",
        ),
        Model(
            name="basis-echo",
            kinds=_TEXT,
            context_tokens=1_024,
            multiplier_bps=Bps(0),
            latency_class="tiny",
            tokenizer="shipped:basis-tiny.gguf",
            runtimes=("echo",),
            reason="a simulator for testing the path; multiplier 0, so it charges and pays nothing",
        ),
    ),
)


CATALOG_2026_11_23 = replace(
    CATALOG_2026_11_21,
    version="2026-11-23",
    effective_from="2026-11-23",
    models=tuple(
        replace(model, digests=(_TINY_OF_2026_11_23,)) if model.digests else model
        for model in CATALOG_2026_11_21.models
    ),
)
"""The tiny model was trained anew; nothing else changed."""

CATALOGS: tuple[Catalog, ...] = (CATALOG_2026_11_21, CATALOG_2026_11_23)
"""Every table that was ever published, oldest first."""

PUBLISHED = CATALOGS[-1]
"""The table in force."""

TINY_GGUF_DIGEST = PUBLISHED.get("basis-tiny").digests[0]
"""Digest of the shipped basis-tiny.gguf; a test holds it to the file. Another file needs another
table of its own date."""

_OVERLAY_DIGEST = re.compile(r"[0-9a-f]{12}")


def overlay(base: Catalog, additions: Iterable[Model]) -> Catalog:
    """`base` with the operator's models put over those of the same name.

    The new version carries a digest of the additions, so that two operators' tables never share a
    name; without additions it is `base` itself.

    Raises:
        InvalidInput: two additions of one name, or one that `validate_model` refuses.
    """
    added = {model.name: model for model in _validated(additions)}
    if not added:
        return base
    kept = [added.pop(model.name, model) for model in base.models]
    models = (*kept, *sorted(added.values(), key=lambda model: model.name))
    digest = compute_models_digest(models)
    return replace(base, version=f"{base.version}+{digest[:12]}", models=models)


def compute_models_digest(models: Iterable[Model]) -> str:
    """The SHA-256 over the canonical JSON of a table's rows, their reasons left out."""
    return sha256_hex(canonical_json([_as_json(model) for model in models]))


def validate_terms(
    *, catalog_version: str, model_name: str, multiplier_bps: Bps | None, latency_class: str
) -> None:
    """Refuses terms on which no catalog of this version offered the model.

    A `multiplier_bps` of None is not held to the catalog: the pricing epoch has one of its own.
    Of an operator's own table only the version is known, so any terms may be its own.

    Raises:
        InvalidInput: no such version was published or laid over a published one, or the published
            terms are others.
        UnknownModel: the published table has no such model.
    """
    base, plus, digest = catalog_version.partition("+")
    published = next((catalog for catalog in CATALOGS if catalog.version == base), None)
    if published is None or (plus and not _OVERLAY_DIGEST.fullmatch(digest)):
        raise InvalidInput(
            f"no catalog {catalog_version!r} was ever published", param="catalog_version"
        )
    if plus:
        return
    model = published.get(model_name)
    if multiplier_bps is None:
        multiplier_bps = model.multiplier_bps
    if (multiplier_bps, latency_class) != (model.multiplier_bps, model.latency_class):
        raise InvalidInput(
            f"the catalog {catalog_version} offers {model_name} at {model.multiplier_bps} bps in "
            f"class {model.latency_class}, not at {multiplier_bps} bps in class {latency_class}",
            param="model",
        )


def validate_model(model: Model) -> None:
    """Refuses a row that could not be priced or served.

    Raises:
        InvalidInput: an empty name, no kind, a context or multiplier out of range, a latency class
            that no factor table has a target for.
    """
    name_is_plain = model.name.replace("-", "").replace(".", "").replace("_", "").isalnum()
    if not (1 <= len(model.name) <= 64 and model.name.isascii() and name_is_plain):
        raise InvalidInput(
            f"model name {model.name!r}: expected 1 to 64 letters, digits, '-', '.' or '_'",
            param="name",
        )
    if not model.kinds:
        raise InvalidInput(f"{model.name}: at least one kind is needed", param="kinds")
    if not 1 <= model.context_tokens <= 16_777_216:
        raise InvalidInput(
            f"{model.name}: context of {model.context_tokens} tokens", param="context_tokens"
        )
    if not 0 <= model.multiplier_bps <= 1_000_000:
        raise InvalidInput(
            f"{model.name}: multiplier of {model.multiplier_bps} bps is outside 0 to 1000000",
            param="multiplier_bps",
        )
    if model.latency_class not in TABLES[-1].latency_targets:
        known = ", ".join(sorted(TABLES[-1].latency_targets))
        raise InvalidInput(
            f"{model.name}: latency class {model.latency_class!r}; known are {known}",
            param="latency_class",
        )


def _validated(additions: Iterable[Model]) -> list[Model]:
    seen: dict[str, Model] = {}
    for model in additions:
        validate_model(model)
        if model.name in seen:
            raise InvalidInput(f"the model {model.name!r} stands twice in the file", param="name")
        seen[model.name] = model
    return list(seen.values())


def _as_json(model: Model) -> dict[str, object]:
    return {
        "name": model.name,
        "kinds": [kind.value for kind in model.kinds],
        "contextTokens": model.context_tokens,
        "multiplierBps": model.multiplier_bps,
        "latencyClass": model.latency_class,
        "tokenizer": model.tokenizer,
        "digests": list(model.digests),
        "runtimes": list(model.runtimes),
        "minMemoryMib": model.min_memory_mib,
    }
