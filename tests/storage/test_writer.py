"""The group-commit writer: many callers, one transaction, nobody harmed by another's fault."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, Engine, text

from basis.rules.errors import BasisError, Conflict, NotFound, StorageUnavailable
from basis.storage.database import for_writing
from basis.storage.job_store import JobWrite, load_open_jobs
from basis.storage.writer import GroupCommitWriter
from tests.support.books import make_finished, make_open_job


@pytest.fixture
def writer(engine: Engine) -> Iterator[GroupCommitWriter]:
    """A running writer over a store with one more table, in which writes leave their mark."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE marks (seq INTEGER PRIMARY KEY, mark INTEGER)"))
    writer = GroupCommitWriter(engine)
    writer.start()
    yield writer
    writer.stop()


def leave(mark: int) -> Callable[[Connection], int]:
    """A write that leaves `mark` and returns it."""

    def operation(connection: Connection) -> int:
        connection.execute(text("INSERT INTO marks (mark) VALUES (:mark)"), {"mark": mark})
        return mark

    return operation


def marks(engine: Engine) -> list[int]:
    """The marks that are durable, in the order in which they were left."""
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT mark FROM marks ORDER BY seq")).scalars())


class Gate:
    """A write that holds the writer until it is opened, so that others queue up behind it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, _connection: Connection) -> None:
        self.entered.set()
        assert self.opened.wait(20)


@dataclass(frozen=True, slots=True)
class Mark:
    """A grouped mark; remembers how many came in its group."""

    mark: int
    groups: list[int]

    @classmethod
    def apply_group(
        cls, connection: Connection, writes: Sequence[object]
    ) -> list[BasisError | None]:
        """Leaves all marks of the group."""
        for write in writes:
            assert isinstance(write, cls)
            if write.mark < 0:
                raise Conflict(f"the mark {write.mark} is refused")
            leave(write.mark)(connection)
        first = writes[0]
        assert isinstance(first, cls)
        first.groups.append(len(writes))
        return [None] * len(writes)


async def queue_behind_gate(
    writer: GroupCommitWriter, submit: Callable[[], list[asyncio.Future[object]]]
) -> list[object]:
    """The outcomes of what `submit` queues while the writer is busy."""
    gate = Gate()
    held = asyncio.ensure_future(writer.write(gate))
    await asyncio.to_thread(gate.entered.wait, 20)
    futures = submit()
    await asyncio.sleep(0)
    gate.opened.set()
    await held
    return await asyncio.gather(*futures, return_exceptions=True)


async def test_write__returned__is_durable(writer: GroupCommitWriter, engine: Engine) -> None:
    assert await writer.write(leave(7)) == 7
    assert marks(engine) == [7]


async def test_write__many_at_once__keep_their_order_and_get_their_own_result(
    writer: GroupCommitWriter, engine: Engine
) -> None:
    results = await asyncio.gather(*(writer.write(leave(mark)) for mark in range(500)))

    assert results == list(range(500))
    assert marks(engine) == list(range(500))


async def test_write__queued_while_busy__share_one_transaction(
    writer: GroupCommitWriter, engine: Engine
) -> None:
    groups: list[int] = []

    await queue_behind_gate(
        writer, lambda: [writer.write_grouped(Mark(mark, groups)) for mark in range(200)]
    )

    assert groups == [200]
    assert marks(engine) == list(range(200))


async def test_write__more_than_one_group_holds__come_in_several_transactions(
    writer: GroupCommitWriter, engine: Engine
) -> None:
    groups: list[int] = []

    await queue_behind_gate(
        writer, lambda: [writer.write_grouped(Mark(mark, groups)) for mark in range(1_500)]
    )

    assert groups == [1_024, 476]
    assert marks(engine) == list(range(1_500))


async def test_write__bad_one_of_a_group__harms_nobody_else(
    writer: GroupCommitWriter, engine: Engine
) -> None:
    groups: list[int] = []

    outcomes = await queue_behind_gate(
        writer,
        lambda: [
            writer.write_grouped(Mark(1, groups)),
            writer.write_grouped(Mark(-2, groups)),
            asyncio.ensure_future(writer.write(leave(3))),
            writer.write_grouped(Mark(4, groups)),
        ],
    )

    assert isinstance(outcomes[1], Conflict)
    assert [outcomes[0], outcomes[2], outcomes[3]] == [None, 3, None]
    assert sorted(marks(engine)) == [1, 3, 4]


async def test_write__expected_failure__passes_through_as_it_is(
    writer: GroupCommitWriter, engine: Engine
) -> None:
    error = NotFound("there is no such thing")

    def refuse(connection: Connection) -> None:
        leave(1)(connection)
        raise error

    with pytest.raises(NotFound) as caught:
        await writer.write(refuse)

    assert caught.value is error
    assert marks(engine) == []
    assert writer.last_error is None


async def test_write__bug_in_one__reaches_its_caller_and_writing_goes_on(
    writer: GroupCommitWriter, engine: Engine
) -> None:
    with pytest.raises(ZeroDivisionError):
        await writer.write(lambda _connection: 1 // 0)

    assert await writer.write(leave(2)) == 2
    assert marks(engine) == [2]


async def test_write__disk_full__is_unavailable_and_recovers(
    writer: GroupCommitWriter, engine: Engine
) -> None:
    def fill(connection: Connection) -> None:
        connection.execute(text("INSERT INTO marks (mark) VALUES (zeroblob(1000000))"))

    def set_limit(pages: int) -> Callable[[Connection], int]:
        return lambda connection: connection.execute(
            text(f"PRAGMA max_page_count={pages}")
        ).scalar_one()

    await writer.write(set_limit(1))

    with pytest.raises(StorageUnavailable) as refused:
        await writer.write(fill)

    assert "OperationalError" not in refused.value.message
    assert writer.last_error == "OperationalError"
    await writer.write(set_limit(1_000_000))
    await writer.write(leave(1))
    assert writer.last_error is None
    assert marks(engine) == [1]


async def test_write__caller_that_gives_up__is_written_all_the_same(
    writer: GroupCommitWriter, engine: Engine
) -> None:
    gate = Gate()
    held = asyncio.ensure_future(writer.write(gate))
    await asyncio.to_thread(gate.entered.wait, 20)
    impatient = asyncio.ensure_future(writer.write(leave(5)))
    await asyncio.sleep(0)
    impatient.cancel()

    gate.opened.set()
    await held
    await writer.write(leave(6))

    assert impatient.cancelled()
    assert marks(engine) == [5, 6]


async def test_stop__with_a_full_queue__writes_all_of_it_first(
    writer: GroupCommitWriter, engine: Engine
) -> None:
    gate = Gate()
    held = asyncio.ensure_future(writer.write(gate))
    await asyncio.to_thread(gate.entered.wait, 20)
    queued = [asyncio.ensure_future(writer.write(leave(mark))) for mark in range(100)]
    await asyncio.sleep(0)

    stopping = asyncio.ensure_future(asyncio.to_thread(writer.stop))
    gate.opened.set()
    await stopping
    results = await asyncio.gather(*queued)

    await held
    assert results == list(range(100))
    assert marks(engine) == list(range(100))


async def test_write__after_stop__is_refused(writer: GroupCommitWriter, engine: Engine) -> None:
    writer.stop()

    with pytest.raises(StorageUnavailable, match="shutting down"):
        await writer.write(leave(1))
    with pytest.raises(StorageUnavailable, match="shutting down"):
        await writer.write_grouped(Mark(1, []))

    assert marks(engine) == []


async def test_stop__twice__is_a_no_op(writer: GroupCommitWriter) -> None:
    writer.stop()
    writer.stop()

    assert writer.last_error is None


def test_write__from_several_loops__answers_each_on_its_own(
    writer: GroupCommitWriter, engine: Engine
) -> None:
    results: dict[int, int] = {}

    def customer(mark: int) -> None:
        results[mark] = asyncio.run(_write(mark))

    async def _write(mark: int) -> int:
        return await writer.write(leave(mark))

    threads = [threading.Thread(target=customer, args=(mark,)) for mark in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == {mark: mark for mark in range(8)}
    assert sorted(marks(engine)) == list(range(8))


async def test_job__begun_and_ended_in_one_group__is_never_open(
    writer: GroupCommitWriter, engine: Engine
) -> None:
    await queue_behind_gate(
        writer,
        lambda: [
            writer.write_grouped(JobWrite(opened=make_open_job(1))),
            writer.write_grouped(JobWrite(opened=make_open_job(2))),
            writer.write_grouped(JobWrite(finished=make_finished(1))),
        ],
    )

    with for_writing(engine).connect() as connection:
        assert [job.job_id for job in load_open_jobs(connection)] == ["job_0002"]
