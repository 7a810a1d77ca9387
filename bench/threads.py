"""A worker in a thread with an event loop of its own, whose CPU can be read apart."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Self

import uvloop


class WorkerThread:
    """Runs `work` until it ends; `cpu_s` is what its thread has used."""

    def __init__(self, work: Callable[[], Coroutine[object, object, None]]) -> None:
        self._work = work
        self._clock_id: int | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    async def __aenter__(self) -> Self:
        self._thread.start()
        await asyncio.to_thread(self._started.wait)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self._thread.join, 5.0)

    def cpu_s(self) -> float:
        """CPU seconds of the thread."""
        return time.clock_gettime(self._clock_id) if self._clock_id is not None else 0.0

    def _run(self) -> None:
        self._clock_id = time.pthread_getcpuclockid(threading.get_ident())
        self._started.set()
        uvloop.run(self._work())
