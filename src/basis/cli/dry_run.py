"""How commands by which value changes hands show what they would book, and book it on `--yes`.

What is shown is what was booked in a transaction that is then undone: it has passed every check,
and cannot differ from what `--yes` does over the same books. Without `--yes` nothing is changed on
disk: an older store is not migrated but refused, and no publication key is made.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from basis.cli.data_folder import open_store, resolve_folder

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from basis.accounting.moves import Move

YesOption = Annotated[
    bool, typer.Option("--yes", help="Book it; without this, it is only shown what would be.")
]


class Booking:
    """A transaction of the command's, and what it has moved so far."""

    def __init__(self, connection: Connection, *, first_seq: int) -> None:
        self.connection = connection
        self._first_seq = first_seq

    def load_moves(self) -> list[Move]:
        """What this booking did to each account; nothing if all of it was booked before."""
        from basis.accounting.moves import load_moves

        return load_moves(self.connection, after_seq=self._first_seq)


@contextmanager
def book_if(is_meant: bool, data: Path | None) -> Generator[Booking]:
    """A write transaction over the data folder's store; one that is undone, unless it `is_meant`.

    Raises:
        Misconfigured: there is no store, or it cannot be used.
        SchemaDiffers: the store is of a newer version of basis, or of an older and not meant.
        StorageUnavailable: another process kept the write lock; nothing was recorded.
    """
    from basis.storage.database import begin_write
    from basis.storage.ledger_store import newest_seq
    from basis.storage.rehearsal import rehearse_write

    if is_meant:
        _folder, engine = open_store(data)
        opened = begin_write(engine)
    else:
        opened = rehearse_write(resolve_folder(data))
    with opened as connection:
        yield Booking(connection, first_seq=newest_seq(connection))


def print_moves(moves: Sequence[Move]) -> None:
    """One line for each account: what goes there or is taken, and its balance before and after."""
    from basis.rules.units import asset_of_symbol, format_amount

    for move in moves:
        asset = asset_of_symbol(move.asset)
        before, after = (
            format_amount(raw, asset).removesuffix(f" {asset.symbol}")
            for raw in (move.before_raw, move.after_raw)
        )
        typer.echo(
            f"  {move.account}  {format_amount(move.amount_raw, asset)}  ({move.amount_raw})  "
            f"balance {before} -> {after}"
        )


def moves_json(moves: Sequence[Move]) -> list[dict[str, str]]:
    """The moves as JSON; base units as decimal text."""
    return [
        {
            "account": move.account,
            "asset": move.asset,
            "amount_raw": str(move.amount_raw),
            "before_raw": str(move.before_raw),
            "after_raw": str(move.after_raw),
        }
        for move in moves
    ]


def tell_if_shown(*, is_booked: bool, is_repeat: bool = False) -> None:
    """Says beside the answer that it was not booked, or that it had been booked before."""
    if is_repeat:
        typer.echo("It was booked before: nothing is moved.", err=True)
    elif not is_booked:
        typer.echo("Nothing is booked: this is what --yes would book.", err=True)
