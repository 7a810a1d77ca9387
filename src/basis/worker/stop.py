"""The owner's wish to stop: the first signal asks the worker to finish, the second to drop all."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class Drained(Exception):
    """The worker was asked to stop while it waited for something."""


class Stop:
    """Whether the worker is to finish; whoever waits, waits through this."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()

    @property
    def is_asked(self) -> bool:
        """Whether the worker is to finish."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Asks the worker to finish its jobs and end."""
        self._asked.set()

    async def wait(self) -> None:
        """Returns once the worker is to finish."""
        await self._asked.wait()

    async def pause(self, seconds: float) -> None:
        """Waits for `seconds`, or only until the worker is to finish."""
        try:
            async with asyncio.timeout(seconds):
                await self._asked.wait()
        except TimeoutError:
            return

    async def race(self, work: Coroutine[object, object, T]) -> T:
        """The result of `work`, which is cancelled if the worker is to finish first.

        Raises:
            Drained: it was.
        """
        working = asyncio.ensure_future(work)
        asked = asyncio.ensure_future(self._asked.wait())
        try:
            await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise Drained
        finally:
            await _cancel(asked)
            await _cancel(working)


def install_signals(stop: Stop, *, on_second: Callable[[], object]) -> None:
    """SIGTERM and SIGINT ask to finish; once that is asked, either calls `on_second`."""

    def on_signal() -> None:
        if stop.is_asked:
            on_second()
        stop.ask()

    def in_thread(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(on_signal)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, on_signal)
        except NotImplementedError:  # Windows has no handlers on the loop
            signal.signal(number, in_thread)


async def _cancel(future: asyncio.Future[T]) -> None:
    if not future.done():
        future.cancel()
        await asyncio.wait({future})
