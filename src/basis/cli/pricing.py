"""`basis pricing`: pricing epochs, which of them is in force, and from when on another will be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from basis.cli.data_folder import (
    DataOption,
    JsonOption,
    open_store,
    print_json,
    print_table,
    read_store,
    resolve_folder,
)

if TYPE_CHECKING:
    from basis.accounting.price_table import DatedEpoch

app = typer.Typer(
    help="Show, propose and activate pricing epochs; none is ever changed.", no_args_is_help=True
)


@app.command()
def show(
    version: Annotated[str, typer.Argument(help="An epoch; default: all of them.")] = "",
    at: Annotated[
        str, typer.Option(help="The one in force at this time in UTC: 2026-12-01T00:00:00Z.")
    ] = "",
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Show the epochs, or one of them with what each model costs in it."""
    from basis.accounting.price_table import find_epoch, find_epoch_at, load_dated_epochs
    from basis.rules.dates import parse_moment
    from basis.rules.errors import InvalidInput
    from basis.storage.clock import now_iso

    if version and at:
        raise InvalidInput("name a version or a time, not both", param="at")
    moment = parse_moment(at, param="--at") if at else now_iso()
    with read_store(data) as connection:
        epochs = load_dated_epochs(connection, now=now_iso())
    if version or at:
        one = find_epoch(epochs, version) if version else find_epoch_at(epochs, moment)
        _print_epoch(one, resolve_folder(data), json=json)
        return
    if json:
        print_json([_epoch_json(one) for one in epochs])
        return
    print_table(
        ["version", "state", "from", "hash", "placeholder"],
        [
            [
                one.epoch.version,
                one.state.value,
                one.effective_from or "",
                one.hash[:16],
                "yes" if one.epoch.is_placeholder else "no",
            ]
            for one in epochs
        ],
    )


@app.command()
def propose(
    file: Annotated[Path, typer.Argument(help="The epoch in its published form: JSON or TOML.")],
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Record an epoch and show what each model would cost; it prices nothing until activated."""
    from basis.accounting.price_table import EpochState, compute_price_table, date_epoch
    from basis.catalog_file import load_catalog
    from basis.cli.epoch_file import load_epoch_file
    from basis.storage.clock import now_iso
    from basis.storage.database import begin_write
    from basis.storage.epoch_store import propose_epoch

    epoch = load_epoch_file(file)
    folder, engine = open_store(data, create=True)
    compute_price_table(epoch, load_catalog(folder))
    with begin_write(engine) as connection:
        record = propose_epoch(connection, epoch, now=now_iso())
    state = EpochState.PROPOSED
    if record.effective_from is not None:
        state = EpochState.ACTIVATED
    proposed = date_epoch(epoch, state=state, effective_from=record.effective_from)
    _print_epoch(proposed, folder, json=json)
    if state is EpochState.PROPOSED:
        typer.echo(
            f"It prices nothing yet: basis pricing activate {epoch.version} --from TIME", err=True
        )


@app.command()
def activate(
    version: Annotated[str, typer.Argument(help="The epoch, as it was proposed.")],
    begin: Annotated[
        str,
        typer.Option(
            "--from", help="From when on, in UTC, a minute ahead at least: 2026-12-01T00:00:00Z."
        ),
    ],
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Let an epoch price what is accepted from a coming moment on; it cannot be undone."""
    from basis.accounting.price_table import EpochState, compute_price_table, date_epoch
    from basis.catalog_file import load_catalog
    from basis.rules.dates import parse_moment
    from basis.storage.clock import now_iso
    from basis.storage.database import begin_write
    from basis.storage.epoch_store import activate_epoch, load_epoch

    effective_from = parse_moment(begin, param="--from")
    folder, engine = open_store(data)
    catalog = load_catalog(folder)
    with begin_write(engine) as connection:
        compute_price_table(load_epoch(connection, version).epoch, catalog)
        record = activate_epoch(connection, version, effective_from=effective_from, now=now_iso())
    dated = date_epoch(
        record.epoch, state=EpochState.ACTIVATED, effective_from=record.effective_from
    )
    if json:
        print_json(_epoch_json(dated))
        return
    typer.echo(f"{version} prices what is accepted from {record.effective_from} on")


def _print_epoch(one: DatedEpoch, folder: Path, *, json: bool) -> None:
    from basis.accounting.price_table import compute_price_table, price_table_json
    from basis.catalog_file import load_catalog
    from basis.rules.units import CREDIT, format_amount

    table = compute_price_table(one.epoch, load_catalog(folder))
    if json:
        print_json({**_epoch_json(one), "effectivePrices": price_table_json(table)})
        return
    epoch = one.epoch
    typer.echo(f"epoch {epoch.version}  {one.hash}")
    typer.echo(f"  state        {one.state.value}")
    if one.effective_from is not None:
        typer.echo(f"  from         {one.effective_from}")
    if epoch.is_placeholder:
        typer.echo("  placeholder  its figures stand in for prices that nobody has set yet")
    typer.echo(f"  fee          {epoch.protocol_fee_bps} bps")
    typer.echo(f"  rate         {epoch.basis_raw_per_microcredit} base units per micro-credit")
    typer.echo(
        f"  inputs       utilisation {epoch.utilisation_bps}, supply {epoch.supply_bps}, "
        f"demand {epoch.demand_bps} bps"
    )
    typer.echo(f"  floor        {format_amount(epoch.worker_floor_price, CREDIT)} per million")
    print_table(
        ["model", "multiplier bps", "per million prompt tokens", "per million output tokens"],
        [
            [
                terms.model_id,
                str(terms.multiplier_bps),
                format_amount(terms.prompt_price, CREDIT),
                format_amount(terms.output_price, CREDIT),
            ]
            for terms in table
        ],
    )


def _epoch_json(one: DatedEpoch) -> dict[str, object]:
    from basis.accounting.price_table import dated_epoch_json

    return dated_epoch_json(one)
