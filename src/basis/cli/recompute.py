"""`basis recompute`: replays every receipt, batch and ledger entry of a data folder."""

from __future__ import annotations

import typer

from basis.cli.data_folder import DataOption, JsonOption, print_json, read_store
from basis.cli.exits import EXIT_DIFFERENT


def recompute(data: DataOption = None, json: JsonOption = False) -> None:
    """Recompute all that a data folder says was owed; say equal, or show the first difference."""
    from rich.console import Console
    from rich.progress import Progress
    from sqlalchemy import func, select

    from basis.accounting.recompute import recompute as replay
    from basis.storage.schema import receipts

    console = Console(stderr=True)
    with read_store(data) as connection, Progress(console=console, transient=True) as progress:
        total = connection.execute(select(func.count()).select_from(receipts)).scalar_one()
        task = progress.add_task("recomputing receipts", total=total)
        verdict = replay(connection, on_progress=lambda done: progress.update(task, completed=done))
    if json:
        print_json(
            {
                "equal": verdict.is_equal,
                "receipts": verdict.receipt_count,
                "batches": verdict.batch_count,
                "ledger_entries": verdict.entry_count,
                "difference": verdict.difference,
            }
        )
    elif verdict.is_equal:
        typer.echo(
            f"equal: {verdict.receipt_count} receipts, {verdict.batch_count} batches and "
            f"{verdict.entry_count} ledger entries recompute to the same figures"
        )
    else:
        typer.echo(f"DIFFERENT: {verdict.difference}")
    if not verdict.is_equal:
        raise typer.Exit(EXIT_DIFFERENT)
