"""What the owner sees: log lines on stderr, and on a terminal a panel that stays below them."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncGenerator

import structlog
from rich.console import Console, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from basis.tracebacks import format_plainly, write_plainly
from basis.worker.board import Board
from basis.worker.plan import describe_earnings, explain_idle
from basis.worker.state import WorkerState

_REFRESHES_PER_S = 4
_NUMBER = re.compile(r"\d+(\.\d+)?")


class _StderrLines:
    """Writes to whatever stderr is at the moment, since the panel takes its place."""

    def msg(self, message: str) -> None:
        sys.stderr.write(message + "\n")
        sys.stderr.flush()

    debug = info = warning = error = critical = exception = msg


def configure_lines(*, as_json: bool) -> None:
    """Sends every event to stderr as one line: JSON, or words for people."""
    colours = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=colours,
            pad_event_to=0,
            exception_formatter=write_plainly,
        )
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # structlog's own tracebacks show messages and local variables, prompts among them.
            *([structlog.processors.ExceptionRenderer(format_plainly)] if as_json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=lambda *_: _StderrLines(),
        cache_logger_on_first_use=False,
    )


@contextlib.asynccontextmanager
async def open_view(board: Board, *, live: bool) -> AsyncGenerator[None, None]:
    """Keeps the panel, or the line about being idle, in step with the board."""
    showing = asyncio.create_task(_show_panel(board) if live else _show_lines(board))
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.wait({showing})


def render_panel(state: WorkerState) -> RenderableType:
    """The state as a panel of a few rows."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in describe_state(state).items():
        table.add_row(name, Text(value))
    return Panel(table, title=f"basis worker {state.worker_id}", title_align="left")


def describe_state(state: WorkerState) -> dict[str, str]:
    """The rows of the view; a row that would say nothing is left out."""
    slots = f"{min(state.busy_slots, state.slots)} of {state.slots} slots busy"
    rate = f", last at {state.tokens_per_s:.1f} tokens/s" if state.tokens_per_s else ""
    rows = {
        "state": f"{state.phase.value}, {slots}",
        "orchestrator": state.orchestrator,
        "runtime": " on ".join(part for part in (state.runtime, state.hardware) if part),
        "models": ", ".join(
            verdict.model if verdict.routable else f"{verdict.model} (no jobs: {verdict.reason})"
            for verdict in state.verdicts
        ),
        "jobs": f"{state.jobs_done} done, {state.jobs_failed} failed, "
        f"{state.output_tokens} tokens written{rate}",
        "rewards": describe_earnings(state),
        "idle": explain_idle(state),
    }
    return {name: value for name, value in rows.items() if value}


async def _show_panel(board: Board) -> None:
    console = Console(stderr=True)
    with Live(
        render_panel(board.state),
        console=console,
        auto_refresh=False,
        redirect_stdout=False,
        transient=False,
    ) as live:
        try:
            while True:
                await asyncio.sleep(1 / _REFRESHES_PER_S)
                live.update(render_panel(board.state), refresh=True)
        finally:
            live.update(render_panel(board.state), refresh=True)


async def _show_lines(board: Board) -> None:
    """A line whenever the reason for being idle changes, in more than its numbers."""
    told = ""
    while True:
        why = explain_idle(board.state)
        gist = _NUMBER.sub("0", why)
        if why and gist != told:
            board.note("idle", state=board.state.phase.value, why=why)
        told = gist
        await asyncio.sleep(1 / _REFRESHES_PER_S)
