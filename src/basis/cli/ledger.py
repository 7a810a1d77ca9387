"""`basis ledger`: what every account holds and why; its balances rebuilt; repairs booked."""

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
from basis.cli.dry_run import YesOption, book_if, moves_json, print_moves, tell_if_shown
from basis.cli.exits import EXIT_DIFFERENT
from basis.cli.progress import show_progress

if TYPE_CHECKING:
    from basis.accounting.ledger_rebuild import Rebuild
    from basis.accounting.moves import Move
    from basis.storage.ledger_reading import RecordedEntry

app = typer.Typer(
    help="Show accounts and entries, rebuild the balances, book repairs.", no_args_is_help=True
)

_FOLDING = "folding entries"
_CauseOption = Annotated[
    str, typer.Option("--cause", help="Why; it stays on record, and every export publishes it.")
]


@app.command()
def accounts(data: DataOption = None, json: JsonOption = False) -> None:
    """Show the chart of accounts, with how many there are of each row and what they hold."""
    from basis.accounting.chart_totals import compute_chart_totals
    from basis.rules.units import asset_of_symbol, format_amount
    from basis.storage.ledger_reading import iterate_balances

    with read_store(data) as connection:
        totals = compute_chart_totals(iterate_balances(connection))
    if json:
        print_json(
            [
                {
                    "account": total.rule.pattern,
                    "asset": total.asset,
                    "holder": total.rule.holder.value,
                    "bound": total.rule.bounds[total.asset].value,
                    "adjustable": total.rule.is_adjustable,
                    "accounts": total.account_count,
                    "total_raw": str(total.total_raw),
                    "meaning": total.rule.meaning,
                }
                for total in totals
            ]
        )
        return
    print_table(
        ["account", "holder", "accounts", "total", "bound", "meaning"],
        [
            [
                total.rule.pattern,
                total.rule.holder.value,
                str(total.account_count),
                format_amount(total.total_raw, asset_of_symbol(total.asset)),
                total.rule.bounds[total.asset].value,
                total.rule.meaning,
            ]
            for total in totals
        ],
    )


