"""`basis offer`: the owner of a worker sets its own prices, by signing them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from basis.cli.data_folder import DataOption, JsonOption, print_json, print_table, read_store

app = typer.Typer(
    help="Make, sign, send and list the offers of a worker's owner. `make` and `withdraw` print "
    "typed data that any wallet signs; `sign` signs with a keystore on this machine.",
    no_args_is_help=True,
)

WorkerOption = Annotated[str, typer.Option("--worker-id", help="The worker, as it is registered.")]
WalletOption = Annotated[
    str, typer.Option("--wallet", help="The EVM address that the worker is paid to.")
]
NonceOption = Annotated[
    int,
    typer.Option(
        "--nonce",
        min=0,
        help="Above the last one; 0 takes the time in milliseconds.",
        show_default=False,
    ),
]
OrchestratorOption = Annotated[
    str, typer.Option(envvar="BASIS_ORCHESTRATOR", help="Address of the orchestrator.")
]
_LONGEST_LIST = 500


@app.command()
def make(
    worker_id: WorkerOption,
    wallet: WalletOption,
    ask: Annotated[
        list[str],
        typer.Option(
            help="MODEL=PROMPT,OUTPUT in credits per million tokens, as basis-small=60,240.5; "
            "repeat for each model."
        ),
    ],
    capacity: Annotated[int, typer.Option(help="Jobs that the worker takes at once.")] = 1,
    days: Annotated[int, typer.Option(help="For how many days, at most 30.")] = 7,
    begins_in_hours: Annotated[int, typer.Option(min=0, help="0 is at once.")] = 0,
    nonce: NonceOption = 0,
) -> None:
    """Print an offer as typed data (EIP-712), to sign with `basis offer sign` or any wallet."""
    import time

    from basis.cli.offer_files import read_ask
    from basis.rules.names import parse_worker_id
    from basis.rules.offer import Offer, typed_data
    from basis.rules.offer_checks import validate_form, validate_time
    from basis.rules.wallet import parse_wallet

    now_s = int(time.time())
    begins_s = now_s + begins_in_hours * 3_600
    offer = Offer(
        worker_id=parse_worker_id(worker_id, param="--worker-id"),
        wallet=parse_wallet(wallet, param="--wallet"),
        models=tuple(read_ask(text) for text in ask),
        capacity=capacity,
        not_before=begins_s if begins_in_hours else 0,
        expires_at=begins_s + days * 86_400,
        nonce=nonce or time.time_ns() // 1_000_000,
    )
    validate_form(offer)
    validate_time(offer, now_s=now_s)
    print_json(typed_data(offer))


@app.command()
def withdraw(worker_id: WorkerOption, wallet: WalletOption, nonce: NonceOption = 0) -> None:
    """Print a withdrawal of all earlier offers as typed data, to sign and send like an offer."""
    import time

    from basis.rules.names import parse_worker_id
    from basis.rules.offer import Withdrawal, typed_data
    from basis.rules.offer_checks import validate_form
    from basis.rules.wallet import parse_wallet

    withdrawal = Withdrawal(
        worker_id=parse_worker_id(worker_id, param="--worker-id"),
        wallet=parse_wallet(wallet, param="--wallet"),
        nonce=nonce or time.time_ns() // 1_000_000,
    )
    validate_form(withdrawal)
    print_json(typed_data(withdrawal))


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(help="Typed data, as `make` prints it; - is stdin.")],
    keystore: Annotated[Path, typer.Option(help="Ethereum keystore (JSON) of the wallet.")],
    password_file: Annotated[
        Path | None, typer.Option(help="File with the keystore's password; asked for if not given.")
    ] = None,
) -> None:
    """Sign an offer or a withdrawal; the key stays on this machine and is shown nowhere."""
    from basis.cli.offer_files import describe_signed, load_typed_data, signed_body
    from basis.cli.offer_signing import read_password, sign_with_keystore

    signed = load_typed_data(file)
    for line in describe_signed(signed):
        typer.echo(line, err=True)
    password = read_password(password_file)
    signature = sign_with_keystore(signed, keystore=keystore, password=password)
    print_json(signed_body(signed, signature))


@app.command()
def send(
    file: Annotated[
        Path, typer.Argument(help="What `sign` prints, or typed data with --signature; - is stdin.")
    ],
    orchestrator: OrchestratorOption,
    signature: Annotated[
        str, typer.Option(help="By a wallet: 0x and 130 hex digits, if FILE is typed data.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Deliver a signed offer or withdrawal. Anybody may: the signature binds every field."""
    from basis.cli.offer_calls import call_orchestrator
    from basis.cli.offer_files import load_signed, signed_body
    from basis.rules.offer import Offer
    from basis.wire.offers import (
        OFFERS_PATH,
        WITHDRAWALS_PATH,
        OfferResponse,
        WithdrawalResponse,
    )
    from basis.worker.foreign_words import shorten

    signed, proof = load_signed(file, signature=signature)
    body = signed_body(signed, proof)
    if isinstance(signed, Offer):
        offered = call_orchestrator(
            "POST", orchestrator, OFFERS_PATH, answer=OfferResponse, body=body
        )
        line = shorten(f"{offered.offer_hash} is {offered.state}")
        answer: OfferResponse | WithdrawalResponse = offered
    else:
        answer = call_orchestrator(
            "POST", orchestrator, WITHDRAWALS_PATH, answer=WithdrawalResponse, body=body
        )
        line = f"withdrawn: {answer.withdrawn}"
    if json:
        print_json(answer)
    else:
        typer.echo(line)


@app.command(name="list")
def list_offers(
    orchestrator: Annotated[
        str, typer.Option(help="Show a network's market instead of a data folder's records.")
    ] = "",
    worker_id: Annotated[str, typer.Option("--worker-id", help="Only this worker's.")] = "",
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """List the newest offers on record, or what is on offer at an orchestrator now."""
    if orchestrator:
        from basis.cli.offer_calls import load_market_rows

        rows = load_market_rows(orchestrator, worker_id=worker_id)
    else:
        from basis.cli.offer_files import record_row
        from basis.storage.offer_store import load_offers

        with read_store(data) as connection:
            records = load_offers(connection, worker_id=worker_id or None, limit=_LONGEST_LIST)
        rows = [record_row(record) for record in records]
    if json:
        print_json(rows)
        return
    columns = list(rows[0]) if rows else ["no offers"]
    print_table(columns, [[str(value) for value in row.values()] for row in rows])
