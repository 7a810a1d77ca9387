"""The recompute of honest books: everything equal, counted, and without a write."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

from sqlalchemy import Engine, text

from basis.accounting.recompute import recompute
from tests.support.books import fill_books, make_data_folder, make_facts, record
from tests.support.orchestrators import orchestrator, settled_receipts
from tests.support.scripted_worker import ScriptedWorker


def test_recompute__empty_books__are_equal(engine: Engine) -> None:
    with engine.connect() as connection:
        verdict = recompute(connection)

    assert verdict.is_equal
    assert (verdict.receipt_count, verdict.batch_count, verdict.entry_count) == (0, 0, 0)


def test_recompute__books_of_every_kind__are_equal_and_counted(tmp_path: Path) -> None:
    engine, _books = make_data_folder(tmp_path)

    with engine.connect() as connection:
        verdict = recompute(connection)

    engine.dispose()
    assert verdict.difference is None
    # 9 jobs that paid, 3 batches closed, 2 failed, 1 retried
    assert (verdict.receipt_count, verdict.batch_count, verdict.entry_count) == (11, 3, 15)


def test_recompute__of_a_connection__writes_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        fill_books(connection)
        changes = text("SELECT total_changes()")
        before = connection.execute(changes).scalar_one()

        recompute(connection)

        assert connection.execute(changes).scalar_one() == before


def test_recompute__many_receipts__tells_how_far_it_is(engine: Engine) -> None:
    told: list[int] = []
    with engine.begin() as connection:
        record(connection, *(make_facts(number) for number in range(1, 1_101)))
        verdict = recompute(connection, on_progress=told.append)

    assert verdict.is_equal
    assert told == [500, 1_000, 1_100]


def test_recompute__many_more_receipts__takes_hardly_more_memory(engine: Engine) -> None:
    peaks: list[int] = []
    for first, last in ((1, 10), (11, 600), (601, 2_000)):
        with engine.begin() as connection:
            record(connection, *(make_facts(number) for number in range(first, last + 1)))
        with engine.connect() as connection:
            gc.collect()
            tracemalloc.start()
            assert recompute(connection).is_equal
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

    # The first run fills caches of statements. Kept receipts would take three times as much.
    assert peaks[2] < 2 * peaks[1], peaks


async def test_recompute__what_a_running_network_wrote__is_equal(tmp_path: Path) -> None:
    async with (
        orchestrator(tmp_path) as (running, customer),
        ScriptedWorker(running.url),
    ):
        for stream in (False, True, False):
            async with customer.chat(stream=stream) as response:
                await response.read()
        await settled_receipts(running, 3)
        with running.context.engine.connect() as connection:
            verdict = recompute(connection)

    assert verdict.difference is None
    assert (verdict.receipt_count, verdict.entry_count) == (3, 3)


def test_recompute__receipt_that_paid_nothing_taken_out__is_missed(engine: Engine) -> None:
    with engine.begin() as connection:
        record(connection, *(make_facts(number) for number in range(1, 4)))
        connection.execute(text("UPDATE receipts SET seq = 9 WHERE seq = 3"))
        verdict = recompute(connection)

    assert verdict.difference is not None
    assert "receipt number 3 is missing" in verdict.difference
