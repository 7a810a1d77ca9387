"""The bounds that Parquet files name for their row groups: readers trust them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from basis.audit.parquet import check_statistics, expected_schema
from basis.rules.errors import DamagedExport
from basis.rules.export_files import ALL_FILES
from basis.rules.export_format import POSTINGS
from tests.audit.forging import audit_by, resign

ROWS = [
    {"entry_seq": number, "account": f"network/{name}", "asset": "BASIS", "amount_raw": amount}
    for number, name, amount in ((1, "fee", 500_000_001), (2, "dust", -7), (3, "fee", 12))
]


def write(folder: Path, *, is_wide: bool = False) -> Path:
    """A small file with statistics."""
    path = folder / POSTINGS.name
    schema = expected_schema(POSTINGS, is_wide=is_wide)
    pq.write_table(pa.Table.from_pylist(ROWS, schema=schema), path, store_schema=False)
    return path


@pytest.mark.parametrize("is_wide", [False, True])
def test_check_statistics__true_bounds__are_accepted(tmp_path: Path, is_wide: bool) -> None:
    path = write(tmp_path, is_wide=is_wide)

    assert pq.read_metadata(path).row_group(0).column(3).statistics.max == 500_000_001
    check_statistics(path, POSTINGS)


def test_check_statistics__a_bound_below_a_value__is_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    old, new = (500_000_001).to_bytes(8, "little"), (499_999_999).to_bytes(8, "little")
    path.write_bytes(_in_footer(path.read_bytes(), old, new))

    with pytest.raises(DamagedExport, match="amount_raw is from -7 to 499999999, but it is from"):
        check_statistics(path, POSTINGS)


def test_check_statistics__an_honest_period__has_true_bounds_in_every_file(
    honest_export: Path,
) -> None:
    for file in ALL_FILES:
        check_statistics(honest_export / file.name, file)
        assert pq.read_metadata(honest_export / file.name).num_columns == len(file.columns)


def test_audit__receipts_with_forged_bounds__are_refused_by_the_rules(period: Path) -> None:
    path = period / "receipts.parquet"
    metadata = pq.read_metadata(path)
    names = metadata.schema.to_arrow_schema().names
    largest = metadata.row_group(0).column(names.index("first_token_us")).statistics.max
    old, new = largest.to_bytes(8, "little"), (largest - 1).to_bytes(8, "little")
    path.write_bytes(_in_footer(path.read_bytes(), old, new))
    resign(period)

    with pytest.raises(DamagedExport, match="row group 0 says that its first_token_us is from"):
        audit_by("rules", period)


def _in_footer(data: bytes, old: bytes, new: bytes) -> bytes:
    """`data` of a Parquet file with every `old` of its footer replaced."""
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    assert old in data[start:]
    return data[:start] + data[start:].replace(old, new)
