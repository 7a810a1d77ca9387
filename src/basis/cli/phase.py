"""`basis phase`: points become tokens, pool by pool, in steps that anyone can check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from basis.cli.data_folder import DataOption, JsonOption, open_store, read_store
from basis.cli.dry_run import YesOption, book_if, tell_if_shown
from basis.cli.exits import EXIT_DIFFERENT
from basis.cli.phase_publication import open_to_publish, publish_now, show_draft, tell_signer
from basis.cli.phase_words import (
    parse_pools,
    parse_reason,
    print_phase,
    print_phases,
    print_releases,
    print_suspects,
    print_verdict,
)

app = typer.Typer(
    help="Open, close and settle phases, in which points are shared out as tokens.",
    no_args_is_help=True,
)

_IdArgument = Annotated[str, typer.Argument(help="The phase's id.")]
_WalletArgument = Annotated[str, typer.Argument(help="The owner's EVM address.")]


@app.command(name="open")
def open_(
    phase_id: _IdArgument,
    pool: Annotated[
        list[str],
        typer.Option(help="NAME=POINTS:AMOUNT, for instance llm=LLAMA:1000000; may be repeated."),
    ],
    starts: Annotated[str, typer.Option("--from", help="The first day, UTC: 2026-11-01.")],
    ends: Annotated[str, typer.Option("--to", help="The day after the last.")],
    appeal_days: Annotated[int, typer.Option(help="How long an exclusion can be appealed.")] = 7,
    vesting: Annotated[
        str, typer.Option(help="CLIFF+PARTSxINTERVAL in days, for instance 90+12x30; or none.")
    ] = "none",
    vesting_from: Annotated[
        str, typer.Option(help="From when the cliff counts; default: the phase's end.")
    ] = "",
    yes: YesOption = False,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Open a phase and fund its pools, in BASIS, for good; shown without --yes."""
    from basis.accounting.phases import open_phase
    from basis.rules.dates import parse_instant
    from basis.rules.phases import PhaseId, PhaseTerms
    from basis.rules.vesting import parse_vesting
    from basis.storage.clock import now_iso

    ends_at = parse_instant(ends, param="--to")
    vests_at = parse_instant(vesting_from, param="--vesting-from") if vesting_from else ends_at
    terms = PhaseTerms(
        id=PhaseId(phase_id),
        starts_at=parse_instant(starts, param="--from"),
        ends_at=ends_at,
        appeal_days=appeal_days,
        pools=parse_pools(pool),
        vesting=parse_vesting(vesting, starts_at=vests_at),
    )
    with book_if(yes, data) as booking:
        stored = open_phase(booking.connection, terms, now=now_iso())
        is_repeat = not booking.load_moves()
    print_phase(stored, json=json)
    tell_if_shown(is_booked=yes, is_repeat=is_repeat)


@app.command()
def close(phase_id: _IdArgument, data: DataOption = None, json: JsonOption = False) -> None:
    """Count the points of a phase that has ended, and publish the draft."""
    from rich.console import Console
    from rich.progress import Progress

    from basis.accounting.phases import close_phase
    from basis.storage.clock import now_iso
    from basis.storage.phase_receipts import load_last_seq

    folder, engine = open_to_publish(data)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        with engine.connect() as connection:
            total = load_last_seq(connection)
        task = progress.add_task("counting points", total=total)
        stored = close_phase(
            engine,
            phase_id,
            now=now_iso(),
            on_progress=lambda seq: progress.update(task, completed=seq),
        )
    publish_now(folder, stored)
    print_phase(stored, json=json)


