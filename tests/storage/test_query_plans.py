"""How SQLite finds what public routes ask for: by an index, whatever the worker's past is."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, event

from basis.storage import receipt_pages
from basis.storage.receipt_pages import load_receipt_page
from basis.storage.receipt_store import iterate_receipts
from basis.storage.worker_receipts import (
    EarningsFilter,
    count_worker_receipts,
    iterate_worker_receipts,
)
from tests.support.books import fill_books

MONTH = EarningsFilter(worker_id="alice-1", since="2026-11-01", until="2026-11-30")


def plan_of(connection: Connection, statement: str, parameters: object) -> list[str]:
    """The steps of a statement's plan, in words."""
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    return [row[-1] for row in rows]


class Plans:
    """The plans of all that is asked over a connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._asked: list[tuple[str, object]] = []
        event.listen(connection, "before_cursor_execute", self._note)

    def _note(
        self, _c: object, _cursor: object, statement: str, values: object, *_: object
    ) -> None:
        self._asked.append((statement, values))

    def steps(self) -> list[str]:
        """The steps of everything asked so far."""
        asked = list(self._asked)
        return [step for one in asked for step in plan_of(self.connection, *one)]


def is_sorted_apart(steps: list[str]) -> bool:
    """Whether all that was found is sorted before the first row is given."""
    return any("TEMP B-TREE" in step for step in steps)


def test_plan__earnings_of_a_worker__read_its_days_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        fill_books(connection)
        plans = Plans(connection)
        count_worker_receipts(connection, MONTH, most=10)
        list(iterate_worker_receipts(connection, MONTH))

        steps = plans.steps()

    named = [step for step in steps if "receipts" in step]
    assert len(named) == 2
    assert all(
        "ix_receipts_worker_id_created_at (worker_id=? AND created_at>?" in step for step in named
    )
    assert not is_sorted_apart(steps)


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({}, "SCAN receipts"),
        ({"before_seq": 9}, "PRIMARY KEY (rowid<?)"),
        ({"worker_id": "alice-1"}, "ix_receipts_worker_id (worker_id=?)"),
        ({"worker_id": "alice-1", "before_seq": 9}, "ix_receipts_worker_id (worker_id=? AND"),
        ({"user_id": "user-1"}, "ix_receipts_user_id (user_id=?)"),
        ({"status": "failed"}, "ix_receipts_status (status=?)"),
        ({"status": "failed", "before_seq": 9}, "ix_receipts_status (status=? AND"),
    ],
)
def test_plan__page_of_receipts__is_had_in_its_order_from_an_index(
    engine: Engine, asked: dict[str, object], index: str
) -> None:
    with engine.begin() as connection:
        fill_books(connection)
        plans = Plans(connection)
        load_receipt_page(connection, limit=5, **asked)

        steps = plans.steps()

    assert any(index in step for step in steps), steps
    assert not is_sorted_apart(steps)


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({"worker_id": "alice-1", "status": "completed"}, "ix_receipts_worker_id (worker_id=?"),
        ({"user_id": "user-1", "status": "completed"}, "ix_receipts_user_id (user_id=?"),
        ({"user_id": "user-1", "worker_id": "alice-1"}, "ix_receipts_user_id (user_id=?"),
        (
            {"user_id": "user-1", "worker_id": "alice-1", "status": "completed", "before_seq": 9},
            "ix_receipts_user_id (user_id=?",
        ),
    ],
)
def test_plan__page_of_receipts_by_several_things__is_searched_by_one_within_bounds(
    engine: Engine, asked: dict[str, object], index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipt_pages, "_MOST_SEARCHED", 2)
    with engine.begin() as connection:
        fill_books(connection)
        plans = Plans(connection)
        page = load_receipt_page(connection, limit=5, **asked)

        steps = plans.steps()

    assert len(steps) == 2
    assert all(f"INDEX {index}" in step for step in steps), steps
    assert "COVERING" in steps[0]
    assert "rowid>?" in steps[1], "it looks through no more than two"
    assert len(page.receipts) <= 2


@pytest.mark.parametrize("most", [1, 2, 3, 1_000])
@pytest.mark.parametrize("limit", [1, 3, 500])
def test_page__of_receipts_searched_by_parts__comes_to_them_all(
    engine: Engine, most: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipt_pages, "_MOST_SEARCHED", most)
    with engine.begin() as connection:
        fill_books(connection)
        every = list(iterate_receipts(connection))
        for user_id, worker_id, status in (
            ("user-1", "alice-1", None),
            ("user-1", None, "failed"),
            (None, "alice-1", "completed"),
            ("user-1", "bob-1", "completed"),
        ):
            found: list[int] = []
            before = None
            while True:
                page = load_receipt_page(
                    connection,
                    limit=limit,
                    before_seq=before,
                    user_id=user_id,
                    worker_id=worker_id,
                    status=status,
                )
                found += [receipt.seq for receipt in page.receipts]
                before = page.before
                if before is None:
                    break

            assert found == [
                receipt.seq
                for receipt in reversed(every)
                if user_id in (None, receipt.core.user_id)
                and worker_id in (None, receipt.core.worker_id)
                and status in (None, receipt.status.value)
            ]
