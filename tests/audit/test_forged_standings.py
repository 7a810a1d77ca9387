"""How workers stood: numbered, each once, and each with a receipt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.audit.forging import Rows, audit_by, forge_rows

STANDINGS, RECEIPTS = "standings.parquet", "receipts.parquet"


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__receipt_with_a_standing_that_is_not_there__is_refused(
    period: Path, engine: str
) -> None:
    def change(rows: Rows) -> None:
        rows[1]["standing_number"] = 99

    forge_rows(period, RECEIPTS, change)
    [difference] = audit_by(engine, period).differences
    assert difference.startswith("receipt number 2 ")
    assert difference.endswith("has standing number 99, which is none")


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__receipt_without_a_standing__is_refused(period: Path, engine: str) -> None:
    forge_rows(period, RECEIPTS, lambda rows: rows[0].update(standing_number=0))
    [difference] = audit_by(engine, period).differences
    assert difference.endswith("has standing number 0, which is none")


def _add_unnamed(rows: Rows) -> None:
    rows.append(rows[0] | {"number": len(rows) + 1, "worker_id": "nobody-1"})


def _add_twice(rows: Rows) -> None:
    rows.append(rows[0] | {"number": len(rows) + 1})


def _skip_a_number(rows: Rows) -> None:
    rows.append(rows[0] | {"number": len(rows) + 2})


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        (_add_unnamed, "is named by no receipt"),
        (_add_twice, "is the same as number 1"),
        (_skip_a_number, "does not stand in its order"),
    ],
)
def test_audit__standing_that_should_not_be_there__is_found(
    period: Path, change: Callable[[Rows], None], flaw: str, engine: str
) -> None:
    forge_rows(period, STANDINGS, change)
    [difference] = audit_by(engine, period).differences
    assert difference.startswith("standing number ")
    assert difference.endswith(flaw)
