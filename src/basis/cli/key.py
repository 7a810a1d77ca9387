"""`basis key`: customers' API keys, what each may do, and whose credits they spend."""

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
    from collections.abc import Callable
    from pathlib import Path

    from basis.cli.key_limits import GivenLimits
    from basis.storage.key_store import KeyLimits, KeyRecord

app = typer.Typer(help="Make, limit, list and revoke customers' API keys.", no_args_is_help=True)

_KeyArgument = Annotated[str, typer.Argument(help="The key's id, as `basis key list` shows it.")]
_CreditsPerDay = Annotated[
    str | None,
    typer.Option(help="Credits that it may spend per day in UTC, such as 12.5, or none."),
]
_RequestsPerMinute = Annotated[str | None, typer.Option(help="Requests per minute, or none.")]
_TokensPerMinute = Annotated[
    str | None, typer.Option(help="Tokens of prompts and answers per minute, or none.")
]
_Models = Annotated[
    list[str],
    typer.Option("--model", help="A model that it is for; repeat for more; none is for all."),
]
_Expires = Annotated[
    str | None,
    typer.Option(help="Last day (2026-12-31) or moment (2026-12-31T12:00:00Z) in UTC, or none."),
]
_Prefers = Annotated[
    str | None,
    typer.Option(help="What decides between workers: price, speed, quality or none."),
]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="What the key is for.")] = "default",
    user: Annotated[
        str, typer.Option(help="Customer id: keys of one customer spend the same credits.")
    ] = "",
    wallet: Annotated[str, typer.Option(help="The customer's EVM address, if it has one.")] = "",
    credits: Annotated[  # noqa: A002 - typer names the option after it
        str, typer.Option(help="Credits to top the customer up with at once, such as 5000.")
    ] = "",
    postpaid: Annotated[
        bool, typer.Option("--postpaid", help="A new customer pays afterwards, without limit.")
    ] = False,
    credit_limit: Annotated[
        str, typer.Option(help="Credits that a new customer may go below zero.")
    ] = "",
    parent: Annotated[
        str, typer.Option(help="Make a sub-key of this key: it shares its customer and limits.")
    ] = "",
    credits_per_day: _CreditsPerDay = None,
    requests_per_minute: _RequestsPerMinute = None,
    tokens_per_minute: _TokensPerMinute = None,
    model: _Models = [],  # noqa: B006 - typer's way of saying that it may be repeated
    expires: _Expires = None,
    prefers: _Prefers = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Make a key and show it: this once, for only its hash is kept."""
    from basis.cli.data_folder import resolve_folder
    from basis.cli.key_creation import NewKey, make_key
    from basis.cli.key_limits import GivenLimits, key_json

    given = GivenLimits(
        credits_per_day=credits_per_day,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        models=model,
        expires=expires,
        prefers=prefers,
    )
    asked = NewKey.read(
        name=name,
        user=user,
        wallet=wallet,
        credits=credits,
        is_postpaid=postpaid,
        credit_limit=credit_limit,
        parent=parent,
    )
    limits = _limits_changer(resolve_folder(data), given)
    made = make_key(data, asked, limits)
    if json:
        print_json({**key_json(made.record), "key": made.key})
        return
    typer.echo(made.key)
    user_id = made.record.user_id
    typer.echo(
        f"This is the only time that the key is shown (id {made.record.id}, customer {user_id}).",
        err=True,
    )
    if made.is_penniless:
        typer.echo(
            f"The customer {user_id} has no credits yet: "
            f"basis account top-up {user_id} --credits 1000 --key INVOICE-1 --yes",
            err=True,
        )


@app.command(name="list")
def list_keys(data: DataOption = None, json: JsonOption = False) -> None:
    """List the keys; the keys themselves are not kept."""
    from basis.cli.key_limits import key_json, limits_in_words
    from basis.storage.key_store import load_keys

    with read_store(data) as connection:
        keys = load_keys(connection)
    if json:
        print_json([key_json(key) for key in keys])
        return
    print_table(
        ["id", "customer", "name", "created", "revoked", "parent", "limits"],
        [
            [
                key.id,
                key.user_id,
                key.name,
                key.created_at,
                key.revoked_at or "",
                key.parent_id or "",
                limits_in_words(key.limits),
            ]
            for key in keys
        ],
    )


@app.command()
def show(key_id: _KeyArgument, data: DataOption = None, json: JsonOption = False) -> None:
    """Show a key: its limits, what of today's budget is left, its sub-keys."""
    from basis.cli.key_limits import key_json, limits_in_words
    from basis.rules.units import CREDIT, format_amount
    from basis.storage.account_store import load_key_spending
    from basis.storage.clock import now_iso
    from basis.storage.key_store import load_key_by_id, load_keys

    with read_store(data) as connection:
        key = load_key_by_id(connection, key_id)
        subkeys = [one for one in load_keys(connection) if one.parent_id == key_id]
        today = load_key_spending(connection, key_id, day=now_iso()[:10])
    if json:
        print_json(
            {
                **key_json(key),
                "spent_today_microcredits": str(today.spent),
                "held_today_microcredits": str(today.held),
                "subkeys": [one.id for one in subkeys],
            }
        )
        return
    typer.echo(f"key {key.id}  {key.name}")
    typer.echo(f"  customer  {key.user_id}")
    if key.parent_id is not None:
        typer.echo(f"  parent    {key.parent_id}")
    typer.echo(f"  created   {key.created_at}")
    if key.revoked_at is not None:
        typer.echo(f"  revoked   {key.revoked_at}")
    typer.echo(f"  limits    {limits_in_words(key.limits) or 'none'}")
    typer.echo(
        f"  today     {format_amount(today.spent, CREDIT)} spent, "
        f"{format_amount(today.held, CREDIT)} held"
    )
    for one in subkeys:
        typer.echo(f"  sub-key   {one.id}  {one.name}  {limits_in_words(one.limits)}".rstrip())


