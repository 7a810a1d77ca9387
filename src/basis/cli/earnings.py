"""`basis worker earnings`: from the operator's folder, or from an orchestrator that answers."""

from __future__ import annotations

import enum
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from basis.cli.data_folder import DataOption, JsonOption, print_json, print_table, read_store

if TYPE_CHECKING:
    from pathlib import Path

    from basis.wire.earnings import EarningsResponse, EarningsRow


class GroupBy(enum.StrEnum):
    """What one row is."""

    DAY = "day"
    MODEL = "model"


def earnings(
    worker: Annotated[str, typer.Option(help="Of this worker.")] = "",
    wallet: Annotated[str, typer.Option(help="Of all workers that this address is paid for.")] = "",
    since: Annotated[str, typer.Option("--from", help="First day, such as 2026-11-01.")] = "",
    until: Annotated[str, typer.Option("--to", help="Last day; it counts too.")] = "",
    by: Annotated[GroupBy, typer.Option(help="What one row is.")] = GroupBy.DAY,
    orchestrator: Annotated[
        str,
        typer.Option(help="Ask the orchestrator at this address instead of reading a data folder."),
    ] = "",
    data: DataOption = None,
    json: JsonOption = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, in base units.")] = False,
) -> None:
    """Show what a worker earned by day or model, and the reasons for every deduction."""
    from basis.rules.dates import parse_day
    from basis.rules.errors import InvalidInput

    if bool(worker) == bool(wallet):
        raise InvalidInput("name one of --worker and --wallet", param="worker")
    if json and csv:
        raise InvalidInput("choose one of --json and --csv", param="csv")
    if orchestrator and (wallet or data is not None):
        raise InvalidInput(
            "an orchestrator tells of one --worker, and knows no --data", param="orchestrator"
        )
    days = {
        name: parse_day(day, param=f"--{name}")
        for name, day in (("from", since), ("to", until))
        if day
    }
    if orchestrator:
        told = _ask(orchestrator, worker=worker, by=by.value, days=days)
    else:
        told = _read(data, worker=worker, wallet=wallet, by=by.value, days=days)
    if json:
        print_json(told)
    elif csv:
        _print_csv(told)
    else:
        _print_words(told)


def _read(
    data: Path | None, *, worker: str, wallet: str, by: str, days: dict[str, str]
) -> EarningsResponse:
    from rich.console import Console
    from rich.progress import Progress

    from basis.accounting.earnings import sum_earnings
    from basis.rules.errors import NotFound
    from basis.rules.wallet import parse_wallet
    from basis.storage.worker_receipts import EarningsFilter, count_worker_receipts
    from basis.storage.worker_store import load_worker

    wanted = EarningsFilter(
        worker_id=worker,
        wallet=parse_wallet(wallet, param="--wallet") if wallet else "",
        since=days.get("from", ""),
        until=days.get("to", ""),
    )
    console = Console(stderr=True)
    with read_store(data) as connection, Progress(console=console, transient=True) as progress:
        if worker and load_worker(connection, worker) is None:
            raise NotFound(f"there is no worker {worker[:80]!r}")
        total = count_worker_receipts(connection, wanted, most=2**62)
        task = progress.add_task("adding up receipts", total=total)
        return sum_earnings(
            connection,
            wanted,
            by=by,
            on_progress=lambda done: progress.update(task, completed=done),
        )


def _ask(url: str, *, worker: str, by: str, days: dict[str, str]) -> EarningsResponse:
    import asyncio

    import aiohttp

    from basis.rules.names import parse_worker_id
    from basis.worker.exits import ExitCode, WorkerStop
    from basis.worker.orchestrator import Orchestrator, Refusal, Unreachable

    worker_id = parse_worker_id(worker, param="--worker")

    async def ask() -> EarningsResponse:
        async with aiohttp.ClientSession() as session:
            return await Orchestrator(session, url.rstrip("/")).load_earnings(
                worker_id, {"by": by, **days}
            )

    try:
        return asyncio.run(ask())
    except (Unreachable, Refusal, WorkerStop) as error:
        code = ExitCode.UNREACHABLE if isinstance(error, Unreachable) else 1
        if isinstance(error, WorkerStop):
            code = error.exit_code
        elif isinstance(error, Refusal):
            code = {400: 3, 404: 4}.get(error.status, 1)
        typer.echo(f"basis worker: {error}", err=True)
        raise typer.Exit(code) from error


def _print_words(told: EarningsResponse) -> None:
    from basis.rules.units import BASIS, CREDIT, asset_of_symbol, format_amount

    def basis_amount(raw: str) -> str:
        return format_amount(int(raw), BASIS)

    def points(row: EarningsRow) -> str:
        return ", ".join(
            format_amount(int(raw), asset_of_symbol(symbol))
            for symbol, raw in row.points_raw.items()
        )

    print_table(
        [told.by, "jobs", "unpaid", "tokens", "charge", "fee", "deducted", "reward", "points"],
        [
            [
                row.of,
                str(row.completed),
                str(sum(row.unpaid.values())),
                f"{row.prompt_tokens}+{row.output_tokens}",
                format_amount(int(row.charge_microcredits), CREDIT),
                basis_amount(row.fee_raw),
                basis_amount(str(sum(map(int, row.deducted_raw.values())))),
                basis_amount(row.reward_raw),
                points(row),
            ]
            for row in [*told.rows, told.total]
        ],
    )
    typer.echo("")
    for reason, raw in told.total.deducted_raw.items():
        typer.echo(f"deducted for {reason}: {basis_amount(raw)}")
    for reason, count in told.total.unpaid.items():
        typer.echo(f"unpaid because of {reason}: {count} jobs")
    if told.total.penalty_owed_raw != "0":
        typer.echo(f"still owed for penalties: {basis_amount(told.total.penalty_owed_raw)}")


def _print_csv(told: EarningsResponse) -> None:
    import csv

    factors = ("quality", "uptime", "latency", "no_wallet")
    assets = ("LLAMA", "WAIFU")
    amounts = ("charge_microcredits", "charge_raw", "fee_raw", "pool_raw")
    ends = ("dust_raw", "reward_raw", "penalty_owed_raw")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(
        [
            *(told.by, "completed", "unpaid", "prompt_tokens", "output_tokens", *amounts),
            *(f"deducted_{name}_raw" for name in factors),
            "deducted_penalties_raw",
            *ends,
            *(f"points_{asset.lower()}_raw" for asset in assets),
        ]
    )
    for row in told.rows:
        penalties = [int(r) for name, r in row.deducted_raw.items() if name.startswith("penalty:")]
        writer.writerow(
            [
                *(row.of, row.completed, sum(row.unpaid.values())),
                *(row.prompt_tokens, row.output_tokens),
                *(getattr(row, name) for name in amounts),
                *(row.deducted_raw.get(name, "0") for name in factors),
                sum(penalties),
                *(getattr(row, name) for name in ends),
                *(row.points_raw.get(asset, "0") for asset in assets),
            ]
        )
