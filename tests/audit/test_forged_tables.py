"""By which tables a job could be judged, whatever a publisher writes beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from basis.rules.errors import DamagedExport
from basis.rules.points_tables import SEASON_1
from basis.storage.database import begin_write, open_database
from tests.audit.conftest import DAY
from tests.audit.forging import Rows, audit_by, forge_receipts, forge_tables
from tests.support.books import ALICE, make_facts, make_postpaid_facts, record, register

Tables = dict[str, Any]


def _blank(row: dict[str, Any]) -> None:
    """Takes the points off a receipt, as one from before points has none."""
    for name, value in row.items():
        if name.startswith("points_"):
            row[name] = "" if isinstance(value, str) else 0


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__points_taken_off_a_job_in_credits__are_missed(period: Path, engine: str) -> None:
    def change(rows: Rows) -> None:
        assert rows[2]["points_raw"] > 0
        _blank(rows[2])

    forge_receipts(period, change)

    (difference,) = audit_by(engine, period).differences
    assert difference.startswith("receipt number 3 (job job_0003) cannot be recomputed")


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__points_given_to_a_job_from_before_credits__are_refused(
    period: Path, engine: str
) -> None:
    def change(rows: Rows) -> None:
        assert rows[0]["points_table"] == ""
        rows[0]["points_table"] = rows[2]["points_table"]
        rows[0]["points_asset"] = "LLAMA"

    forge_receipts(period, change)

    (difference,) = audit_by(engine, period).differences
    assert difference.startswith("receipt number 1 (job job_0001) cannot be recomputed")


def _books(folder: Path, *, postpaid_last: bool) -> None:
    engine = open_database(folder / "data", create=True)
    with begin_write(engine) as connection:
        register(connection, "alice-1", ALICE)
        jobs = [make_postpaid_facts(1), make_facts(2)]
        record(connection, *(reversed(jobs) if postpaid_last else jobs))
    engine.dispose()


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize("postpaid_last", [False, True])
def test_audit__job_from_before_credits__comes_before_those_in_credits(
    tmp_path: Path, publish: Callable[..., Path], engine: str, postpaid_last: bool
) -> None:
    _books(tmp_path, postpaid_last=postpaid_last)

    differences = audit_by(engine, publish(DAY)).differences

    expected = "receipt number 2 (job job_0001) is from before there were points"
    assert [one.split(",")[0] for one in differences] == ([expected] if postpaid_last else [])


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__job_from_before_credits__is_refused_in_a_later_period_too(
    tmp_path: Path, publish: Callable[..., Path], engine: str
) -> None:
    engine_of_store = open_database(tmp_path / "data", create=True)
    with begin_write(engine_of_store) as connection:
        register(connection, "alice-1", ALICE)
        record(connection, make_facts(1))
    first = publish(DAY)
    with begin_write(engine_of_store) as connection:
        record(connection, make_postpaid_facts(2, created_at="2026-11-22T01:00:00.000Z"))
    engine_of_store.dispose()
    second = publish("2026-11-22")

    (difference,) = audit_by(engine, first, second).differences
    assert difference.startswith("receipt number 2 (job job_0002) is from before there were points")


def _rename(kind: str, **changes: object) -> Callable[[Tables], None]:
    """Adds a copy of the first table of a kind, under another name."""

    def change(tables: Tables) -> None:
        tables[kind].append({**tables[kind][0], "version": "another", **changes})
        tables[kind].sort(key=lambda table: table["effective_from"])

    return change


UNKNOWN: dict[str, tuple[Callable[[Tables], None], str]] = {
    "points": (_rename("points", effective_from="2026-11-22"), "points table 'another' is dated"),
    "factors": (_rename("factors"), "factor tables 'another' is dated"),
    "rails": (_rename("rails", effective_from="2020-01-01"), "rails 'another' is dated"),
    "postpaid": (
        _rename("postpaidEpochs", effective_from="2027-01-01"),
        "an epoch from before credits is none",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_audit__table_that_nobody_published_when_it_is_dated__is_refused(
    period: Path, case: str
) -> None:
    change, words = UNKNOWN[case]
    forge_tables(period, change)

    with pytest.raises(DamagedExport, match=words):
        audit_by("both", period)


def test_audit__table_newer_than_the_program__is_named_in_the_verdict(period: Path) -> None:
    forge_tables(period, _rename("points", effective_from="2099-01-01"))

    verdict = audit_by("both", period)

    assert verdict.differences == []
    assert verdict.unknown_tables == ("points table 'another'",)


def test_audit__points_table_from_before_the_network__is_refused(period: Path) -> None:
    """A known table, to the letter, but one that never judged a job."""
    forge_tables(period, lambda tables: tables["points"].append(msgspec.to_builtins(SEASON_1)))

    with pytest.raises(DamagedExport, match="'public-season-1' is history"):
        audit_by("both", period)
