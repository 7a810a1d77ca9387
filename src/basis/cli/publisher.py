"""`basis publisher`: the key that signs what this operator publishes."""

from __future__ import annotations

import typer

from basis.cli.data_folder import DataOption, JsonOption, print_json, resolve_folder

app = typer.Typer(help="Show or make the key that signs what you publish.", no_args_is_help=True)


@app.command()
def show(data: DataOption = None, json: JsonOption = False) -> None:
    """Show the address of the publication key; the key itself is never shown."""
    from basis.storage.database import find_store
    from basis.storage.publisher_key import find_publisher_key

    folder = resolve_folder(data)
    find_store(folder)
    _print_address(find_publisher_key(folder).address, json=json)


@app.command()
def new(data: DataOption = None, json: JsonOption = False) -> None:
    """Make the publication key, if there is none; the first publication would make it too."""
    from basis.storage.database import find_store
    from basis.storage.publisher_key import make_publisher_key

    folder = resolve_folder(data)
    find_store(folder)
    _print_address(make_publisher_key(folder).address, json=json)
    typer.echo("Back up publisher.key in the data folder, and publish its address.", err=True)


def _print_address(address: str, *, json: bool) -> None:
    if json:
        print_json({"address": address})
    else:
        typer.echo(address)
