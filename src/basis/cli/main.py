"""The `basis` command: mounts every noun, and turns expected failures into one line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from basis import __version__
from basis.cli import (
    account,
    audit,
    batch,
    boost,
    explain,
    export,
    key,
    ledger,
    model,
    offer,
    phase,
    pricing,
    publisher,
    receipt,
    recompute,
    settings,
    up,
    worker,
)
from basis.cli.exits import EXIT_CODES, EXIT_MISCONFIGURED, exit_code_of
from basis.rules.errors import BasisError

_SERVER_PARTS = frozenset(
    {
        "alembic",
        "coincurve",
        "duckdb",
        "eth_abi",
        "eth_account",
        "gguf",
        "jinja2",
        "numpy",
        "prometheus_client",
        "pyarrow",
        "sqlalchemy",
        "tokenizers",
        "uvloop",
        "web3",
    }
)
"""What a worker's installation does without."""

app = typer.Typer(
    name="basis",
    help="Basis: an open inference network. Start with `basis up`, then `basis worker run`.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(name="up")(up.up)
app.add_typer(worker.app, name="worker")
app.add_typer(key.app, name="key")
app.add_typer(account.app, name="account")
app.add_typer(pricing.app, name="pricing")
app.add_typer(model.app, name="model")
app.add_typer(offer.app, name="offer")
app.add_typer(receipt.app, name="receipt")
app.add_typer(explain.app, name="explain")
app.add_typer(batch.app, name="batch")
app.add_typer(boost.app, name="boost")
app.add_typer(phase.app, name="phase")
app.add_typer(publisher.app, name="publisher")
app.add_typer(ledger.app, name="ledger")
app.command(name="recompute")(recompute.recompute)
app.command(name="export")(export.export)
app.command(name="audit")(audit.audit)
app.add_typer(settings.app, name="settings")


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def basis(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Basis: an open inference network."""


def run() -> None:
    """The entry point: expected failures are one line on stderr and a named exit code."""
    try:
        app()
    except BasisError as error:
        typer.echo(f"basis: {error.message}", err=True)
        sys.exit(exit_code_of(error))
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _SERVER_PARTS:
            raise
        typer.echo(
            f"basis: this needs the orchestrator's parts ({error.name} is missing): "
            f"pip install 'basis[server]'",
            err=True,
        )
        sys.exit(EXIT_MISCONFIGURED)
    except BrokenPipeError:
        # The reader of our output has left, as `head` does.
        sys.exit(0)
