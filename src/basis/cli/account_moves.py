"""The commands of `basis account` by which credits come and go: each payment once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Protocol

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
    from pathlib import Path

    from sqlalchemy import Connection

    from basis.accounting.funding import Outcome
    from basis.storage.account_store import Credits

UserArgument = Annotated[str, typer.Argument(help="The customer's id.")]
_KeyOption = Annotated[
    str, typer.Option(help="Its name, such as INVOICE-17: the same one again books nothing.")
]
_CreditsOption = Annotated[str, typer.Option("--credits", help="How many: 12.5.")]
_NoteOption = Annotated[str, typer.Option(help="A line that stays beside it.")]


def spell(microcredits: int) -> str:
    """Micro-credits in words: `12.5 CREDIT`."""
    from basis.rules.units import CREDIT, format_amount

    return format_amount(microcredits, CREDIT)


def spell_or(microcredits: int | None, words: str) -> str:
    """Micro-credits in words, or `words` for None."""
    return words if microcredits is None else spell(microcredits)


def top_up(
    user: UserArgument,
    credits: _CreditsOption,  # noqa: A002 - typer names the option after it
    key: _KeyOption,
    note: _NoteOption = "",
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Give a customer credits, once for each key."""
    from basis.accounting.funding import top_up as book

    _move(book, user, credits, key, note, data=data, json=json)


def take_back(
    user: UserArgument,
    credits: _CreditsOption,  # noqa: A002 - typer names the option after it
    key: _KeyOption,
    note: _NoteOption = "",
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Take credits back that were given, never those that are spent or held."""
    from basis.accounting.funding import take_back as book

    _move(book, user, credits, key, note, data=data, json=json)


def unassigned(data: DataOption = None, json: JsonOption = False) -> None:
    """List payments that came in and fund nobody yet, each with its reason."""
    from basis.cli.account_page import payment_json
    from basis.storage.payment_store import load_payments

    with read_store(data) as connection:
        payments = load_payments(connection, None)
    if json:
        print_json([payment_json(payment) for payment in payments])
        return
    print_table(
        ["payment", "received", "amount", "currency", "names", "reason"],
        [
            [
                payment.key,
                payment.created_at,
                str(payment.amount_minor),
                payment.currency,
                payment.account_given,
                payment.reason,
            ]
            for payment in payments
        ],
    )


def assign(
    payment: Annotated[str, typer.Argument(help="The payment, as `unassigned` names it.")],
    user: UserArgument,
    credits: Annotated[  # noqa: A002 - typer names the option after it
        str, typer.Option(help="What it is worth, only where it is not in USD.")
    ] = "",
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Fund a customer by a payment that named nobody, once."""
    from basis.accounting.card_payments import assign_payment
    from basis.rules.units import CREDIT, parse_amount
    from basis.storage.account_store import load_credits
    from basis.storage.clock import now_iso
    from basis.storage.database import begin_write

    microcredits = parse_amount(credits, CREDIT, param="--credits") if credits else None
    _folder, engine = open_store(data)
    with begin_write(engine) as connection:
        outcome = assign_payment(
            connection, key=payment, user_id=user, microcredits=microcredits, now=now_iso()
        )
        credits_now = load_credits(connection, user)
    _print_moved(user, payment, outcome, credits_now, json=json)


class _Booking(Protocol):
    """`top_up` or `take_back`."""

    def __call__(
        self,
        connection: Connection,
        *,
        user_id: str,
        key: str,
        microcredits: int,
        note: str,
        now: str,
    ) -> Outcome: ...


def _move(
    book: _Booking,
    user: str,
    credits_text: str,
    key: str,
    note: str,
    *,
    data: Path | None,
    json: bool,
) -> None:
    from basis.rules.units import CREDIT, parse_amount
    from basis.storage.account_store import load_credits
    from basis.storage.clock import now_iso
    from basis.storage.database import begin_write

    microcredits = parse_amount(credits_text, CREDIT, param="--credits")
    _folder, engine = open_store(data)
    with begin_write(engine) as connection:
        outcome = book(
            connection, user_id=user, key=key, microcredits=microcredits, note=note, now=now_iso()
        )
        credits_now = load_credits(connection, user)
    _print_moved(user, key, outcome, credits_now, json=json)


def _print_moved(
    user: str, key: str, outcome: Outcome, credits_now: Credits, *, json: bool
) -> None:
    from basis.accounting.funding import Outcome

    if json:
        print_json(
            {
                "user_id": user,
                "key": key,
                "outcome": outcome.value,
                "balance_microcredits": str(credits_now.balance),
                "available_microcredits": None
                if credits_now.available is None
                else str(credits_now.available),
            }
        )
        return
    typer.echo(
        f"{user}: balance {spell(credits_now.balance)}, "
        f"available {spell_or(credits_now.available, 'without limit')}"
    )
    if outcome is Outcome.REPEATED:
        typer.echo(f"{key} was booked before: nothing was moved.", err=True)
