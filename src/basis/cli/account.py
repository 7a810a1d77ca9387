"""`basis account`: customers' credits: who has how many, where they came from, where they went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from basis.cli.account_moves import (
    UserArgument,
    assign,
    spell,
    spell_or,
    take_back,
    top_up,
    unassigned,
)
from basis.cli.account_returns import print_returns, return_json, returns
from basis.cli.data_folder import (
    DataOption,
    JsonOption,
    open_store,
    print_json,
    print_table,
    read_store,
)

if TYPE_CHECKING:
    from basis.storage.account_store import AccountRecord, Credits

app = typer.Typer(
    help="Top customers up, limit them, and show what they have and used.", no_args_is_help=True
)

app.command(name="top-up")(top_up)
app.command(name="take-back")(take_back)
app.command(name="unassigned")(unassigned)
app.command(name="assign")(assign)
app.command(name="returns")(returns)


@app.command(name="list")
def list_accounts(data: DataOption = None, json: JsonOption = False) -> None:
    """List the customers with what they have, hold and may spend."""
    from basis.storage.account_store import load_accounts, load_credits

    with read_store(data) as connection:
        found = [
            (account, load_credits(connection, account.id)) for account in load_accounts(connection)
        ]
    if json:
        print_json([_account_json(account, credits_now) for account, credits_now in found])
        return
    print_table(
        ["customer", "balance", "held", "available", "limit", "created"],
        [
            [
                account.id,
                spell(credits_now.balance),
                spell(credits_now.held),
                spell_or(credits_now.available, "without limit"),
                spell_or(account.credit_limit, "postpaid"),
                account.created_at,
            ]
            for account, credits_now in found
        ],
    )


@app.command()
def show(user: UserArgument, data: DataOption = None, json: JsonOption = False) -> None:
    """Show a customer: credits, keys, payments, returns, and what was changed of its limits."""
    from basis.accounting.card_returns import load_card_returns
    from basis.cli.account_page import account_page_json, print_account_page
    from basis.storage.account_store import load_account, load_changes, load_credits
    from basis.storage.key_store import load_keys
    from basis.storage.payment_store import load_payments

    with read_store(data) as connection:
        account = load_account(connection, user)
        credits_now = load_credits(connection, user)
        keys = [key for key in load_keys(connection) if key.user_id == user]
        payments = load_payments(connection, user)
        gone = load_card_returns(connection, user_id=user)
        changes = load_changes(connection, user)
    if json:
        page = account_page_json(keys, payments, changes)
        page["returns"] = [return_json(one) for one in gone]
        print_json({**_account_json(account, credits_now), **page})
        return
    typer.echo(f"customer {account.id}")
    typer.echo(f"  wallet     {account.wallet or 'none'}")
    typer.echo(f"  created    {account.created_at}")
    typer.echo(f"  balance    {spell(credits_now.balance)}")
    typer.echo(f"  held       {spell(credits_now.held)}")
    typer.echo(f"  available  {spell_or(credits_now.available, 'without limit')}")
    typer.echo(f"  limit      {spell_or(account.credit_limit, 'postpaid')}")
    print_account_page(keys, payments, changes)
    print_returns(gone)


@app.command()
def limit(
    user: UserArgument,
    credit_limit: Annotated[
        str, typer.Option(help="Credits that the customer may go below zero.")
    ] = "",
    postpaid: Annotated[
        bool, typer.Option("--postpaid", help="Pays afterwards, without limit.")
    ] = False,
    prepaid: Annotated[
        bool, typer.Option("--prepaid", help="Pays beforehand: a limit of zero.")
    ] = False,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Set how far below zero a customer may go; what runs already is not broken off."""
    from basis.cli.key_creation import read_credit_limit
    from basis.rules.errors import InvalidInput
    from basis.storage.account_store import load_credits, store_credit_limit
    from basis.storage.clock import now_iso
    from basis.storage.database import begin_write

    if [bool(credit_limit), postpaid, prepaid].count(True) != 1:
        raise InvalidInput("say one of --credit-limit, --postpaid and --prepaid")
    wanted = None if postpaid else read_credit_limit(credit_limit or "0")
    _folder, engine = open_store(data)
    with begin_write(engine) as connection:
        account = store_credit_limit(connection, user, wanted, now=now_iso())
        credits_now = load_credits(connection, user)
    if json:
        print_json(_account_json(account, credits_now))
        return
    typer.echo(f"{account.id}: {spell_or(account.credit_limit, 'postpaid, without limit')}")
    if credits_now.available is not None and credits_now.available < 0:
        typer.echo(
            f"It is {spell(-credits_now.available)} past that: nothing is accepted until it is "
            f"topped up.",
            err=True,
        )


@app.command()
def usage(
    user: UserArgument,
    begin: Annotated[str, typer.Option("--from", help="First day in UTC: 2026-11-01.")] = "",
    end: Annotated[str, typer.Option("--to", help="Last day in UTC: 2026-11-30.")] = "",
    by: Annotated[str, typer.Option(help="Summed by day, model or key.")] = "day",
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a customer used: requests, tokens and credits of completed jobs."""
    from basis.cli.account_page import print_usage
    from basis.rules.errors import InvalidInput
    from basis.storage.account_store import load_account
    from basis.storage.usage_totals import make_usage_query

    if csv and json:
        raise InvalidInput("--csv and --json are two forms: choose one")
    query = make_usage_query(user_id=user, key_ids=None, since=begin, until=end, by=by)
    with read_store(data) as connection:
        load_account(connection, user)
        print_usage(connection, query, form="csv" if csv else "json" if json else "text")


@app.command()
def statement(
    user: UserArgument,
    begin: Annotated[
        str, typer.Option("--from", help="From this UTC date or time on: 2026-11-23.")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="Until before this UTC date or time.")] = "",
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Show a customer's credits: what they opened with, every entry, what they closed with."""
    from basis.accounting.statement import parse_period
    from basis.cli.ledger_statement import print_statements
    from basis.rules.entries import customer_account
    from basis.rules.errors import InvalidInput
    from basis.rules.units import CREDIT
    from basis.storage.account_store import load_account

    if csv and json:
        raise InvalidInput("--csv and --json are two forms: choose one")
    period = parse_period(begin=begin, end=end)
    with read_store(data) as connection:
        load_account(connection, user)
        print_statements(
            connection,
            customer_account(user),
            asset=CREDIT.symbol,
            period=period,
            form="csv" if csv else "json" if json else "text",
        )


def _account_json(account: AccountRecord, credits_now: Credits) -> dict[str, object]:
    return {
        "user_id": account.id,
        "wallet": account.wallet,
        "created_at": account.created_at,
        "billing": "postpaid" if account.credit_limit is None else "prepaid",
        "credit_limit_microcredits": _text(account.credit_limit),
        "balance_microcredits": str(credits_now.balance),
        "held_microcredits": str(credits_now.held),
        "available_microcredits": _text(credits_now.available),
    }


def _text(microcredits: int | None) -> str | None:
    return None if microcredits is None else str(microcredits)