@app.command()
def limit(
    key_id: _KeyArgument,
    credits_per_day: _CreditsPerDay = None,
    requests_per_minute: _RequestsPerMinute = None,
    tokens_per_minute: _TokensPerMinute = None,
    model: _Models = [],  # noqa: B006 - typer's way of saying that it may be repeated
    expires: _Expires = None,
    prefers: _Prefers = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Change what a key may do: a running orchestrator goes by it within 5 seconds."""
    from basis.cli.key_limits import GivenLimits, key_json, limits_in_words
    from basis.rules.errors import InvalidInput
    from basis.storage.clock import now_iso
    from basis.storage.database import begin_write
    from basis.storage.key_store import load_key_by_id, store_limits

    given = GivenLimits(
        credits_per_day=credits_per_day,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        models=model,
        expires=expires,
        prefers=prefers,
    )
    if given.is_empty:
        raise InvalidInput("name at least one limit, such as --credits-per-day 100")
    folder, engine = open_store(data)
    change = _limits_changer(folder, given)
    with begin_write(engine) as connection:
        wanted = change(load_key_by_id(connection, key_id).limits)
        key = store_limits(connection, key_id=key_id, limits=wanted, now=now_iso())
    if json:
        print_json(key_json(key))
        return
    typer.echo(f"{key.id}: {limits_in_words(key.limits) or 'no limits'}")


@app.command()
def revoke(key_id: _KeyArgument, data: DataOption = None, json: JsonOption = False) -> None:
    """Revoke a key and its sub-keys: a running orchestrator refuses them within 5 seconds."""
    from basis.storage.clock import now_iso
    from basis.storage.database import begin_write
    from basis.storage.key_store import revoke_key

    _folder, engine = open_store(data)
    with begin_write(engine) as connection:
        key: KeyRecord = revoke_key(connection, key_id=key_id, now=now_iso())
    if json:
        print_json({"id": key.id, "revoked_at": key.revoked_at})
        return
    typer.echo(f"{key.id} is revoked since {key.revoked_at}")


def _limits_changer(folder: Path, given: GivenLimits) -> Callable[[KeyLimits], KeyLimits]:
    """What turns limits into those that were asked for.

    Raises:
        InvalidInput: when it is called: an option that cannot be.
    """
    from basis.catalog_file import load_catalog
    from basis.cli.key_limits import apply_limits
    from basis.storage.clock import now_iso

    catalog = load_catalog(folder)
    return lambda limits: apply_limits(limits, given, catalog=catalog, now=now_iso())
