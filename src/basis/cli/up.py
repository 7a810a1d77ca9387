"""`basis up`: runs the orchestrator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from basis.cli.data_folder import DataOption

if TYPE_CHECKING:
    from basis.config import Given, Settings


def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port; 0 takes any free one.")
    ] = None,
    data: DataOption = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings file; default basis.toml.")
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Write the URL here once it listens; for scripts.")
    ] = None,
) -> None:
    """Run the orchestrator: customers and workers connect to it. Ctrl-C drains and stops it."""
    from basis.app import run_blocking
    from basis.config import load_settings
    from basis.logs import configure_logs

    options = _given_options(host=host, port=port, data=data)
    settings = load_settings(file=config, options=options)
    configure_logs(settings.log)
    run_blocking(_serve(settings, ready_file))


def _given_options(*, host: str | None, port: int | None, data: Path | None) -> list[Given]:
    """The settings that options of the command stand for, where they were typed."""
    from basis.config import Given

    folder = None if data is None else str(data)
    options = [
        Given(section="server", field="host", value=host, source="--host"),
        Given(section="server", field="port", value=port, source="--port"),
        Given(section="data", field="folder", value=folder, source="--data"),
    ]
    return [option for option in options if option.value is not None]


async def _serve(settings: Settings, ready_file: Path | None) -> None:
    import asyncio
    import os
    import signal

    from basis.app import run_orchestrator

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            # Asked twice: whatever is open gets its receipt at the next start.
            os._exit(130)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    async with run_orchestrator(settings) as orchestrator:
        typer.echo(f"Basis listens on {orchestrator.url}", err=True)
        if ready_file is not None:
            _write_ready_file(ready_file, orchestrator.url)
        await stop.wait()
        typer.echo("Stopping: running jobs may finish; Ctrl-C again stops at once.", err=True)


def _write_ready_file(path: Path, url: str) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(url + "\n", encoding="utf-8")
    temporary.replace(path)
