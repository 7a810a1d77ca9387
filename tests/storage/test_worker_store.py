"""Which workers the store lets go of, whatever it is asked."""

from __future__ import annotations

from pathlib import Path

from basis.storage.database import for_writing
from basis.storage.worker_store import (
    delete_unworked,
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
