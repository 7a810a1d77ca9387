"""Holdings snapshots that vanish in a later period, or are told of after the fact, are found."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from basis.accounting.export import export_period
from basis.accounting.periods import parse_period
from basis.storage.database import for_writing, open_database
from tests.audit.conftest import LATER
from tests.audit.forging import KEY, Rows, audit_by, forge_rows, rechain
from tests.audit.rewarded_network import Network
from tests.support.books import ALICE, BOB, register
from tests.support.holdings import make_snapshot, make_stake, rig

DAYS = ("2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27")


@pytest.fixture(scope="module")
def honest_days(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four periods of owners that hold nothing: the third one is empty.

    The second one has also a job that was accepted before a snapshot of the first took effect.
    """
    folder = tmp_path_factory.mktemp("snapshots")
    engine = for_writing(open_database(folder / "data", create=True))
    with engine.begin() as connection:
        register(connection, "alice-1", ALICE)
    network = Network(engine, [rig("alice-1", 1)])
    network.snapshot(make_snapshot({ALICE: 0}), at="2026-11-24T06:00:00.000Z")
    network.snapshot(make_snapshot({ALICE: 0}, block=200), at="2026-11-24T07:00:00.000Z")
    network.work("2026-11-24T08:00:00.000Z")
    network.snapshot(make_stake({ALICE: 0, BOB: 7}), at="2026-11-24T09:00:00.000Z")
    network.work("2026-11-24T10:00:00.000Z")
    published = [_publish(engine, folder, DAYS[0])]
    network.work("2026-11-25T07:00:00.000Z")
    network.work("2026-11-24T06:30:00.000Z")
    network.snapshot(make_snapshot({ALICE: 0}, block=300), at="2026-11-26T06:00:00.000Z")
    published += [_publish(engine, folder, day) for day in DAYS[1:3]]
    network.work("2026-11-27T06:00:00.000Z")
    published.append(_publish(engine, folder, DAYS[3]))
    engine.dispose()
    return published


def _publish(engine: Engine, folder: Path, day: str) -> Path:
    return export_period(
        engine,
        parse_period(day),
        out=folder / "out",
        sign=KEY.sign_file_hash,
        version="test",
        now=LATER,
    ).folder


@pytest.fixture
def days(honest_days: list[Path], tmp_path: Path) -> list[Path]:
    """A copy of those periods, for a test to forge."""
    return [Path(shutil.copytree(day, tmp_path / day.name)) for day in honest_days]


def drop(folder: Path, number: int) -> None:
    """Leaves out a snapshot and what it says of holdings."""
    for name, column in (("snapshots.parquet", "number"), ("holdings.parquet", "snapshot")):

        def without(rows: Rows, column: str = column) -> Rows:
            return [row for row in rows if row[column] != number]

        forge_rows(folder, name, without)


def test_audit__snapshots_over_periods__are_equal_together_and_alone(
    honest_days: list[Path],
) -> None:
    numbers = [
        pq.read_table(day / "snapshots.parquet")["number"].to_pylist() for day in honest_days
    ]

    assert numbers == [[2, 3], [1, 2, 3], [], [3, 4]]
    assert audit_by("both", *honest_days).differences == []
    assert audit_by("both", *honest_days[1:]).differences == []
    for day in honest_days:
        assert audit_by("both", day).differences == []


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize(("place", "number"), [(0, 3), (1, 2), (3, 3)])
def test_audit__snapshot_that_another_period_has__may_not_vanish(
    days: list[Path], place: int, number: int, engine: str
) -> None:
    drop(days[place], number)
    rechain(days)

    difference = audit_by(engine, *days).differences[0]
    assert f"({days[place].name}) lacks holdings snapshot number {number}" in difference


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__all_snapshots_dropped__is_found(days: list[Path], engine: str) -> None:
    drop(days[3], 3)
    drop(days[3], 4)
    rechain(days)

    assert "lacks holdings snapshot number 2" in audit_by(engine, *days).differences[0]


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize(
    ("days_back", "words"),
    [
        (1, "lacks holdings snapshot number 4, which counted for its jobs as"),
        (3, "holdings snapshot number 4 takes effect before number 3"),
    ],
)
def test_audit__snapshot_that_was_dated_back__is_found(
    days: list[Path], days_back: int, words: str, engine: str
) -> None:
    def date_back(rows: Rows) -> None:
        for column in ("recorded_at", "effective_at"):
            rows[-1][column] -= timedelta(days=days_back)

    forge_rows(days[3], "snapshots.parquet", date_back)
    if days_back > 1:
        drop(days[3], 3)
    rechain(days)

    assert words in audit_by(engine, *days).differences[0]


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__snapshot_that_counted_for_no_job__is_found(days: list[Path], engine: str) -> None:
    def date_on(rows: Rows) -> None:
        for column in ("recorded_at", "effective_at"):
            rows[-1][column] += timedelta(days=1)

    forge_rows(days[3], "snapshots.parquet", date_on)

    words = "has holdings snapshot number 4, which counted for none of its jobs"
    assert words in audit_by(engine, *days[3:]).differences[0]
