"""The commands of `basis account` by which credits come and go: each payment once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from basis.cli.data_folder import (
    DataOption,
    JsonOption,
    print_json,
    print_table,
    read_store,
)
from basis.cli.dry_run import YesOption, book_if, moves_json, print_moves, tell_if_shown

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from basis.accounting.funding import Outcome
    from basis.accounting.moves import Move
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
    yes: YesOption = False,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Give a customer credits, once for each key; shown without --yes."""
    from basis.accounting.funding import top_up as book

    _move(book, user, credits, key, note, is_meant=yes, data=data, json=json)


def take_back(
    user: UserArgument,
    credits: _CreditsOption,  # noqa: A002 - typer names the option after it
    key: _KeyOption,
    note: _NoteOption = "",
    yes: YesOption = False,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Take credits back that were given, never those spent or held; shown without --yes."""
    from basis.accounting.funding import take_back as book

    _move(book, user, credits, key, note, is_meant=yes, data=data, json=json)


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
    tax_minor: Annotated[
        int | None,
        typer.Option(help="Cents of it that are tax, only where it was kept without."),
    ] = None,
    yes: YesOption = False,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Fund a customer by a payment that named nobody, once; shown without --yes."""
    from basis.accounting.card_payments import assign_payment
    from basis.rules.units import CREDIT, parse_amount
    from basis.storage.account_store import load_credits
    from basis.storage.clock import now_iso

    microcredits = parse_amount(credits, CREDIT, param="--credits") if credits else None
    with book_if(yes, data) as booking:
        outcome = assign_payment(
            booking.connection,
            key=payment,
            user_id=user,
            microcredits=microcredits,
            tax_minor=tax_minor,
            now=now_iso(),
        )
        moved = _Moved(
            user=user,
            key=payment,
            outcome=outcome,
            credits_after=load_credits(booking.connection, user),
            moves=booking.load_moves(),
            is_booked=yes,
        )
    _print_moved(moved, json=json)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    """What a command has done to a customer's credits, or would do."""

    user: str
    key: str
    outcome: Outcome
    credits_after: Credits
    moves: list[Move]
    is_booked: bool


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
    is_meant: bool,
    data: Path | None,
    json: bool,
) -> None:
    from basis.rules.units import CREDIT, parse_amount
    from basis.storage.account_store import load_credits
    from basis.storage.clock import now_iso

    microcredits = parse_amount(credits_text, CREDIT, param="--credits")
    with book_if(is_meant, data) as booking:
        outcome = book(
            booking.connection,
            user_id=user,
            key=key,
            microcredits=microcredits,
            note=note,
            now=now_iso(),
        )
        moved = _Moved(
            user=user,
            key=key,
            outcome=outcome,
            credits_after=load_credits(booking.connection, user),
            moves=booking.load_moves(),
            is_booked=is_meant,
        )
    _print_moved(moved, json=json)


def _print_moved(moved: _Moved, *, json: bool) -> None:
    from basis.accounting.funding import Outcome

    is_repeat, after = moved.outcome is Outcome.REPEATED, moved.credits_after
    if json:
        print_json(
            {
                "user_id": moved.user,
                "key": moved.key,
                "outcome": moved.outcome.value,
                "is_booked": moved.is_booked or is_repeat,
                "balance_microcredits": str(after.balance),
                "available_microcredits": None if after.available is None else str(after.available),
                "moves": moves_json(moved.moves),
            }
        )
    else:
        typer.echo(
            f"{moved.user}: balance {spell(after.balance)}, "
            f"available {spell_or(after.available, 'without limit')}"
        )
        print_moves(moved.moves)
    tell_if_shown(is_booked=moved.is_booked, is_repeat=is_repeat)
