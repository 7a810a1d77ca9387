"""Group commit: many callers, one thread that writes, one fsync for all that wait at once.

A caller awaits its write and gets the result only after the commit is durable. Writes that come
while a commit runs form the next group. If one of a group fails, the group is rolled back and each
write is tried in a transaction of its own, so that a bad write harms nobody but its caller. A group
that never got the write lock fails whole: alone, each write would wait for the lock again.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from basis.rules.errors import BasisError, DamagedRecord, StorageUnavailable
from basis.storage.database import for_writing, is_locked_out

_log = structlog.get_logger(__name__)
_Result = TypeVar("_Result")
_MAX_GROUP = 1_024
"""Writes of one commit: bounds how long the lock is held, some 50 ms."""


class GroupedWrite(Protocol):
    """A write that is cheaper together with others of its class."""

    @classmethod
    def apply_group(
        cls, connection: Connection, writes: Sequence[object]
    ) -> Sequence[BasisError | None]:
        """Does all of `writes`, which are of this class; for each its refusal, or None.

        A refusal is for its own caller and leaves the others as they are; what is raised undoes
        the group.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Pending:
    future: asyncio.Future[object]
    loop: asyncio.AbstractEventLoop
    operation: Callable[[Connection], object] | None
    grouped: GroupedWrite | None


class GroupCommitWriter:
    """The only writer of the orchestrator's process. Start it once, stop it last."""

    def __init__(self, engine: Engine) -> None:
        self._engine = for_writing(engine)
        self._queue: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="basis-writer", daemon=True)
        self._is_stopped = False
        self.last_error: str | None = None
        """Why the newest group could not be written; None while writes succeed."""

    def start(self) -> None:
        """Begins to write."""
        self._thread.start()

    def stop(self) -> None:
        """Writes what is queued, then ends; blocks until it is durable."""
        if not self._is_stopped:
            self._is_stopped = True
            self._queue.put(None)
            self._thread.join()

    async def write(self, operation: Callable[[Connection], _Result]) -> _Result:
        """The result of `operation`, which ran in a transaction that is now durable.

        Raises:
            BasisError: what `operation` raised; nothing of it was recorded.
            StorageUnavailable: the store refused (disk full, I/O error, locked for too long).
        """
        future = self._submit(operation=operation, grouped=None)
        # The future carries what `operation` returned.
        return cast("_Result", await asyncio.shield(future))

    def write_grouped(self, write: GroupedWrite) -> asyncio.Future[object]:
        """A future that is done once `write` is durable, or fails with its refusal."""
        return self._submit(operation=None, grouped=write)

    def _submit(
        self,
        *,
        operation: Callable[[Connection], object] | None,
        grouped: GroupedWrite | None,
    ) -> asyncio.Future[object]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()
        if self._is_stopped:
            future.set_exception(StorageUnavailable("the store is closed: we are shutting down"))
            return future
        self._queue.put(_Pending(future, loop, operation, grouped))
        return future

    def _run(self) -> None:
        is_last = False
        while not is_last:
            group: list[_Pending] = []
            item = self._queue.get()
            while item is not None:
                group.append(item)
                if len(group) == _MAX_GROUP:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            is_last = item is None
            if group:
                outcomes = self._commit(group)
                _resolve_all(group, outcomes)

    def _commit(self, group: Sequence[_Pending]) -> list[object]:
        try:
            outcomes = self._commit_together(group)
        except Exception as error:  # noqa: BLE001 - any failure of one must not fail the others
            if len(group) == 1 or is_locked_out(error):
                return self._as_outcomes(error, len(group))
            return [outcome for pending in group for outcome in self._commit([pending])]
        self.last_error = None
        return outcomes

    def _commit_together(self, group: Sequence[_Pending]) -> list[object]:
        outcomes: list[object] = [None] * len(group)
        by_class: defaultdict[type[GroupedWrite], dict[int, object]] = defaultdict(dict)
        for index, pending in enumerate(group):
            if pending.grouped is not None:
                by_class[type(pending.grouped)][index] = pending.grouped
        with self._engine.begin() as connection:
            for write_class, writes in by_class.items():
                refusals = write_class.apply_group(connection, list(writes.values()))
                outcomes = _place(outcomes, dict(zip(writes, refusals, strict=True)))
            for index, pending in enumerate(group):
                if pending.operation is not None:
                    outcomes[index] = pending.operation(connection)
        return outcomes

    def _as_outcomes(self, error: Exception, writes: int) -> list[object]:
        """What the callers of `writes` writes hear; each gets an exception of its own."""
        name = type(error).__name__
        if isinstance(error, SQLAlchemyError | DamagedRecord):
            self.last_error = name
            # Which record is damaged is for the operator alone: it may be anybody's.
            record = error.message if isinstance(error, DamagedRecord) else ""
            _log.error(
                "storage_write_failed", error=name, record=record, writes=writes, exc_info=error
            )
            words = "the durable store refused a write; see the operator's log"
            return [StorageUnavailable(words) for _write in range(writes)]
        if not isinstance(error, BasisError):
            _log.error("storage_write_faulty", error=name, exc_info=error)
        return [error]


def _place(outcomes: list[object], found: Mapping[int, object]) -> list[object]:
    return [found.get(index, outcome) for index, outcome in enumerate(outcomes)]


def _resolve_all(group: Sequence[_Pending], outcomes: Sequence[object]) -> None:
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[tuple[_Pending, object]]]
    by_loop = defaultdict(list)
    for pending, outcome in zip(group, outcomes, strict=True):
        by_loop[pending.loop].append((pending, outcome))
    for loop, resolved in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, resolved)
        except RuntimeError:
            _log.warning("storage_result_unheard", writes=len(resolved))


def _resolve(resolved: Sequence[tuple[_Pending, object]]) -> None:
    for pending, outcome in resolved:
        if pending.future.cancelled():
            continue
        if isinstance(outcome, Exception):
            pending.future.set_exception(outcome)
        else:
            pending.future.set_result(outcome)
