"""What the commands on a data folder share: its option, its store, and how answers are printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Engine

DataOption = Annotated[
    Path | None,
    typer.Option("--data", "-d", help="Data folder; default: the setting data.folder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_LONGEST_SHOWN = 80
"""Letters of a wrong path that are quoted."""


def open_store(data: Path | None, *, create: bool = False) -> tuple[Path, Engine]:
    """The data folder and an engine over its store, for a command that writes.

    Raises:
        Misconfigured: there is none, or it cannot be used.
    """
    from basis.storage.database import open_database

    folder = resolve_folder(data)
    return folder, open_database(folder, create=create)


def read_store(data: Path | None) -> AbstractContextManager[Connection]:
    """One read transaction over the store, for a command that only looks.

    Raises:
        Misconfigured: there is no store, or it cannot be read.
        SchemaDiffers: it is of an older or a newer version of basis.
    """
    from basis.storage import reading

    return reading.read_store(resolve_folder(data))


def resolve_folder(data: Path | None) -> Path:
    """The folder that the option or the settings name.

    Raises:
        Misconfigured: it cannot be a folder, or the settings are wrong.
    """
    from basis.config import load_settings
    from basis.limits import FolderPath
    from basis.rules.errors import Misconfigured

    if data is None:
        return load_settings().data_folder
    limit = FolderPath()
    if not limit.admits(str(data)):
        shown = f"{data!s:.{_LONGEST_SHOWN}}"
        raise Misconfigured(f"--data is {shown!r}: expected {limit.describe()}")
    return data.expanduser()


def print_json(value: object) -> None:
    """`value` as indented JSON on stdout."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(columns: list[str], rows: list[list[str]]) -> None:
    """A plain table on stdout; nothing is cut off, so that it can be piped."""
    widths = [max(len(row[index]) for row in [columns, *rows]) for index in range(len(columns))]
    for row in [columns, *rows]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo(line.rstrip())
