"""How the commands of `basis phase` publish what they changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from basis.cli.data_folder import open_store, resolve_folder
from basis.cli.phase_words import print_phase

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from basis.storage.phase_store import StoredPhase


def open_to_publish(data: Path | None) -> tuple[Path, Engine]:
    """The data folder and its store; a key that cannot be used is found before anything is done."""
    from basis.storage.publisher_key import load_publisher_key

    folder, engine = open_store(data)
    load_publisher_key(folder)
    return folder, engine


def tell_signer(data: Path | None) -> None:
    """Says who would sign a publication, and makes no key for it.

    Raises:
        Misconfigured: there is no store, or there is a key that cannot be used.
    """
    from basis.rules.errors import NotFound
    from basis.storage.database import find_store
    from basis.storage.publisher_key import find_publisher_key

    folder = resolve_folder(data)
    find_store(folder)
    try:
        typer.echo(f"It would be signed by {find_publisher_key(folder).address}.", err=True)
    except NotFound:
        typer.echo("There is no publication key yet: --yes would make one.", err=True)


def show_draft(folder: Path, engine: Engine, phase_id: str, *, json: bool) -> None:
    """Publishes what a phase has become, if it is closed, and prints it."""
    from basis.storage.phase_store import load_phase

    with engine.connect() as connection:
        stored = load_phase(connection, phase_id)
    publish_now(folder, stored)
    print_phase(stored, json=json)


def publish_now(folder: Path, stored: StoredPhase, *, insist: bool = False) -> None:
    """Publishes a phase; an open one has nothing to publish, which only `insist` minds."""
    from basis.accounting.phase_files import publish_phase
    from basis.rules.phase_steps import PhaseStatus
    from basis.storage.publisher_key import load_publisher_key

    if stored.phase.status is PhaseStatus.OPEN and not insist:
        return
    published = publish_phase(folder, stored, load_publisher_key(folder))
    what = "draft" if published.is_draft else "final file"
    typer.echo(f"The {what} is {published.path}, signed by {published.signer}.", err=True)
