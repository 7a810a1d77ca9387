"""A batch is drafted while receipts are written, and recorded only if it still is the next one."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from basis.accounting.recompute import recompute
from basis.accounting.settling import (
    BatchDraft,
    Overtaken,
    close_batch,
    draft_batch,
    record_batch,
)
from basis.storage.batch_store import BatchRecord, load_batches
from basis.storage.database import open_database
from tests.support.books import NOW, make_facts, make_finished, record

LATER = "2026-11-22T00:00:00.000Z"


@pytest.fixture
def worked(engine: Engine) -> Engine:
    """A store with three receipts to pay."""
    with engine.begin() as connection:
        record(connection, *(make_facts(number) for number in (1, 2, 3)))
    return engine


def draft(engine: Engine) -> BatchDraft:
    """The batch that is due."""
    with engine.connect() as connection:
        found = draft_batch(connection)
    assert found is not None
    return found


def put_on_record(engine: Engine, drafted: BatchDraft) -> BatchRecord:
    """Records it in a transaction of its own."""
    with engine.begin() as connection:
        return record_batch(connection, drafted, now=LATER)


def batches(engine: Engine) -> list[BatchRecord]:
    """All batches, newest first; the books must agree with them."""
    with engine.connect() as connection:
        verdict = recompute(connection)
        assert verdict.is_equal, verdict.difference
        return load_batches(connection, limit=9)


def test_record__receipts_written_since_the_draft__wait_for_the_next_batch(
    worked: Engine, tmp_path: Path
) -> None:
    reading = open_database(tmp_path / "data", create=False)
    with reading.connect() as reader:
        drafted = draft_batch(reader)
        assert drafted is not None
        # Would time out if drafting held the write lock.
        with worked.begin() as connection:
            record(connection, make_facts(4))
    reading.dispose()

    batch = put_on_record(worked, drafted)
    after = close_batch(worked, now=LATER)

    assert batch.receipt_count == 3
    assert after is not None
    assert (after.receipt_count, after.previous_hash) == (1, batch.hash)
    assert batches(worked) == [after, batch]


def test_close__more_than_one_batch_holds__leaves_nothing_payable(worked: Engine) -> None:
    newest = close_batch(worked, now=LATER, limit=2)
    again = close_batch(worked, now=LATER, limit=2)

    assert newest is not None
    assert [batch.receipt_count for batch in batches(worked)] == [1, 2]
    assert again == newest == batches(worked)[0]


def test_record__another_batch_closed_since__is_refused_and_leaves_nothing(worked: Engine) -> None:
    drafted = draft(worked)
    with worked.begin() as connection:
        record(connection, make_facts(4))
    closed = close_batch(worked, now=LATER)

    with pytest.raises(Overtaken):
        put_on_record(worked, drafted)

    assert batches(worked) == [closed]


def test_record__receipt_not_payable_any_more__is_refused_and_leaves_nothing(
    worked: Engine,
) -> None:
    drafted = draft(worked)
    with worked.begin() as connection:
        connection.execute(text("UPDATE receipts SET reward_status = 'none' WHERE seq = 2"))

    with pytest.raises(Overtaken):
        put_on_record(worked, drafted)

    with worked.connect() as connection:
        assert load_batches(connection, limit=9) == []
        states = connection.execute(text("SELECT reward_status FROM receipts ORDER BY seq"))
        assert list(states.scalars()) == ["pending", "none", "pending"]


def test_close__by_several_at_once__makes_one_batch(worked: Engine) -> None:
    start = threading.Barrier(4)
    closed: list[BatchRecord | None] = []

    def close() -> None:
        start.wait(20)
        closed.append(close_batch(worked, now=LATER))

    operators = [threading.Thread(target=close) for _operator in range(4)]
    for operator in operators:
        operator.start()
    for operator in operators:
        operator.join()

    (batch,) = batches(worked)
    assert closed == [batch] * 4


def test_draft__more_than_the_limit__takes_the_oldest(worked: Engine) -> None:
    with worked.connect() as connection:
        drafted = draft_batch(connection, limit=2)

    assert drafted is not None
    oldest = [make_finished(number).receipt_hash for number in (1, 2)]
    assert drafted.batch.receipt_hashes == tuple(sorted(oldest))
    first = put_on_record(worked, drafted)
    second = close_batch(worked, now=LATER)
    assert batches(worked) == [second, first]


def test_close__clock_set_back__has_the_time_of_its_newest_receipt(worked: Engine) -> None:
    newest_at = make_facts(3).created_at
    assert newest_at > NOW

    early = close_batch(worked, now=NOW)
    with worked.begin() as connection:
        record(connection, make_facts(4))
    late = close_batch(worked, now=LATER)

    assert early is not None
    assert late is not None
    assert (early.created_at, late.created_at) == (newest_at, LATER)
