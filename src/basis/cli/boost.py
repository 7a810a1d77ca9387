"""`basis boost`: what the workers' owners hold, and how that multiplies their points."""

from __future__ import annotations

from pathlib import Path
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
    from basis.rules.holdings import HoldingKind, HoldingsSnapshot
    from basis.rules.wallet import Wallet

_BASE_CHAIN_ID = 8453

app = typer.Typer(
    help="Record what owners hold as of a block (NFTs, stake), and show whom it boosts.",
    no_args_is_help=True,
)

RpcOption = Annotated[
    str,
    typer.Option(
        "--rpc",
        envvar="BASIS_RPC_URL",
        show_envvar=True,
        help="http(s) address of an EVM node; it is neither logged nor recorded.",
    ),
]


@app.command()
def snapshot(
    rpc: RpcOption,
    contract: Annotated[str, typer.Option(help="Address of the contract.")],
    kind: Annotated[
        str, typer.Option(help="erc721, erc1155 (NFTs), erc20 or erc4626 (stake; of a vault).")
    ],
    chain_id: Annotated[
        int, typer.Option(min=1, help="The chain; a node of another one is refused.")
    ] = _BASE_CHAIN_ID,
    token_id: Annotated[
        list[str] | None, typer.Option(help="An ERC-1155's token that counts; repeatable.")
    ] = None,
    block: Annotated[
        int | None, typer.Option(min=0, help="As of this block; default: the newest final one.")
    ] = None,
    calls_per_request: Annotated[
        int, typer.Option(min=1, max=1_000, help="Reads sent at once; fewer if the node refuses.")
    ] = 50,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Read what every registered worker's wallet holds, as of one block, and record it.

    It counts for jobs accepted a minute later and after. A repeat is a no-op.
    """
    from rich.console import Console
    from rich.progress import Progress

    from basis.chain.holdings import HoldingsQuestion, load_holdings
    from basis.chain.node import EvmNode
    from basis.rules.wallet import parse_wallet

    question = HoldingsQuestion(
        kind=_parse_kind(kind),
        chain_id=chain_id,
        contract=parse_wallet(contract, param="contract"),
        token_ids=_parse_token_ids(token_id or []),
        block_number=block,
    )
    node = EvmNode(rpc, calls_per_request=calls_per_request)
    wallets = _load_owners(data)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading wallets", total=len(wallets))
        found = load_holdings(
            node, question, wallets, on_progress=lambda done: progress.update(task, completed=done)
        )
    _record(found, data=data, json=json)


@app.command(name="import")
def import_file(
    file: Annotated[Path, typer.Argument(help="The signed file.")],
    signer: Annotated[str, typer.Option(help="Address whose signature is accepted.")],
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Record the holdings of a file that somebody whom you trust has signed.

    It counts for jobs accepted a minute later and after. A repeat is a no-op.
    """
    from basis.chain.signed_file import load_signed_holdings
    from basis.rules.wallet import parse_wallet

    found, signature = load_signed_holdings(file, signer=parse_wallet(signer, param="signer"))
    _record(found, data=data, json=json, signature=signature)


@app.command(name="list")
def list_snapshots(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, newest first.")] = 20,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """List the snapshots, and say which are in force."""
    from basis.cli.boost_views import in_force, snapshot_head_json, snapshot_row
    from basis.storage.clock import now_iso
    from basis.storage.holdings_store import load_heads, load_snapshots

    with read_store(data) as connection:
        records = load_snapshots(connection, limit=limit)
        current = in_force(load_heads(connection), now_iso())
    if json:
        print_json([snapshot_head_json(record, in_force=current) for record in records])
        return
    print_table(
        ["number", "hash", "measure", "kind", "chain", "block", "holders", "in force", "from"],
        [snapshot_row(record, in_force=current) for record in records],
    )


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(
            help="A wallet; or a snapshot's number or hash, or an assignment's hash; "
            "without it the snapshots in force."
        ),
    ] = "",
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Show what is in force, what a wallet holds and is boosted by, or one record whole."""
    from basis.cli import boost_views
    from basis.rules.wallet import parse_wallet
    from basis.storage.clock import now_iso

    with read_store(data) as connection:
        if not name:
            view = boost_views.view_in_force(connection, now=now_iso())
        elif name.startswith("0x"):
            wallet = parse_wallet(name, param="wallet")
            view = boost_views.view_wallet(connection, wallet, now=now_iso())
        else:
            view = boost_views.view_record(connection, name)
    if json:
        print_json(view.json)
        return
    for line in view.lines:
        typer.echo(line)


def _load_owners(data: Path | None) -> list[Wallet]:
    """The wallets of the registered workers."""
    from basis.rules.errors import NotFound
    from basis.rules.wallet import Wallet
    from basis.storage.worker_store import load_workers

    with read_store(data) as connection:
        wallets = {Wallet(worker.wallet) for worker in load_workers(connection)}
    if not wallets:
        raise NotFound("no worker is registered, so there is nobody whose holdings could count")
    return sorted(wallets)


def _record(found: HoldingsSnapshot, *, data: Path | None, json: bool, signature: str = "") -> None:
    from basis.cli.boost_views import snapshot_lines, whole_snapshot_json
    from basis.storage.clock import now_iso
    from basis.storage.database import begin_write
    from basis.storage.holdings_store import draft_snapshot, store_snapshot

    draft = draft_snapshot(found)
    _folder, engine = open_store(data)
    with begin_write(engine) as connection:
        record, is_new = store_snapshot(connection, draft, now=now_iso(), signature=signature)
    if json:
        print_json({**whole_snapshot_json(record), "isNew": is_new})
        return
    for line in snapshot_lines(record):
        typer.echo(line)
    when = f"counts for jobs accepted from {record.head.effective_at} on"
    typer.echo(f"Recorded: it {when}." if is_new else "It was recorded before.", err=True)


def _parse_kind(text: str) -> HoldingKind:
    from basis.rules.errors import InvalidInput
    from basis.rules.holdings import HoldingKind

    known = [kind.value for kind in HoldingKind if kind is not HoldingKind.FILE]
    if text not in known:
        raise InvalidInput(f"--kind is {text[:40]!r}: expected {', '.join(known)}", param="kind")
    return HoldingKind(text)


def _parse_token_ids(texts: list[str]) -> tuple[int, ...]:
    from basis.rules.units import parse_raw

    return tuple(sorted({parse_raw(text, param="--token-id") for text in texts}))
