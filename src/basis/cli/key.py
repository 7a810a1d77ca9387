"""`basis key`: customers' API keys."""

from __future__ import annotations

from typing import Annotated

import typer

from basis.cli.data_folder import (
    DataOption,
    JsonOption,
    open_store,
    print_json,
    print_table,
    read_store,
)

app = typer.Typer(help="Make, list and revoke customers' API keys.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Option(help="What the key is for.")] = "default",
    user: Annotated[
        str, typer.Option(help="Customer id: keys of one customer are billed together.")
    ] = "",
    wallet: Annotated[str, typer.Option(help="The customer's EVM address, if it has one.")] = "",
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Make a key and show it: this once, for only its hash is kept."""
    import re
    import secrets

    from basis.rules.errors import InvalidInput
    from basis.rules.wallet import parse_wallet
    from basis.storage.clock import now_iso
    from basis.storage.database import begin_write
    from basis.storage.key_store import store_new_key
    from basis.storage.secrets import load_hasher, new_api_key, require_pepper

    if user and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", user, re.ASCII):
        raise InvalidInput(
            f"--user is {user[:80]!r}: expected 1 to 64 letters, digits, '.', '_' or '-'",
            param="user",
        )
    user_wallet = parse_wallet(wallet, param="--wallet") if wallet else ""
    folder, engine = open_store(data, create=True)
    require_pepper(folder, engine)
    key = new_api_key()
    key_id = "key_" + secrets.token_hex(4)
    user_id = user or "user_" + secrets.token_hex(6)
    with begin_write(engine) as connection:
        store_new_key(
            connection,
            key_id=key_id,
            secret_hash=load_hasher(folder).hash(key),
            name=name,
            user_id=user_id,
            user_wallet=user_wallet,
            now=now_iso(),
        )
    if json:
        print_json({"id": key_id, "user_id": user_id, "key": key})
        return
    typer.echo(key)
    typer.echo(
        f"This is the only time that the key is shown (id {key_id}, customer {user_id}).", err=True
    )


@app.command(name="list")
def list_keys(data: DataOption = None, json: JsonOption = False) -> None:
    """List the keys; the keys themselves are not kept."""
    from basis.storage.key_store import load_keys

    with read_store(data) as connection:
        keys = load_keys(connection)
    if json:
        print_json(
            [
                {
                    "id": key.id,
                    "name": key.name,
                    "user_id": key.user_id,
                    "user_wallet": key.user_wallet,
                    "created_at": key.created_at,
                    "revoked_at": key.revoked_at,
                }
                for key in keys
            ]
        )
        return
    print_table(
        ["id", "customer", "name", "created", "revoked"],
        [[key.id, key.user_id, key.name, key.created_at, key.revoked_at or ""] for key in keys],
    )


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `basis key list` shows it.")],
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Revoke a key: a running orchestrator refuses it within 5 seconds."""
    from basis.storage.clock import now_iso
    from basis.storage.database import begin_write
    from basis.storage.key_store import revoke_key

    _folder, engine = open_store(data)
    with begin_write(engine) as connection:
        key = revoke_key(connection, key_id=key_id, now=now_iso())
    if json:
        print_json({"id": key.id, "revoked_at": key.revoked_at})
        return
    typer.echo(f"{key.id} is revoked since {key.revoked_at}")
