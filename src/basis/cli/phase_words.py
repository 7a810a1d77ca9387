"""How `basis phase` reads its options and shows its answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from basis.cli.data_folder import print_json, print_table

if TYPE_CHECKING:
    from basis.accounting.phase_checking import FileVerdict
    from basis.accounting.vesting import Release
    from basis.rules.phases import ExclusionReason, PhasePool, PhaseResult
    from basis.rules.suspects import Suspicion
    from basis.rules.wallet import Wallet
    from basis.storage.phase_store import StoredPhase


def parse_pools(texts: Sequence[str]) -> tuple[PhasePool, ...]:
    """The pools that `NAME=POINTS:AMOUNT` spell; amounts in whole BASIS with its decimals.

    Raises:
        InvalidInput: another spelling, an unknown asset, or an amount that is none.
    """
    from basis.rules.errors import InvalidInput
    from basis.rules.phases import PhasePool
    from basis.rules.units import BASIS, asset_of_symbol, parse_amount

    pools: list[PhasePool] = []
    for text in texts:
        name, equals, rest = text.partition("=")
        symbol, colon, amount = rest.partition(":")
        if not equals or not colon:
            raise InvalidInput(
                f"--pool is {text[:80]!r}: expected NAME=POINTS:AMOUNT such as llm=LLAMA:1000000",
                param="pool",
            )
        pools.append(
            PhasePool(
                name=name,
                points_asset=asset_of_symbol(symbol, param="--pool").symbol,
                amount_raw=parse_amount(amount, BASIS, param="--pool"),
            )
        )
    return tuple(pools)


def parse_reason(text: str) -> ExclusionReason:
    """The reason of an exclusion that `text` names.

    Raises:
        InvalidInput: it names none.
    """
    from basis.rules.errors import InvalidInput
    from basis.rules.phases import ExclusionReason

    if text not in set(ExclusionReason):
        known = ", ".join(reason.value for reason in ExclusionReason)
        raise InvalidInput(f"--reason is {text[:40]!r}: expected one of {known}", param="reason")
    return ExclusionReason(text)


def print_phases(phases: Sequence[StoredPhase], *, json: bool) -> None:
    """One line for each phase."""
    from basis.rules.phase_file import phase_summary
    from basis.rules.units import BASIS, format_amount

    if json:
        print_json([phase_summary(stored.phase) for stored in phases])
        return
    print_table(
        ["phase", "status", "from", "to", "appealable until", "pools"],
        [
            [
                stored.phase.terms.id,
                stored.phase.status.value,
                stored.phase.terms.starts_at,
                stored.phase.terms.ends_at,
                str(phase_summary(stored.phase)["appealableUntil"]) or "-",
                ", ".join(
                    f"{pool.name} {format_amount(pool.amount_raw, BASIS)} by {pool.points_asset}"
                    for pool in stored.phase.terms.pools
                ),
            ]
            for stored in phases
        ],
    )


def print_phase(
    stored: StoredPhase,
    *,
    json: bool,
    wallet: Wallet | None = None,
    with_lines: bool = False,
) -> None:
    """A phase with its pools and exclusions, and on demand its lines, or those of one owner."""
    from basis.rules.phase_file import phase_document
    from basis.rules.phase_steps import appealable_until
    from basis.rules.units import BASIS, format_amount

    phase = stored.phase
    if json:
        print_json(_only(phase_document(phase), wallet))
        return
    result, terms = phase.result(), phase.terms
    typer.echo(f"phase {terms.id}  {phase.status.value}")
    typer.echo(f"  jobs accepted from {terms.starts_at} to {terms.ends_at}")
    typer.echo(
        f"  appeals {terms.appeal_days} days; vesting from {terms.vesting.starts_at}: "
        f"{terms.vesting.cliff_days} days of cliff, then {terms.vesting.parts} parts, "
        f"{terms.vesting.interval_days} days apart"
    )
    if phase.counted is not None:
        typer.echo(f"  closed {phase.closed_at} over {phase.counted.count} receipts")
        typer.echo(f"  appealable until {appealable_until(phase)}")
    if phase.final_at:
        typer.echo(f"  final {phase.final_at}, sha256 {stored.file_hash}")
        typer.echo(f"  vested parts {len(stored.released)} of {terms.vesting.parts}")
    for shared in result.pools:
        typer.echo(
            f"  pool {shared.pool.name}  {format_amount(shared.pool.amount_raw, BASIS)} by "
            f"{shared.pool.points_asset}, dust {shared.dust_raw}, returned {shared.returned_raw}"
        )
    for one in phase.exclusions:
        state = "excluded" if one.is_in_force else "excluded, and restored"
        decision = f"; appeal {one.appeal.decision.value}" if one.appeal is not None else ""
        typer.echo(f"  {one.wallet}  {state}: {one.reason.value}{decision}")
    if with_lines:
        _print_lines(result, wallet)


def print_releases(releases: Sequence[Release], *, json: bool) -> None:
    """What has vested now."""
    from basis.rules.units import BASIS, format_amount

    if json:
        print_json(
            [
                {
                    "phase": release.phase_id,
                    "part": release.number,
                    "dueAt": release.due_at,
                    "wallets": release.wallet_count,
                    "amountRaw": str(release.amount_raw),
                }
                for release in releases
            ]
        )
        return
    if not releases:
        typer.echo("Nothing is due that is not released.", err=True)
    for release in releases:
        typer.echo(
            f"phase {release.phase_id}  part {release.number}, due {release.due_at}: "
            f"{format_amount(release.amount_raw, BASIS)} to {release.wallet_count} wallets"
        )


def print_suspects(found: Sequence[Suspicion], *, json: bool) -> None:
    """What the operator should look at."""
    if json:
        print_json(
            [
                {"wallet": one.wallet, "sign": one.sign.value, "evidence": one.evidence}
                for one in found
            ]
        )
        return
    if not found:
        typer.echo("No wallet stands out.", err=True)
        return
    typer.echo("Suggestions, no verdicts: look at each before you exclude it.", err=True)
    print_table(
        ["wallet", "sign", "evidence"],
        [[one.wallet, one.sign.value, one.evidence] for one in found],
    )


def print_verdict(verdict: FileVerdict, *, json: bool) -> None:
    """What a published file was found to be."""
    if json:
        print_json(
            {
                "equal": verdict.difference is None,
                "phase": verdict.phase_id,
                "status": verdict.status.value,
                "signer": verdict.signer,
                "lines": verdict.line_count,
                "difference": verdict.difference,
            }
        )
    elif verdict.difference is None:
        typer.echo(
            f"equal: all {verdict.line_count} lines of phase {verdict.phase_id} "
            f"({verdict.status.value}) recompute to the same figures; signed by {verdict.signer}"
        )
    else:
        typer.echo(f"DIFFERENT: {verdict.difference}")


def _print_lines(result: PhaseResult, wallet: Wallet | None) -> None:
    from basis.rules.units import BASIS, asset_of_symbol, format_amount

    points_of = {
        shared.pool.name: asset_of_symbol(shared.pool.points_asset) for shared in result.pools
    }
    print_table(
        ["pool", "wallet", "points", "share", ""],
        [
            [
                line.pool,
                line.wallet,
                format_amount(line.points_raw, points_of[line.pool]),
                format_amount(line.amount_raw, BASIS),
                f"excluded from {format_amount(line.forgone_raw, BASIS)}"
                if line.is_excluded
                else "",
            ]
            for line in result.lines
            if wallet in {None, line.wallet}
        ],
    )


def _only(document: dict[str, object], wallet: Wallet | None) -> dict[str, object]:
    """The document with no other wallet's rows, if one is named."""
    from basis.rules.phase_file import keep_wallet

    return document if wallet is None else keep_wallet(document, wallet)
