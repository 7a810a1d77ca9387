"""`basis audit`: recomputes published periods, from their files alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from basis.cli.data_folder import JsonOption, print_json
from basis.cli.exits import EXIT_DIFFERENT

if TYPE_CHECKING:
    from basis.audit.audit import AuditVerdict, EngineFinding


def audit(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Folders of published periods, or folders that hold such."),
    ],
    signer: Annotated[
        str | None, typer.Option(help="The publisher's address, if you know it: 0x...")
    ] = None,
    reference_only: Annotated[
        bool, typer.Option("--reference-only", help="Recompute by the rules alone.")
    ] = False,
    sql_only: Annotated[
        bool, typer.Option("--sql-only", help="Recompute by DuckDB alone.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes; default: one for each core.")
    ] = None,
    memory: Annotated[
        int, typer.Option(min=256, max=1_048_576, help="MiB that DuckDB may use.")
    ] = 4_096,
    json: JsonOption = False,
) -> None:
    """Recompute published periods twice; say equal, or show the first difference.

    It needs no server and no data folder: signature, hashes and chain are checked first, then every
    figure follows again by the rules and, apart from them, by SQL in 128-bit integers.
    """
    from rich.console import Console
    from rich.progress import Progress

    from basis.audit.audit import AuditOptions, Watcher
    from basis.audit.audit import audit as run_audit
    from basis.rules.errors import InvalidInput
    from basis.rules.wallet import parse_wallet

    if reference_only and sql_only:
        raise InvalidInput("--reference-only and --sql-only leave nothing to do", param="sql-only")
    options = AuditOptions(
        signer=parse_wallet(signer, param="signer") if signer is not None else None,
        has_reference=not sql_only,
        has_sql=not reference_only,
        jobs=jobs if jobs is not None else os.cpu_count() or 1,
        memory_mib=memory,
    )
    with Progress(console=Console(stderr=True), transient=True) as progress:

        class Bars(Watcher):
            """One bar for each part of the work."""

            def begin(self, what: str, total: int) -> None:
                self._task = progress.add_task(what, total=total)

            def advance(self, pieces: int) -> None:
                progress.advance(self._task, pieces)

        verdict = run_audit(paths, options, Bars())
    if json:
        print_json(_as_json(verdict))
    else:
        _print(verdict)
    if not verdict.is_equal:
        raise typer.Exit(EXIT_DIFFERENT)


def _print(verdict: AuditVerdict) -> None:
    for difference in verdict.differences:
        typer.echo(f"DIFFERENT: {difference}")
    if verdict.is_equal:
        by = " and by ".join(
            name
            for name, engine in (("the rules", verdict.reference), ("SQL", verdict.sql))
            if engine is not None
        )
        typer.echo(
            f"equal: {verdict.receipts} receipts of {verdict.exports} "
            f"{'period' if verdict.exports == 1 else 'periods'}, {verdict.first} to "
            f"{verdict.last}, recompute to the same figures by {by}"
        )
    typer.echo(f"  signed by     {verdict.signer}")
    typer.echo(f"  last manifest {verdict.manifest_sha256}")
    if not verdict.is_whole:
        typer.echo(
            "  the opening balances are taken from the publisher: earlier periods are needed"
        )
    for phase in verdict.phases:
        typer.echo(f"  {phase}")
    for table in verdict.unknown_tables:
        typer.echo(f"  taken from the publisher: the {table}, which is newer than this program")
    for kind, count in verdict.given.items():
        typer.echo(f"  taken from the publisher: {count} ledger entries of the kind {kind}")


def _as_json(verdict: AuditVerdict) -> dict[str, object]:
    return {
        "equal": verdict.is_equal,
        "differences": verdict.differences,
        "since": verdict.first,
        "until": verdict.last,
        "periods": verdict.exports,
        "fromTheFirstRecord": verdict.is_whole,
        "signer": verdict.signer,
        "lastManifestSha256": verdict.manifest_sha256,
        "receipts": verdict.receipts,
        "batches": verdict.batches,
        "otherEntries": verdict.entries,
        "takenFromThePublisher": verdict.given,
        "phases": list(verdict.phases),
        "unknownTables": list(verdict.unknown_tables),
        "reference": _engine_json(verdict.reference),
        "sql": _engine_json(verdict.sql),
    }


def _engine_json(engine: EngineFinding | None) -> dict[str, object] | None:
    if engine is None:
        return None
    return {"equal": engine.difference is None, "difference": engine.difference}
