"""What a period told of pricing epochs, no later one tells otherwise, nor over an empty one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from basis.accounting.export import export_period
from basis.accounting.periods import parse_period
from basis.rules.errors import DamagedExport
from basis.storage.database import for_writing, open_database
from basis.storage.epoch_store import activate_epoch, propose_epoch
from tests.audit.conftest import LATER
from tests.audit.forging import KEY, audit_by, forge_tables, rechain
from tests.audit.test_forged_offers import BEGINS, OWN_EPOCH, agreed_in
from tests.support.books import ALICE, make_facts, record, register

PERIODS = ("2026-11-21", "2026-11-22", "2026-11-23")
"""A day with jobs in the operator's own epoch, an empty one, and one with a job again."""
LATER_START = "2026-11-21T12:11:00.000Z"
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def honest_days(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three periods, which nobody has touched."""
    folder = tmp_path_factory.mktemp("epochs")
    engine = open_database(folder, create=True)
    with for_writing(engine).begin() as connection:
        propose_epoch(connection, OWN_EPOCH, now="2026-11-20T00:00:00.000Z")
        activate_epoch(
            connection, OWN_EPOCH.version, effective_from=BEGINS, now="2026-11-20T00:00:00.000Z"
        )
        register(connection, "alice-1", ALICE)
        for number, at in ((1, "2026-11-21T18:00:00.000Z"), (2, "2026-11-23T05:00:00.000Z")):
            facts = make_facts(number, created_at=at)
            record(connection, agreed_in(facts, OWN_EPOCH, locked_at=at))
    published = [
        export_period(
            engine,
            parse_period(name),
            out=folder / "out",
            sign=KEY.sign_file_hash,
            version="test",
            now=LATER,
        ).folder
        for name in PERIODS
    ]
    engine.dispose()
    return published


@pytest.fixture
def days(honest_days: list[Path], tmp_path: Path) -> list[Path]:
    """A copy of those periods, for a test to forge."""
    return [Path(shutil.copytree(day, tmp_path / day.name)) for day in honest_days]


def test_export__period_without_jobs__tells_no_less_than_the_one_before(
    honest_days: list[Path],
) -> None:
    tables = [json.loads((day / "tables.json").read_text()) for day in honest_days]

    assert tables[0]["activationsUntil"] == "2026-11-21T18:00:00.000Z"
    assert tables[1]["activationsUntil"] == tables[0]["activationsUntil"]
    assert tables[1]["activations"] == tables[0]["activations"] == tables[2]["activations"]
    assert audit_by("both", *honest_days).differences == []
    assert audit_by("both", *honest_days[1:]).differences == []


def test_audit__history_forgotten_in_an_empty_period_and_told_anew__is_refused(
    days: list[Path],
) -> None:
    forge_tables(days[1], lambda tables: tables.update(activations=[], activationsUntil=""))
    forge_tables(
        days[2],
        lambda tables: tables["activations"][0].update(effectiveFrom="2026-11-23T04:00:00.000Z"),
    )
    rechain(days)

    with pytest.raises(DamagedExport, match=r"up to no time, but .* history never gets shorter"):
        audit_by("both", *days)


@pytest.mark.parametrize(
    ("place", "change"),
    [
        (1, lambda tables: tables.update(activations=[])),
        (
            2,
            lambda tables: tables["activations"][0].update(
                effectiveFrom="2026-11-21T12:11:00.000Z"
            ),
        ),
    ],
)
def test_audit__history_that_differs_from_the_one_before__is_refused(
    days: list[Path], place: int, change: Change
) -> None:
    forge_tables(days[place], change)
    rechain(days)

    with pytest.raises(DamagedExport, match="says otherwise than"):
        audit_by("both", *days)
