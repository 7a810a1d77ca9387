"""The worker as a program of its own: event loop, signals, what is shown, and how it ends."""

from __future__ import annotations

import asyncio
import sys

from basis.rules.wallet import Wallet
from basis.worker.board import Board
from basis.worker.doctor import examine, find_exit_code, print_findings
from basis.worker.exits import ExitCode
from basis.worker.loop import first_state, run_worker
from basis.worker.plan import describe_earnings
from basis.worker.settings import WorkerSettings
from basis.worker.stop import Stop, install_signals
from basis.worker.view import configure_lines, open_view


def run_blocking(settings: WorkerSettings, *, wallet: Wallet, as_json: bool) -> ExitCode:
    """Runs a worker until it is stopped.

    Raises:
        WorkerStop: only the owner can help.
    """
    configure_lines(as_json=as_json)
    live = sys.stderr.isatty() and not as_json
    return asyncio.run(_run(settings, wallet=wallet, live=live))


def examine_blocking(
    settings: WorkerSettings, *, wallet: str, conformance: bool, as_json: bool
) -> ExitCode:
    """Checks everything and prints the findings; the code is that of the first fault."""
    configure_lines(as_json=as_json)
    findings = asyncio.run(examine(settings, wallet=wallet, conformance=conformance))
    print_findings(findings, as_json=as_json)
    return find_exit_code(findings)


async def _run(settings: WorkerSettings, *, wallet: Wallet, live: bool) -> ExitCode:
    stop = Stop()
    board = Board(first_state(settings))
    async with open_view(board, live=live):
        running = asyncio.create_task(run_worker(settings, wallet=wallet, board=board, stop=stop))
        install_signals(stop, on_second=running.cancel)
        try:
            await running
        except asyncio.CancelledError:
            board.warn("stopped_at_once", dropped_jobs=board.state.busy_slots)
            return ExitCode.STOPPED
        state = board.state
        board.note(
            "stopped",
            jobs_done=state.jobs_done,
            jobs_failed=state.jobs_failed,
            rewards=describe_earnings(state),
        )
    return ExitCode.OK
