"""`basis model`: the catalog, and the operator's own additions to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from basis.cli.data_folder import (
    DataOption,
    JsonOption,
    print_json,
    print_table,
    resolve_folder,
)

if TYPE_CHECKING:
    from basis.rules.catalog import Model, ModelKind

app = typer.Typer(
    help="List and show models; map a network name to a real artefact.", no_args_is_help=True
)


@app.command(name="list")
def list_models(data: DataOption = None, json: JsonOption = False) -> None:
    """List the catalog with the operator's models over it."""
    from basis.catalog_file import load_catalog
    from basis.gateway.model_list import catalog_entry

    catalog = load_catalog(resolve_folder(data))
    if json:
        models = [catalog_entry(model) for model in catalog.models]
        print_json({"version": catalog.version, "models": models})
        return
    print_table(
        ["model", "kinds", "context", "multiplier", "class", "ready"],
        [
            [
                model.name,
                ",".join(kind.value for kind in model.kinds),
                str(model.context_tokens),
                f"{model.multiplier_bps} bps",
                model.latency_class,
                "yes" if model.is_ready else "no: not mapped",
            ]
            for model in catalog.models
        ],
    )
    typer.echo(f"catalog {catalog.version}", err=True)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The network's name of the model.")],
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Show one model."""
    from basis.catalog_file import load_catalog
    from basis.gateway.model_list import catalog_entry

    model = load_catalog(resolve_folder(data)).get(name)
    if json:
        print_json(catalog_entry(model))
        return
    for label, value in _describe(model):
        typer.echo(f"{label:<16}{value}")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="The network's name: new, or one to map anew.")],
    tokenizer: Annotated[
        str,
        typer.Option(help="The model's .gguf or tokenizer.json, by which tokens are counted."),
    ],
    kind: Annotated[
        list[str] | None, typer.Option(help="chat, completion, embedding; repeatable.")
    ] = None,
    context: Annotated[int | None, typer.Option(help="Tokens of context.")] = None,
    multiplier_bps: Annotated[int | None, typer.Option(help="10000 = 1x.")] = None,
    latency_class: Annotated[str | None, typer.Option(help="tiny, small, default, large.")] = None,
    digest: Annotated[
        list[str] | None,
        typer.Option(help="Accepted artefact: sha256:... of a GGUF, or ollama:...; repeatable."),
    ] = None,
    min_memory_mib: Annotated[int | None, typer.Option(help="Memory that a worker needs.")] = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Add a model, or map a published name to a real artefact; in force at the next start."""
    from dataclasses import replace

    from basis.catalog_file import load_catalog, store_addition
    from basis.gateway.model_list import catalog_entry
    from basis.metering.meter import load_meter

    folder = resolve_folder(data)
    catalog = load_catalog(folder)
    base = catalog.get(name) if catalog.has(name) else _blank(name)
    model = replace(
        base,
        tokenizer=_absolute(tokenizer),
        kinds=_kinds(kind) if kind else base.kinds,
        context_tokens=context if context is not None else base.context_tokens,
        multiplier_bps=multiplier_bps if multiplier_bps is not None else base.multiplier_bps,
        latency_class=latency_class or base.latency_class,
        digests=tuple(digest) if digest else base.digests,
        min_memory_mib=min_memory_mib if min_memory_mib is not None else base.min_memory_mib,
        reason="mapped by the operator",
    )
    _check_digests(model)
    load_meter(model.tokenizer)
    store_addition(folder, model)
    if not model.digests:
        typer.echo("No --digest: any artefact will count as this model.", err=True)
    if json:
        print_json(catalog_entry(model))
    else:
        typer.echo(f"{name} is in {folder / 'catalog.toml'}; restart `basis up` to use it")


def _blank(name: str) -> Model:
    from basis.rules.catalog import Model, ModelKind
    from basis.rules.units import Bps

    return Model(
        name=name,
        kinds=(ModelKind.CHAT, ModelKind.COMPLETION),
        context_tokens=4_096,
        multiplier_bps=Bps(10_000),
        latency_class="default",
    )


def _kinds(names: list[str]) -> tuple[ModelKind, ...]:
    from basis.rules.catalog import ModelKind
    from basis.rules.errors import InvalidInput

    known = {kind.value for kind in ModelKind}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InvalidInput(
            f"--kind is {unknown[0]!r}: expected {', '.join(sorted(known))}", param="kind"
        )
    return tuple(dict.fromkeys(ModelKind(name) for name in names))


def _check_digests(model: Model) -> None:
    import re

    from basis.rules.errors import InvalidInput

    for digest in model.digests:
        if not re.fullmatch(r"(sha256|ollama):[0-9a-f]{64}", digest):
            raise InvalidInput(
                f"--digest is {digest[:90]!r}: expected sha256: or ollama: and 64 hex digits",
                param="digest",
            )


def _absolute(tokenizer: str) -> str:
    if tokenizer.startswith("shipped:"):
        return tokenizer
    try:
        return str(Path(tokenizer).expanduser().resolve())
    except RuntimeError as error:
        from basis.rules.errors import InvalidInput

        raise InvalidInput(
            f"--tokenizer is {tokenizer[:90]!r}: there is no such user", param="tokenizer"
        ) from error


def _describe(model: Model) -> list[tuple[str, str]]:
    return [
        ("model", model.name),
        ("kinds", ", ".join(kind.value for kind in model.kinds)),
        ("context", f"{model.context_tokens} tokens"),
        ("multiplier", f"{model.multiplier_bps} bps"),
        ("latency class", model.latency_class),
        ("tokenizer", model.tokenizer or "none: not mapped"),
        ("digests", ", ".join(model.digests) or "any"),
        ("runtimes", ", ".join(model.runtimes) or "any but echo"),
        ("memory", f"{model.min_memory_mib} MiB"),
        ("note", model.reason),
    ]