@app.command()
def exclude(
    phase_id: _IdArgument,
    wallet: _WalletArgument,
    reason: Annotated[str, typer.Option(help="sybil, duplicate_claim or operator.")],
    evidence: Annotated[str, typer.Option(help="What it rests on; it is published.")],
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Take a wallet out of a phase that is not final; its owner can appeal."""
    from basis.accounting.phases import exclude_wallet
    from basis.rules.wallet import parse_wallet
    from basis.storage.clock import now_iso
    from basis.storage.database import begin_write

    owner, why = parse_wallet(wallet, param="WALLET"), parse_reason(reason)
    folder, engine = open_to_publish(data)
    with begin_write(engine) as connection:
        exclude_wallet(
            connection, phase_id, wallet=owner, reason=why, evidence=evidence, now=now_iso()
        )
    show_draft(folder, engine, phase_id, json=json)


@app.command()
def appeal(
    phase_id: _IdArgument,
    wallet: _WalletArgument,
    text: Annotated[str, typer.Option(help="The owner's words; they are published.")],
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Record an excluded owner's appeal: the phase waits for its decision."""
    from basis.accounting.phases import appeal_exclusion
    from basis.rules.wallet import parse_wallet
    from basis.storage.clock import now_iso
    from basis.storage.database import begin_write

    owner = parse_wallet(wallet, param="WALLET")
    folder, engine = open_to_publish(data)
    with begin_write(engine) as connection:
        appeal_exclusion(connection, phase_id, wallet=owner, text=text, now=now_iso())
    show_draft(folder, engine, phase_id, json=json)


@app.command()
def resolve(
    phase_id: _IdArgument,
    wallet: _WalletArgument,
    accept: Annotated[
        bool, typer.Option("--accept/--deny", help="Lift the exclusion, or keep it.")
    ],
    reason: Annotated[str, typer.Option(help="Why; it is published.")],
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Decide an appeal, once and for all."""
    from basis.accounting.phases import resolve_appeal
    from basis.rules.phases import AppealDecision
    from basis.rules.wallet import parse_wallet
    from basis.storage.clock import now_iso
    from basis.storage.database import begin_write

    owner = parse_wallet(wallet, param="WALLET")
    decision = AppealDecision.ACCEPTED if accept else AppealDecision.DENIED
    folder, engine = open_to_publish(data)
    with begin_write(engine) as connection:
        resolve_appeal(
            connection, phase_id, wallet=owner, decision=decision, reason=reason, now=now_iso()
        )
    show_draft(folder, engine, phase_id, json=json)


@app.command()
def final(
    phase_id: _IdArgument, yes: YesOption = False, data: DataOption = None, json: JsonOption = False
) -> None:
    """Share a closed phase out for good, once it can be appealed no more; shown without --yes."""
    from basis.accounting.phases import finish_phase, preview_final
    from basis.storage.clock import now_iso

    if yes:
        folder, engine = open_to_publish(data)
        stored = finish_phase(engine, phase_id, now=now_iso())
        publish_now(folder, stored)
    else:
        tell_signer(data)
        with read_store(data) as connection:
            stored = preview_final(connection, phase_id, now=now_iso())
    print_phase(stored, json=json, with_lines=not yes)
    tell_if_shown(is_booked=yes)


@app.command()
def publish(phase_id: _IdArgument, data: DataOption = None, json: JsonOption = False) -> None:
    """Write the signed file of a closed or final phase again, with the same bytes."""
    from basis.storage.phase_store import load_phase

    folder, engine = open_to_publish(data)
    with engine.connect() as connection:
        stored = load_phase(connection, phase_id)
    publish_now(folder, stored, insist=True)
    print_phase(stored, json=json)


@app.command()
def vest(
    until: Annotated[str, typer.Option(help="Parts due by then, UTC; default: now.")] = "",
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Release the parts of final phases that are due; again, it releases nothing twice."""
    from basis.accounting.vesting import release_vesting
    from basis.rules.dates import parse_instant
    from basis.storage.clock import now_iso

    now = now_iso()
    limit = parse_instant(until, param="--until") if until else now
    _folder, engine = open_store(data)
    releases = release_vesting(engine, until=limit, now=now)
    print_releases(releases, json=json)


@app.command()
def show(
    phase_id: Annotated[str, typer.Argument(help="A phase's id; without one, all.")] = "",
    wallet: Annotated[str, typer.Option(help="Only the lines of this owner.")] = "",
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """List the phases, or show one: pools, lines, exclusions."""
    from basis.rules.errors import InvalidInput
    from basis.rules.wallet import parse_wallet
    from basis.storage.phase_store import load_phase, load_phases

    owner = parse_wallet(wallet, param="--wallet") if wallet else None
    if owner is not None and not phase_id:
        raise InvalidInput("--wallet needs the phase's id", param="wallet")
    with read_store(data) as connection:
        if not phase_id:
            print_phases(load_phases(connection), json=json)
            return
        stored = load_phase(connection, phase_id)
    print_phase(stored, json=json, wallet=owner, with_lines=True)


@app.command()
def suspects(phase_id: _IdArgument, data: DataOption = None, json: JsonOption = False) -> None:
    """Suggest wallets to look at, with the evidence; nothing is excluded by it."""
    from basis.accounting.suspects import find_suspects

    with read_store(data) as connection:
        found = find_suspects(connection, phase_id)
    print_suspects(found, json=json)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="A published phase; its .sig.json lies beside it.")],
    signer: Annotated[str, typer.Option(help="Whose signature it must be.")] = "",
    json: JsonOption = False,
) -> None:
    """Recompute a published phase from itself and check its signature; it needs no store."""
    from basis.accounting.phase_checking import read_published, verify_phase_file
    from basis.rules.wallet import parse_wallet

    expected = parse_wallet(signer, param="--signer") if signer else None
    verdict = verify_phase_file(*read_published(file), signer=expected)
    print_verdict(verdict, json=json)
    if verdict.difference is not None:
        raise typer.Exit(EXIT_DIFFERENT)
