"""Another process keeps the write lock: those who waited hear it once, and writing goes on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from basis.rules.errors import StorageUnavailable
from basis.storage.database import DATABASE_FILE, for_writing
from basis.storage.job_store import JobWrite, load_open_jobs
from basis.storage.writer import GroupCommitWriter
from tests.support.books import make_open_job


@pytest.fixture
def writer(engine: Engine) -> Iterator[GroupCommitWriter]:
    """A running writer."""
    writer = GroupCommitWriter(engine)
    writer.start()
    yield writer
    writer.stop()


@pytest.fixture
def other_process(folder: Path) -> Iterator[sqlite3.Connection]:
    """A connection that is none of the engine's."""
    connection = sqlite3.connect(folder / DATABASE_FILE, isolation_level=None)
    yield connection
    connection.close()


def open_jobs(writer: GroupCommitWriter, *numbers: int) -> list[asyncio.Future[object]]:
    """Hands the jobs' rows to the writer."""
    return [writer.write_grouped(JobWrite(opened=make_open_job(number))) for number in numbers]


async def test_group__locked_out__fails_whole_after_one_wait(
    writer: GroupCommitWriter, engine: Engine, other_process: sqlite3.Connection
) -> None:
    waits: list[sqlite3.Connection] = []

    def on_checkout(connection: sqlite3.Connection, *_others: object) -> None:
        connection.execute("PRAGMA busy_timeout=100")
        waits.append(connection)

    event.listen(engine, "checkout", on_checkout)
    other_process.execute("BEGIN IMMEDIATE")

    outcomes = await asyncio.gather(*open_jobs(writer, *range(1, 51)), return_exceptions=True)

    assert {type(outcome) for outcome in outcomes} == {StorageUnavailable}
    assert len({id(outcome) for outcome in outcomes}) == 50
    # The first writes may be taken before the others are there: two groups, of one wait each.
    assert len(waits) <= 2
    assert writer.last_error == "OperationalError"


async def test_writer__once_the_lock_is_free__writes_again(
    writer: GroupCommitWriter, engine: Engine, other_process: sqlite3.Connection
) -> None:
    def on_checkout(connection: sqlite3.Connection, *_others: object) -> None:
        connection.execute("PRAGMA busy_timeout=100")

    event.listen(engine, "checkout", on_checkout)
    other_process.execute("BEGIN IMMEDIATE")
    await asyncio.gather(*open_jobs(writer, 1, 2), return_exceptions=True)
    other_process.execute("ROLLBACK")

    await asyncio.gather(*open_jobs(writer, 3))

    assert writer.last_error is None
    with for_writing(engine).connect() as connection:
        assert [job.job_id for job in load_open_jobs(connection)] == ["job_0003"]
