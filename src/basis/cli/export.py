"""`basis export`: publishes a period, so that anyone can recompute it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from basis.cli.data_folder import DataOption, JsonOption, open_store, print_json

if TYPE_CHECKING:
    from basis.accounting.export import Published

_PUBLISHED = Path("published") / "exports"
"""In the data folder: where periods go without --out."""


def export(
    period: Annotated[
        str | None,
        typer.Option(
            "--period", help="A month such as 2026-11, or a day such as 2026-11-23 (UTC)."
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="The first day, instead of --period.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="The day before which it ends, with --from.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the periods; default: published/exports in --data."),
    ] = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Publish a period that is over: receipts, verdicts, entries, batches and tables, signed.

    Without prompts, answers or keys. `basis audit` recomputes it without this server.
    """
    from rich.console import Console
    from rich.progress import Progress

    from basis import __version__
    from basis.accounting.export import export_period
    from basis.accounting.periods import make_period, parse_period
    from basis.rules.errors import InvalidInput
    from basis.storage.clock import now_iso
    from basis.storage.publisher_key import load_publisher_key

    if period is not None and since is None and until is None:
        days = parse_period(period)
    elif period is None and since is not None and until is not None:
        days = make_period(since=since, until=until)
    else:
        raise InvalidInput("name a period with --period, or with --from and --to", param="period")
    folder, engine = open_store(data)
    key = load_publisher_key(folder)

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("exporting receipts", total=None)
        published = export_period(
            engine,
            days,
            out=out.expanduser() if out is not None else folder / _PUBLISHED,
            sign=key.sign_file_hash,
            version=__version__,
            now=now_iso(),
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    engine.dispose()
    _print(published, signer=key.address, json=json)


def _print(published: Published, *, signer: str, json: bool) -> None:
    record = published.record
    if json:
        print_json(
            {
                "number": record.number,
                "period": record.name,
                "folder": str(published.folder),
                "receipts": published.receipts,
                "manifestSha256": record.manifest_hash,
                "previous": record.previous_hash,
                "signer": signer,
                "isNew": published.is_new,
            }
        )
        return
    if not published.is_new:
        typer.echo(f"{record.name} is exported already; nothing was changed.", err=True)
    typer.echo(f"{published.folder}")
    typer.echo(f"  receipts  {published.receipts}")
    typer.echo(f"  manifest  {record.manifest_hash}")
    typer.echo(f"  previous  {record.previous_hash}")
    typer.echo(f"  signed by {signer}")
