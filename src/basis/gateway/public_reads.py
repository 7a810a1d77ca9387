"""Reads of the store that anybody may ask for, without a key: few at once, and few per address.

They run on threads of their own, so that strangers who ask for sums over thousands of receipts
never stand before a customer whose key is looked up. A large answer counts as many reads, and keeps
its place until it is written, so that slow readers cannot pile answers up in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine

from basis.dispatch.allowance import Allowance
from basis.rules.errors import LimitExceeded, Overloaded

_THREADS = 2
"""A read holds Python's one lock while it decodes: more threads would only take from the jobs."""
_MOST_AT_ONCE = 32
"""Reads that wait, run or are written; the next one is told to come back."""
_MOST_OF_ONE = 8
"""Of them those of one address, so that one alone keeps nobody out."""
_BYTES_PER_READ = 128 << 10
"""Of an answer; each whole one beyond the first counts as a read more. Ours to choose."""
_MOST_BYTES_AT_ONCE = 64 << 20
"""Of all answers that are being written; one alone may be larger."""
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
        self._places: Counter[str] = Counter()
        self._bytes_at_once = 0
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="basis-public-read")

    @property
    def places_taken(self) -> int:
        """How many reads wait, run or are written."""
        return self._places.total()

    async def load(
        self, address: str, load: Callable[[Connection], _Result], *, cost: int = 1
    ) -> _Result:
        """What `load` reads in one transaction; `cost` is how many plain reads it counts for.

        Raises:
            LimitExceeded: the address has used up its minute's share, or as many of its reads as
                are allowed wait, run or are written.
            Overloaded: as many reads as are allowed do so.
        """
        async with self._read(address, load, cost=cost) as result:
            return result

    @contextlib.asynccontextmanager
    async def answer(
        self, address: str, load: Callable[[Connection], bytes], *, cost: int = 1
    ) -> AsyncGenerator[bytes]:
        """The body that `load` makes in one transaction; it is written within the block.

        Raises:
            LimitExceeded, Overloaded: see `load`; or too much is being written at the moment.
        """
        async with self._read(address, load, cost=cost) as body:
            more = len(body) // _BYTES_PER_READ
            if more:
                self._share.charge(address, cost=more)
            if self._bytes_at_once and self._bytes_at_once + len(body) > _MOST_BYTES_AT_ONCE:
                raise _busy()
            self._bytes_at_once += len(body)
            try:
                yield body
            finally:
                self._bytes_at_once -= len(body)

    @contextlib.asynccontextmanager
    async def _read(
        self, address: str, load: Callable[[Connection], _Result], *, cost: int
    ) -> AsyncGenerator[_Result]:
        """What `load` reads; its place is kept until the end of the block."""

        def run() -> _Result:
            with self._engine.connect() as connection:
                return load(connection)

        self._take_place(address, cost=cost)
        future: Future[_Result] | None = None
        try:
            try:
                future = self._threads.submit(run)
            except RuntimeError:
                raise Overloaded(
                    "the orchestrator is stopping", retry_after_s=_RETRY_AFTER_S
                ) from None
            yield await asyncio.wrap_future(future)
        finally:
            self._leave_place(address, future)

    def _take_place(self, address: str, *, cost: int) -> None:
        if self._places[address] >= _MOST_OF_ONE:
            raise LimitExceeded(
                f"{_MOST_OF_ONE} reads of records from this address wait or are written already",
                retry_after_s=_RETRY_AFTER_S,
            )
        self._share.take(address, cost=cost)
        if self.places_taken >= _MOST_AT_ONCE:
            raise _busy()
        self._places[address] += 1

    def _leave_place(self, address: str, future: Future[_Result] | None) -> None:
        """Gives the place back, of a stranger who left when its thread is done with the read."""
        loop = asyncio.get_running_loop()

        def leave() -> None:
            self._places[address] -= 1
            if not self._places[address]:
                del self._places[address]

        def on_done(_future: Future[_Result]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
                loop.call_soon_threadsafe(leave)

        if future is None or future.done():
            leave()
        else:
            future.add_done_callback(on_done)

    def close(self) -> None:
        """Waits for the reads that run, and drops those that wait."""
        self._threads.shutdown(cancel_futures=True)


def _busy() -> Overloaded:
    return Overloaded(
        "many others are reading records at the moment: try again", retry_after_s=_RETRY_AFTER_S
    )
