"""A worker that runs beside the test, in its process, with short waits between tries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from orchestrator_double import Connection, chat_job

from basis.rules.wallet import parse_wallet
from basis.wire import frames
from basis.worker.board import Board
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.loop import first_state, run_worker
from basis.worker.settings import WorkerSettings
from basis.worker.stop import Stop

WALLET = parse_wallet("0x" + "11" * 20)
LONG_TEXT = "word " * 500


class Running:
    """A worker that runs beside the test."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.stop = Stop()
        self.board = Board(first_state(settings))
        self.task = asyncio.create_task(
            run_worker(settings, wallet=WALLET, board=self.board, stop=self.stop)
        )

    async def ended(self) -> None:
        async with asyncio.timeout(20):
            await self.task

    async def exit_code(self) -> ExitCode:
        with pytest.raises(WorkerStop) as raised:
            await self.ended()
        return raised.value.exit_code


Start = Callable[..., Running]


async def expect_soon(holds: Callable[[], bool]) -> None:
    """Gives other tasks their turn until something holds."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - a board is looked at, it wakes nobody
            await asyncio.sleep(0)


async def begin_stuck_job(connection: Connection, lease_id: str = "lease-1") -> None:
    """A job whose chunks are never acked, so that it stays until something ends it."""
    await connection.send(chat_job(LONG_TEXT, lease_id=lease_id))
    first = await connection.next()
    assert isinstance(first, frames.Chunk)
