"""Which workers the store lets go of, whatever it is asked."""

from __future__ import annotations

from pathlib import Path

from basis.storage.database import for_writing
from basis.storage.worker_store import (
    delete_unworked,
    forget_presence,
    load_presence,
    load_worked,
    load_workers,
    store_presence,
)
from tests.support.books import ALICE, NOW, make_data_folder, register

AFTER_NOW = "2026-11-21T12:00:00.001Z"


def test_delete_unworked__whoever_worked_or_was_changed__stays(tmp_path: Path) -> None:
    engine, _books = make_data_folder(tmp_path)
    with for_writing(engine).begin() as connection:
        register(connection, "idle-1", ALICE)
        register(connection, "seen-1", ALICE)
        store_presence(connection, {("seen-1", 1): 1})
        everybody = [worker.id for worker in load_workers(connection)]
        worked = load_worked(connection)

        delete_unworked(connection, everybody, unchanged_since=NOW)
        unchanged = [worker.id for worker in load_workers(connection)]
        delete_unworked(connection, everybody, unchanged_since=AFTER_NOW)
        left = [worker.id for worker in load_workers(connection)]
    engine.dispose()

    assert worked == {"alice-1", "bob-1", "seen-1"}
    assert unchanged == everybody == ["alice-1", "bob-1", "idle-1", "seen-1"]
    assert left == ["alice-1", "bob-1", "seen-1"]


def test_forget_presence__days_later__leaves_the_newest_hour_of_each_worker(tmp_path: Path) -> None:
    engine, _books = make_data_folder(tmp_path)
    with for_writing(engine).begin() as connection:
        for worker_id in ("steady-1", "gone-1"):
            register(connection, worker_id, ALICE)
        steady = {("steady-1", hour): 1 for hour in range(1, 101)}
        store_presence(connection, {**steady, ("gone-1", 1): 1, ("gone-1", 2): 3})

        forgotten = forget_presence(connection, before_hour=99)
        left = load_presence(connection, since_hour=0)
    engine.dispose()

    assert forgotten == 98 + 1
    assert left == {"steady-1": {99: 1, 100: 1}, "gone-1": {2: 3}}
