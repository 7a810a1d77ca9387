"""A job that is published twice would be paid twice; points that no job can earn are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from basis.storage.database import begin_write, open_database
from tests.audit.forging import Rows, audit_by, forge_receipts, resign, write_rows
from tests.support.books import ALICE, make_facts, record, register


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__a_job_with_two_receipts__is_named(period: Path, engine: str) -> None:
    rows = pq.read_table(period / "receipts.parquet").to_pylist()
    again = {**rows[-1], "seq": rows[-1]["seq"] + 1}
    if again["has_entry"]:
        again["entry_seq"] = 10**6
    write_rows(period, "receipts.parquet", [*rows, again], is_wide=False)

    def count_it(manifest: dict[str, Any]) -> None:
        manifest["receipts"]["to"] += 1

    resign(period, rows={"receipts.parquet": len(rows) + 1}, change=count_it)

    (found,) = audit_by(engine, period).differences
    assert f"{again['job_id']} has two receipts: number {rows[-1]['seq']} and number" in found


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__text_that_earned_points_of_images__is_refused(period: Path, engine: str) -> None:
    def mint(rows: Rows) -> None:
        rows[2] |= {
            "points_asset": "WAIFU",
            "points_units": 512 * 512 * 20 * 1_000,
            "points_multiplier_bps": 10**9,
            "points_raw": 10**14,
        }

    forge_receipts(period, mint)

    assert "receipt number 3 (job job_0003) cannot be" in audit_by(engine, period).differences[0]


def test_audit__number_of_an_entry_that_an_earlier_period_had__is_found(
    tmp_path: Path, publish: Callable[..., Path]
) -> None:
    """The order in which everything was booked goes on from period to period."""
    engine = open_database(tmp_path / "data", create=True)
    with begin_write(engine) as connection:
        register(connection, "alice-1", ALICE)
        record(connection, make_facts(1), make_facts(2, created_at="2026-11-22T01:00:00.000Z"))
    engine.dispose()
    days = [publish("2026-11-21"), publish("2026-11-22")]
    assert audit_by("both", *days).differences == []

    forge_receipts(days[1], lambda rows: rows[0].update(entry_seq=1))

    (found,) = audit_by("rules", *days).differences
    assert "the ledger entry number 1 of a job stands after number 1" in found
