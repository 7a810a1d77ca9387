"""The parts of an export: days of a period, and files with amounts of any size."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from basis.accounting.parquet_file import ExportFile
from basis.accounting.periods import make_period, parse_period
from basis.rules.errors import InvalidInput
from basis.rules.export_format import AMOUNT_LIMIT, OPENING


@pytest.mark.parametrize("name", ["", "2026", "2026-13", "2026-11-31", "26-11", "x" * 99])
def test_parse_period__no_period__is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        parse_period(name)


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("2026-11", ("2026-11-01", "2026-12-01")),
        ("2028-02", ("2028-02-01", "2028-03-01")),
        ("2026-12", ("2026-12-01", "2027-01-01")),
        ("2026-12-31", ("2026-12-31", "2027-01-01")),
    ],
)
def test_parse_period__month_or_day__ends_where_the_next_begins(
    name: str, days: tuple[str, str]
) -> None:
    period = parse_period(name)

    assert (period.since, period.until) == days


def test_make_period__a_whole_month_or_day__is_the_same_as_by_its_name() -> None:
    assert make_period(since="2026-11-01", until="2026-12-01") == parse_period("2026-11")
    assert make_period(since="2026-11-30", until="2026-12-01") == parse_period("2026-11-30")
    assert make_period(since="2026-11-01", until="2026-11-15").name == "2026-11-01--2026-11-15"


def test_make_period__backwards__is_refused() -> None:
    with pytest.raises(InvalidInput, match="before it begins"):
        make_period(since="2026-11-22", until="2026-11-22")


@pytest.mark.parametrize("amount_raw", [10**33, AMOUNT_LIMIT - 1, -(10**33), 2**63, -(2**63) - 1])
def test_export_file__amounts_beyond_64_bits__come_back_exactly(
    tmp_path: Path, amount_raw: int
) -> None:
    file = ExportFile(tmp_path, OPENING)
    for amount in (7, amount_raw):
        file.add({"account": "a", "asset": "BASIS", "amount_raw": amount})
    file.close()

    read = pq.read_table(tmp_path / OPENING.name)["amount_raw"].to_pylist()
    assert [int(amount) for amount in read] == [7, amount_raw]


def test_export_file__amount_beyond_128_bits__is_refused(tmp_path: Path) -> None:
    file = ExportFile(tmp_path, OPENING)
    file.add({"account": "a", "asset": "BASIS", "amount_raw": AMOUNT_LIMIT})

    with pytest.raises(InvalidInput, match="128 bits"):
        file.close()
