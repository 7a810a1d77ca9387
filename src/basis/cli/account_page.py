"""How a customer's keys, payments, changes and usage are printed."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import msgspec
import typer

from basis.cli.data_folder import print_table
from basis.cli.key_limits import key_json, limits_in_words
from basis.rules.units import CREDIT, format_amount
from basis.storage.usage_totals import USAGE_COLUMNS, iterate_usage_totals, usage_json

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from basis.storage.account_store import AccountChange
    from basis.storage.key_store import KeyRecord
    from basis.storage.payment_store import Payment
    from basis.storage.usage_totals import UsageQuery, UsageTotal

Form = Literal["text", "csv", "json"]


def account_page_json(
    keys: list[KeyRecord], payments: list[Payment], changes: list[AccountChange]
) -> dict[str, object]:
    """The parts of a customer's page as JSON."""
    return {
        "keys": [key_json(key) for key in keys],
        "payments": [payment_json(payment) for payment in payments],
        "changes": [
            {
                "created_at": change.created_at,
                "key_id": change.key_id or None,
                "field": change.field,
                "before": change.before,
                "after": change.after,
            }
            for change in changes
        ],
    }


def payment_json(payment: Payment) -> dict[str, object]:
    """A payment as JSON."""
    return {
        "source": payment.source,
        "key": payment.key,
        "user_id": payment.user_id,
        "microcredits": str(payment.microcredits),
        "returned_microcredits": str(payment.returned_microcredits),
        "account_given": payment.account_given,
        "currency": payment.currency,
        "amount_minor": payment.amount_minor,
        "tax_minor": payment.tax_minor,
        "reason": payment.reason,
        "note": payment.note,
        "created_at": payment.created_at,
        "assigned_at": payment.assigned_at,
    }


def print_account_page(
    keys: list[KeyRecord], payments: list[Payment], changes: list[AccountChange]
) -> None:
    """The parts of a customer's page as text."""
    for key in keys:
        words = [key.name, limits_in_words(key.limits)]
        if key.parent_id is not None:
            words.append(f"sub-key of {key.parent_id}")
        if key.revoked_at is not None:
            words.append(f"revoked {key.revoked_at}")
        typer.echo(f"  key        {key.id}  {'  '.join(word for word in words if word)}")
    for payment in payments:
        back = payment.returned_microcredits
        refunded = f"  {format_amount(back, CREDIT)} taken back" if back else ""
        typer.echo(
            f"  payment    {payment.created_at}  {payment.source}/{payment.key}  "
            f"{format_amount(payment.microcredits, CREDIT)}{refunded}  {payment.note}".rstrip()
        )
    for change in changes:
        typer.echo(
            f"  change     {change.created_at}  {change.key_id or 'account'}  "
            f"{change.field}: {change.before} -> {change.after}"
        )


def print_usage(connection: Connection, query: UsageQuery, *, form: Form) -> None:
    """Prints usage, one total at a time in CSV and JSON: none is held in memory."""
    totals = iterate_usage_totals(connection, query)
    if form == "csv":
        write = csv.writer(sys.stdout, lineterminator="\n").writerow
        write([query.by.value, *USAGE_COLUMNS])
        for total in totals:
            write(_cells(total))
    elif form == "json":
        _print_usage_json(query, totals)
    else:
        print_table(
            [query.by.value, "requests", "completed", "prompt tokens", "output tokens", "credits"],
            [[*_cells(total)[:-1], format_amount(total.microcredits, CREDIT)] for total in totals],
        )


def _print_usage_json(query: UsageQuery, totals: Iterator[UsageTotal]) -> None:
    typer.echo("[", nl=False)
    for index, total in enumerate(totals):
        row = msgspec.json.encode(usage_json(query, total)).decode()
        typer.echo(("," if index else "") + "\n" + row, nl=False)
    typer.echo("\n]")


def _cells(total: UsageTotal) -> list[str]:
    return [
        total.name,
        *map(
            str,
            (
                total.requests,
                total.completed,
                total.prompt_tokens,
                total.output_tokens,
                total.microcredits,
            ),
        ),
    ]
