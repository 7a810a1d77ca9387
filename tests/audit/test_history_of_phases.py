"""A phase that names an earlier one which nobody opened is found out by both engines."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.audit.forging import Rows, audit_by, forge_rows


def invent(rows: Rows) -> Rows:
    """Adds an earlier phase that nobody opened, of a time before all others."""
    for asset in ("LLAMA", "WAIFU"):
        invented = dict(
            rows[0],
            earlier="s0",
            points_asset=asset,
            starts_at=datetime(2026, 11, 20, tzinfo=UTC),
            ends_at=datetime(2026, 11, 21, tzinfo=UTC),
            last_seq=1,
        )
        rows.append(invented)
    return sorted(rows, key=lambda row: (row["phase"], row["points_asset"], row["earlier"]))


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__earlier_phase_that_nobody_opened__is_found(
    network: list[Path], engine: str
) -> None:
    forge_rows(network[2], "earlier_phases.parquet", invent)

    difference = audit_by(engine, *network).differences[0]
    assert "phase s2 names the earlier phase s0" in difference


def test_audit__earlier_phase_of_before__is_said_to_be_the_publishers(network: list[Path]) -> None:
    forge_rows(network[2], "earlier_phases.parquet", invent)

    verdict = audit_by("both", network[2])

    assert verdict.differences == []
    assert any("phase s0 was before it is taken from the publisher" in x for x in verdict.phases)


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize("column", ["starts_at", "ends_at", "last_seq"])
def test_audit__earlier_phase_of_another_time__is_found(
    network: list[Path], column: str, engine: str
) -> None:
    def change(rows: Rows) -> None:
        rows[0][column] = 3 if column == "last_seq" else datetime(2026, 11, 24, 12, tzinfo=UTC)

    forge_rows(network[2], "earlier_phases.parquet", change)

    assert "earlier phase s1 of LLAMA" in audit_by(engine, *network).differences[0]