@app.command()
def entry(
    name: Annotated[str, typer.Argument(help="The entry's number, id, or 8 or more digits of it.")],
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Show an entry: what moved, from where to where, and because of what."""
    from basis.storage.ledger_reading import load_recorded_entry

    with read_store(data) as connection:
        recorded = load_recorded_entry(connection, name)
    _print_entry(recorded, json=json)


@app.command()
def statement(
    account: Annotated[str, typer.Argument(help="The account, such as network/fee.")],
    asset: Annotated[str, typer.Option(help="Only in this asset, such as BASIS.")] = "",
    begin: Annotated[
        str, typer.Option("--from", help="From this UTC date or time on: 2026-11-23.")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="Until before this UTC date or time.")] = "",
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Show an account: what it opened with, every entry in the order of booking, the closing."""
    from basis.accounting.statement import parse_period
    from basis.cli.ledger_statement import print_statements
    from basis.rules.accounts import account_of_path
    from basis.rules.errors import InvalidInput

    account_of_path(account)
    period = parse_period(begin=begin, end=end)
    if csv and json:
        raise InvalidInput("--csv and --json are two forms: choose one")
    with read_store(data) as connection:
        form = "csv" if csv else "json" if json else "text"
        print_statements(connection, account, asset=asset, period=period, form=form)


@app.command()
def rebuild(
    repair: Annotated[
        bool, typer.Option("--repair", help="Write the balances anew; entries stay as they are.")
    ] = False,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Compute every balance from the entries alone and compare; show the first difference."""
    from basis.accounting.ledger_rebuild import check_balances, repair_balances
    from basis.storage.ledger_store import newest_seq

    if repair:
        _folder, engine = open_store(data)
        with engine.connect() as connection:
            total = newest_seq(connection)
        with show_progress(_FOLDING, total) as on_progress:
            found = repair_balances(engine, on_progress=on_progress)
    else:
        with (
            read_store(data) as connection,
            show_progress(_FOLDING, newest_seq(connection)) as on_progress,
        ):
            found = check_balances(connection, on_progress=on_progress)
    _print_rebuild(found, json=json)
    if found.difference is not None and not found.is_repaired:
        raise typer.Exit(EXIT_DIFFERENT)


@app.command()
def adjust(
    source: Annotated[str, typer.Option("--from", help="The account that gives.")],
    target: Annotated[str, typer.Option("--to", help="The account that gets.")],
    amount: Annotated[str, typer.Option(help="How much, in whole units: 1.5.")],
    asset: Annotated[str, typer.Option(help="Of what: BASIS, CREDIT.")],
    cause: _CauseOption,
    key: Annotated[
        str, typer.Option(help="Its name: the same one again books nothing a second time.")
    ],
    yes: YesOption = False,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Book a repair between two accounts, as a new entry with its cause; shown without --yes."""
    from basis.accounting.repairs import adjust as book
    from basis.rules.ledger import AccountPath
    from basis.rules.units import asset_of_symbol, parse_amount
    from basis.storage.clock import now_iso

    amount_raw = parse_amount(amount, asset_of_symbol(asset, param="--asset"), param="--amount")
    with book_if(yes, data) as booking:
        recorded = book(
            booking.connection,
            key=key,
            source=AccountPath(source),
            target=AccountPath(target),
            asset=asset,
            amount_raw=amount_raw,
            reason=cause,
            now=now_iso(),
        )
        moves = booking.load_moves()
    _print_repair(recorded, moves, is_booked=yes, json=json)


@app.command()
def reverse(
    name: Annotated[str, typer.Argument(help="The entry's number, id, or 8 or more digits of it.")],
    cause: _CauseOption,
    yes: YesOption = False,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Take an entry back by a new one, once; shown without --yes.

    What receipts and batches rest on stays.
    """
    from basis.accounting.repairs import reverse as book
    from basis.storage.clock import now_iso

    with book_if(yes, data) as booking:
        recorded = book(booking.connection, name, reason=cause, now=now_iso())
        moves = booking.load_moves()
    _print_repair(recorded, moves, is_booked=yes, json=json)


def _print_rebuild(found: Rebuild, *, json: bool) -> None:
    if json:
        print_json(
            {
                "equal": found.difference is None,
                "repaired": found.is_repaired,
                "entries": found.entry_count,
                "postings": found.posting_count,
                "balances": found.balance_count,
                "difference": found.difference,
            }
        )
        return
    counted = f"{found.entry_count} entries, {found.posting_count} postings"
    if found.difference is None:
        typer.echo(f"equal: {counted}, {found.balance_count} balances that are their sums")
    elif found.is_repaired:
        typer.echo(f"repaired: {found.balance_count} balances written anew from {counted}")
        typer.echo(f"the first that differed: {found.difference}", err=True)
    else:
        typer.echo(f"DIFFERENT: {found.difference}")


def _print_repair(
    recorded: RecordedEntry, moves: list[Move], *, is_booked: bool, json: bool
) -> None:
    """A repair with the balances before and after; one that was booked before moves nothing."""
    is_on_record = is_booked or not moves
    if json:
        entry = _entry_json(recorded)
        # The number is that of the next entry, whichever comes first.
        entry["seq"] = recorded.seq if is_on_record else None
        print_json({**entry, "is_booked": is_on_record, "moves": moves_json(moves)})
    else:
        _print_head(recorded, title=f"entry {recorded.seq}" if is_on_record else "entry to book")
        if moves:
            print_moves(moves)
        else:
            _print_postings(recorded)
    tell_if_shown(is_booked=is_booked, is_repeat=not moves)


def _print_entry(recorded: RecordedEntry, *, json: bool) -> None:
    if json:
        print_json(_entry_json(recorded))
        return
    _print_head(recorded, title=f"entry {recorded.seq}")
    _print_postings(recorded)


def _entry_json(recorded: RecordedEntry) -> dict[str, object]:
    booked = recorded.entry
    return {
        "seq": recorded.seq,
        "id": booked.id,
        "kind": booked.kind,
        "cause": booked.cause,
        "reason": recorded.reason,
        "created_at": recorded.created_at,
        "postings": [
            {
                "account": posting.account,
                "asset": posting.asset,
                "amount_raw": str(posting.amount_raw),
            }
            for posting in booked.postings
        ],
    }


def _print_head(recorded: RecordedEntry, *, title: str) -> None:
    typer.echo(f"{title}  {recorded.entry.id}")
    typer.echo(f"  kind     {recorded.entry.kind}")
    typer.echo(f"  cause    {recorded.entry.cause}")
    if recorded.reason:
        typer.echo(f"  reason   {recorded.reason}")
    typer.echo(f"  created  {recorded.created_at}")


def _print_postings(recorded: RecordedEntry) -> None:
    from basis.rules.units import asset_of_symbol, format_amount

    for posting in recorded.entry.postings:
        shown = format_amount(posting.amount_raw, asset_of_symbol(posting.asset))
        typer.echo(f"  {posting.account}  {shown}  ({posting.amount_raw})")
