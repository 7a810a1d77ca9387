"""`basis account returns`: what of card payments went back, and what of it could not be booked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from basis.cli.data_folder import DataOption, JsonOption, print_json, print_table, read_store

if TYPE_CHECKING:
    from basis.accounting.card_returns import CardReturn


def returns(
    is_open: Annotated[
        bool, typer.Option("--open", help="Only those that are not booked whole.")
    ] = False,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """List refunds and disputes of payments by card; a reason says why one is not booked whole."""
    from basis.accounting.card_returns import load_card_returns

    with read_store(data) as connection:
        found = load_card_returns(connection)
    shown = [one for one in found if one.reason or not is_open]
    if json:
        print_json([return_json(one) for one in shown])
        return
    print_table(
        ["return", "payment", "customer", "amount", "currency", "status", "told", "reason"],
        [
            [
                one.key or "refund",
                one.payment.key if one.payment is not None else one.reference,
                (one.payment.user_id or "") if one.payment is not None else "",
                str(one.amount_minor),
                one.currency,
                one.status,
                one.updated_at,
                one.reason,
            ]
            for one in shown
        ],
    )


def return_json(one: CardReturn) -> dict[str, object]:
    """A refund or dispute as JSON; `dispute` is null for a refund."""
    return {
        "dispute": one.key or None,
        "reference": one.reference,
        "payment": one.payment.key if one.payment is not None else None,
        "user_id": one.payment.user_id if one.payment is not None else None,
        "currency": one.currency,
        "amount_minor": one.amount_minor,
        "status": one.status,
        "reason": one.reason,
        "updated_at": one.updated_at,
    }


def print_returns(found: list[CardReturn]) -> None:
    """The returns of a customer, a line for each, on its page."""
    for one in found:
        words = [one.key or "refund", f"{one.amount_minor} {one.currency}", one.status]
        if one.payment is not None:
            words.append(f"of {one.payment.key}")
        if one.reason:
            words.append(f"not booked whole: {one.reason}")
        typer.echo(f"  return     {one.updated_at}  {'  '.join(words)}")
