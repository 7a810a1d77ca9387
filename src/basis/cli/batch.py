"""`basis batch`: settlement batches, in dry-run: nothing is signed or sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from basis.cli.data_folder import (
    DataOption,
    JsonOption,
    open_store,
    print_json,
    print_table,
    read_store,
)

if TYPE_CHECKING:
    from basis.storage.batch_store import BatchRecord

app = typer.Typer(
    help="Close, list and show settlement batches (dry-run: nothing is signed or sent).",
    no_args_is_help=True,
)

_NameArgument = Annotated[
    str, typer.Argument(help="The batch's number, hash, or 8 or more digits of it.")
]


@app.command()
def close(data: DataOption = None, json: JsonOption = False) -> None:
    """Close a batch over every pending reward; closing again is a no-op.

    More than 50,000 receipts become several batches, of which the newest is shown.
    """
    from basis.accounting.settling import close_batch
    from basis.storage.clock import now_iso

    _folder, engine = open_store(data)
    batch = close_batch(engine, now=now_iso())
    if batch is None:
        if json:
            print_json(None)
        else:
            typer.echo("Nothing has been earned yet, so there is nothing to batch.", err=True)
        return
    _print_batch(batch, json=json)


@app.command(name="list")
def list_batches(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, newest first.")] = 20,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """List the batches."""
    from basis.gateway.records import batch_json
    from basis.rules.units import BASIS, format_amount
    from basis.storage.batch_store import load_batches

    with read_store(data) as connection:
        batches = load_batches(connection, limit=limit)
    if json:
        print_json([batch_json(batch) for batch in batches])
        return
    print_table(
        ["number", "hash", "status", "receipts", "wallets", "total", "created"],
        [
            [
                str(batch.seq),
                batch.hash,
                batch.status.value + (" (dry-run)" if batch.is_dry_run else ""),
                str(batch.receipt_count),
                str(len(batch.payouts)),
                format_amount(batch.total_raw, BASIS),
                batch.created_at,
            ]
            for batch in batches
        ],
    )


@app.command()
def show(name: _NameArgument, data: DataOption = None, json: JsonOption = False) -> None:
    """Show a batch: its hash, its receipts, and the amount per wallet."""
    from basis.gateway.records import batch_json
    from basis.storage.batch_store import load_batch
    from basis.storage.receipt_store import load_batched_hashes

    with read_store(data) as connection:
        batch = load_batch(connection, name)
        members = load_batched_hashes(connection, batch.hash)
    if json:
        answer = batch_json(batch)
        answer["receiptHashes"] = members
        print_json(answer)
        return
    _print_batch(batch, json=False)
    for receipt_hash in members:
        typer.echo(f"  receipt {receipt_hash}")


@app.command()
def fail(
    name: _NameArgument,
    reason: Annotated[str, typer.Option(help="Why; it stays on the batch's record.")],
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Mark a batch as failed: its rewards are pending again until it is retried."""
    from basis.accounting.settling import fail_batch
    from basis.storage.clock import now_iso
    from basis.storage.database import begin_write

    _folder, engine = open_store(data)
    with begin_write(engine) as connection:
        batch = fail_batch(connection, name, reason=reason, now=now_iso())
    _print_batch(batch, json=json)


@app.command()
def retry(name: _NameArgument, data: DataOption = None, json: JsonOption = False) -> None:
    """Take a failed batch up again, with the same receipts and the same hash."""
    from basis.accounting.settling import retry_batch
    from basis.storage.clock import now_iso
    from basis.storage.database import begin_write

    _folder, engine = open_store(data)
    with begin_write(engine) as connection:
        batch = retry_batch(connection, name, now=now_iso())
    _print_batch(batch, json=json)


def _print_batch(batch: BatchRecord, *, json: bool) -> None:
    from basis.gateway.records import batch_json
    from basis.rules.units import BASIS, format_amount

    if json:
        print_json(batch_json(batch))
        return
    mode = " (dry-run: nothing is signed or sent)" if batch.is_dry_run else ""
    typer.echo(f"batch {batch.seq}  {batch.hash}")
    typer.echo(f"  status   {batch.status.value}{mode}, attempt {batch.attempt}")
    if batch.reason:
        typer.echo(f"  reason   {batch.reason}")
    typer.echo(f"  previous {batch.previous_hash}")
    typer.echo(f"  receipts {batch.receipt_count}")
    typer.echo(f"  total    {format_amount(batch.total_raw, BASIS)}  ({batch.total_raw})")
    for payout in batch.payouts:
        typer.echo(
            f"  pays     {payout.wallet}  {format_amount(payout.amount_raw, BASIS)}  "
            f"({payout.receipt_count} receipts)"
        )
