"""The operator's own models: `catalog.toml` in the data folder, laid over the published catalog."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec

from basis.rules.catalog import PUBLISHED, Catalog, Model, ModelKind, overlay, validate_model
from basis.rules.errors import BasisError, Misconfigured
from basis.rules.units import Bps
from basis.toml_file import load_toml

CATALOG_FILE = "catalog.toml"


class _ModelRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    kinds: list[ModelKind]
    context_tokens: int
    multiplier_bps: int
    latency_class: str
    tokenizer: str
    digests: list[str] = []
    runtimes: list[str] = []
    min_memory_mib: int = 0
    reason: str = ""


class _CatalogFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model: list[_ModelRow] = []


def load_catalog(folder: Path) -> Catalog:
    """The published catalog with the models of the folder's file over it.

    Raises:
        Misconfigured: the file is no TOML, or a row is unusable; it names the row.
    """
    return overlay(PUBLISHED, load_additions(folder))


def load_additions(folder: Path) -> list[Model]:
    """The operator's own models; none if there is no file.

    Raises:
        Misconfigured: the file is no TOML, or a row is unusable.
    """
    path = folder / CATALOG_FILE
    if not path.is_file():
        return []
    table = load_toml(path)
    try:
        rows = msgspec.convert(table, _CatalogFile).model
        models = [_as_model(row) for row in rows]
        overlay(PUBLISHED, models)
    except (msgspec.ValidationError, ValueError) as error:  # an integer too long to be quoted
        raise Misconfigured(f"{path} cannot be used: {error}") from error
    except BasisError as error:
        raise Misconfigured(f"{path} cannot be used: {error.message}") from error
    return models


def store_addition(folder: Path, model: Model) -> None:
    """Writes `model` into the folder's file, in place of one of the same name.

    Raises:
        InvalidInput: the model could not be priced or served.
        Misconfigured: the file that is there cannot be read.
    """
    validate_model(model)
    others = [other for other in load_additions(folder) if other.name != model.name]
    text = "# Models of this operator's, laid over the published catalog.\n" + "".join(
        _as_toml(row) for row in [*others, model]
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = folder / f"{CATALOG_FILE}.new"
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / CATALOG_FILE)


def _as_model(row: _ModelRow) -> Model:
    return Model(
        name=row.name,
        kinds=tuple(row.kinds),
        context_tokens=row.context_tokens,
        multiplier_bps=Bps(row.multiplier_bps),
        latency_class=row.latency_class,
        tokenizer=row.tokenizer,
        digests=tuple(row.digests),
        runtimes=tuple(row.runtimes),
        min_memory_mib=row.min_memory_mib,
        reason=row.reason,
    )


def _as_toml(model: Model) -> str:
    # JSON's strings, numbers and arrays of them are TOML's too.
    fields: dict[str, object] = {
        "name": model.name,
        "kinds": [kind.value for kind in model.kinds],
        "context_tokens": model.context_tokens,
        "multiplier_bps": model.multiplier_bps,
        "latency_class": model.latency_class,
        "tokenizer": model.tokenizer,
        "digests": list(model.digests),
        "runtimes": list(model.runtimes),
        "min_memory_mib": model.min_memory_mib,
        "reason": model.reason,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in fields.items()]
    return "\n[[model]]\n" + "\n".join(lines) + "\n"
