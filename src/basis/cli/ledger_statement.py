"""Prints statements as text, CSV or JSON, an entry at a time: none is held in memory."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import msgspec
import typer

from basis.accounting.statement import (
    Period,
    Statement,
    StatementLine,
    compute_statement,
    iterate_statement,
)
from basis.cli.progress import show_progress
from basis.rules.ledger import AccountPath
from basis.rules.units import Asset, asset_of_symbol, format_amount
from basis.storage.ledger_reading import count_lines, load_assets, load_balance

if TYPE_CHECKING:
    from sqlalchemy import Connection

Form = Literal["text", "csv", "json"]

_COLUMNS = (
    "entry",
    "time",
    "kind",
    "cause",
    "id",
    "asset",
    "amount",
    "amount_raw",
    "balance",
    "balance_raw",
)


def print_statements(
    connection: Connection, account: str, *, asset: str, period: Period, form: Form
) -> None:
    """Prints the statement of `account` in `asset`, or in each that was booked on it.

    Raises:
        UnknownAsset: there is no asset of this symbol.
        UnknownAccount: the account is not kept in it.
        DamagedRecord: an entry cannot be read.
    """
    from basis.rules.accounts import bound_of

    path = AccountPath(account)
    if asset:
        bound_of(path, asset_of_symbol(asset, param="--asset").symbol)
    assets = [asset] if asset else load_assets(connection, path)
    statements = [_sum_up(connection, path, one, period) for one in assets]
    if form == "csv":
        csv.writer(sys.stdout, lineterminator="\n").writerow(_COLUMNS)
    elif form == "json":
        typer.echo("[", nl=False)
    elif not statements:
        typer.echo(f"Nothing was ever booked on {account}.", err=True)
    for index, statement in enumerate(statements):
        lines = iterate_statement(connection, statement, period)
        if form == "csv":
            _print_csv(statement, lines)
        elif form == "json":
            typer.echo("," if index else "", nl=False)
            _print_json(statement, lines, period)
        else:
            _print_text(statement, lines)
        if not period.end:
            _warn_if_other(connection, statement)
    if form == "json":
        typer.echo("]")


def _sum_up(connection: Connection, account: AccountPath, asset: str, period: Period) -> Statement:
    total = count_lines(connection, account, asset)
    with show_progress(f"summing {asset}", total) as on_progress:
        return compute_statement(connection, account, asset, period, on_progress=on_progress)


def _print_text(statement: Statement, lines: Iterator[StatementLine]) -> None:
    asset = asset_of_symbol(statement.asset)
    typer.echo(f"{statement.account}  {statement.asset}")
    typer.echo(f"  opening  {_both(statement.opening_raw, asset)}")
    for at in lines:
        line = at.line
        typer.echo(
            f"  {line.seq}  {line.created_at}  {line.kind}  {line.cause}  "
            f"{'+' if line.amount_raw > 0 else ''}{_decimal(line.amount_raw, asset)}  "
            f"= {_decimal(at.balance_raw, asset)}"
        )
    typer.echo(f"  closing  {_both(statement.closing_raw, asset)}")
    typer.echo(f"  entries  {statement.entry_count}")


def _print_csv(statement: Statement, lines: Iterator[StatementLine]) -> None:
    asset = asset_of_symbol(statement.asset)
    write = csv.writer(sys.stdout, lineterminator="\n").writerow
    opening = statement.opening_raw
    empty = [""] * 4
    write(["opening", *empty, asset.symbol, "", "", _decimal(opening, asset), opening])
    for at in lines:
        line = at.line
        write(
            [
                *(line.seq, line.created_at, line.kind, line.cause, line.entry_id, asset.symbol),
                *(_decimal(line.amount_raw, asset), line.amount_raw),
                *(_decimal(at.balance_raw, asset), at.balance_raw),
            ]
        )
    closing = statement.closing_raw
    write(["closing", *empty, asset.symbol, "", "", _decimal(closing, asset), closing])


def _print_json(statement: Statement, lines: Iterator[StatementLine], period: Period) -> None:
    head = {
        "account": statement.account,
        "asset": statement.asset,
        "from": period.begin or None,
        "to": period.end or None,
        "opening_raw": str(statement.opening_raw),
        "closing_raw": str(statement.closing_raw),
        "entry_count": statement.entry_count,
    }
    # The entries are printed one by one inside the object that `head` begins.
    typer.echo(msgspec.json.encode(head).decode().removesuffix("}") + ',"entries":[', nl=False)
    for index, at in enumerate(lines):
        line = at.line
        row = {
            "seq": line.seq,
            "created_at": line.created_at,
            "kind": line.kind,
            "cause": line.cause,
            "id": line.entry_id,
            "amount_raw": str(line.amount_raw),
            "balance_raw": str(at.balance_raw),
        }
        typer.echo(("," if index else "") + "\n" + msgspec.json.encode(row).decode(), nl=False)
    typer.echo("]}", nl=False)


def _warn_if_other(connection: Connection, statement: Statement) -> None:
    recorded = load_balance(connection, statement.account, statement.asset)
    if recorded != statement.closing_raw:
        typer.echo(
            f"basis: the balance on record is {recorded}, not the sum of the entries: "
            f"see `basis ledger rebuild`",
            err=True,
        )


def _both(amount_raw: int, asset: Asset) -> str:
    return f"{format_amount(amount_raw, asset)}  ({amount_raw})"


def _decimal(amount_raw: int, asset: Asset) -> str:
    return format_amount(amount_raw, asset).removesuffix(f" {asset.symbol}")
