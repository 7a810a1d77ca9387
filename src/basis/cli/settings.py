"""`basis settings`: what is set, and from what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from basis.cli.data_folder import JsonOption, print_json

app = typer.Typer(help="Show the settings in force.", no_args_is_help=True)


@app.command()
def show(
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Settings file.")] = None,
    json: JsonOption = False,
) -> None:
    """Show every setting with its value; there are no secrets among them."""
    import msgspec

    from basis.config import load_settings

    settings = load_settings(file=config)
    if json:
        print_json(settings)
        return
    for section, values in msgspec.to_builtins(settings).items():
        typer.echo(f"[{section}]")
        for name, value in values.items():
            typer.echo(f"{name} = {msgspec.json.encode(value).decode()}")
        typer.echo("")
