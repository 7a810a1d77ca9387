"""Reads of the store that anybody may ask for, without a key: few at once, and few per address.

They run on threads of their own, so that strangers who ask for sums over thousands of receipts
never stand before a customer whose key is looked up.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine

from basis.dispatch.allowance import Allowance
from basis.rules.errors import Overloaded

_THREADS = 2
"""A read holds Python's one lock while it decodes: more threads would only take from the jobs."""
_MOST_AT_ONCE = 32
"""Reads that run or wait; the next one is told to come back."""
_RETRY_AFTER_S = 2
_PERIOD_S = 60

_Result = TypeVar("_Result")


class PublicReads:
    """Runs reads of one store. Event loop's thread only; `close` it before the engine."""

    def __init__(self, engine: Engine, *, per_minute: int) -> None:
        """`per_minute` reads may be asked for from one address."""
        self._engine = engine
        self._share = Allowance(
            per_minute, period_s=_PERIOD_S, what="reads of records in a minute from one address"
        )
        self._places = threading.BoundedSemaphore(_MOST_AT_ONCE)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="basis-public-read")

    async def load(
        self, address: str, load: Callable[[Connection], _Result], *, cost: int = 1
    ) -> _Result:
        """What `load` reads in one transaction; `cost` is how many plain reads it counts for.

        Raises:
            LimitExceeded: the address has used up its minute's share.
            Overloaded: as many reads as are allowed run or wait.
        """
        self._share.take(address, cost=cost)
        if not self._places.acquire(blocking=False):
            raise Overloaded(
                "many others are reading records at the moment: try again",
                retry_after_s=_RETRY_AFTER_S,
            )

        def run() -> _Result:
            with self._engine.connect() as connection:
                return load(connection)

        try:
            future = self._threads.submit(run)
        except RuntimeError:
            self._places.release()
            raise Overloaded("the orchestrator is stopping", retry_after_s=_RETRY_AFTER_S) from None
        # A stranger who leaves gives the place back only when its thread is done with the read.
        future.add_done_callback(lambda _done: self._places.release())
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Waits for the reads that run, and drops those that wait."""
        self._threads.shutdown(cancel_futures=True)
