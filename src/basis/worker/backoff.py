"""Waiting between tries to reach the orchestrator, and saying why."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from basis.worker.board import Board
from basis.worker.orchestrator import Unreachable
from basis.worker.plan import compute_backoff_s
from basis.worker.settings import WorkerSettings
from basis.worker.state import Phase, advance_phase
from basis.worker.stop import Stop

T = TypeVar("T")


class Backoff:
    """Waits between tries, longer each time until something succeeds."""

    def __init__(self, settings: WorkerSettings, *, board: Board, stop: Stop) -> None:
        self._settings = settings
        self._board = board
        self._stop = stop
        self._attempt = 0

    def reset(self) -> None:
        """Something succeeded: the next wait is a short one."""
        self._attempt = 0

    async def wait(self, why: str, *, least_s: float = 0) -> None:
        """Says why and waits, `least_s` or longer; shorter if the worker is asked to stop."""
        delay_s = least_s + compute_backoff_s(
            self._attempt,
            first_s=self._settings.backoff_first_s,
            most_s=self._settings.backoff_most_s,
            fraction=random.random(),
        )
        self._attempt += 1
        detail = f"{why}; trying again within {delay_s:.0f} s"
        self._board.state = advance_phase(self._board.state, Phase.WAITING, detail)
        self._board.warn("waiting", why=why, delay_s=round(delay_s, 1))
        await self._stop.pause(delay_s)

    async def keep_trying(self, call: Callable[[], Awaitable[T]]) -> T:
        """The result of the first `call` that reaches the orchestrator."""
        while True:
            try:
                result = await call()
            except Unreachable as error:
                await self.wait(str(error), least_s=error.retry_after_s)
            else:
                self.reset()
                return result
