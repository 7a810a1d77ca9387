"""The manifest of an export: its published members, its one spelling and its hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from basis.rules.export_columns import ColumnKind
from basis.rules.export_format import PARQUET_FILES, POSTINGS
from basis.rules.manifest import (
    FileRecord,
    Manifest,
    NumberRange,
    PeriodOfDays,
    compute_balances_hash,
    compute_manifest_hash,
    encode_manifest,
)

MANIFEST = Manifest(
    number=2,
    period=PeriodOfDays(name="2026-12", since="2026-12-01", until="2027-01-01"),
    previous="ab" * 32,
    chain_id=8453,
    token_symbol="BASIS",
    receipts=NumberRange(after=10, to=12),
    entries=NumberRange(after=3, to=4),
    batches=NumberRange(after=0, to=1),
    files=(FileRecord(name="receipts.parquet", bytes=900, rows=2, sha256="cd" * 32),),
    opening_sha256="11" * 32,
    closing_sha256="22" * 32,
    totals={"BASIS": 10**30, "CREDIT": 7},
    versions={"basis": "1.0"},
)

# As docs/reference/export.md describes it.
PUBLISHED = {
    "format": "basis-export/1",
    "number": 2,
    "period": {"name": "2026-12", "since": "2026-12-01", "until": "2027-01-01"},
    "previous": "ab" * 32,
    "chainId": 8453,
    "tokenSymbol": "BASIS",
    "receipts": {"after": 10, "to": 12},
    "entries": {"after": 3, "to": 4},
    "batches": {"after": 0, "to": 1},
    "files": [{"name": "receipts.parquet", "bytes": 900, "rows": 2, "sha256": "cd" * 32}],
    "openingSha256": "11" * 32,
    "closingSha256": "22" * 32,
    "totals": {"BASIS": "1" + "0" * 30, "CREDIT": "7"},
    "versions": {"basis": "1.0"},
}


def test_encode_manifest__every_member__is_published_as_described() -> None:
    assert json.loads(encode_manifest(MANIFEST)) == PUBLISHED


def test_encode_manifest__bytes__are_sorted_and_without_spaces() -> None:
    assert encode_manifest(MANIFEST) == json.dumps(
        PUBLISHED, sort_keys=True, separators=(",", ":")
    ).encode("ascii")


def test_manifest_hash__of_the_bytes__is_their_sha256() -> None:
    assert compute_manifest_hash(MANIFEST) == hashlib.sha256(encode_manifest(MANIFEST)).hexdigest()


def test_manifest_hash__one_receipt_more__is_another() -> None:
    changed = replace(MANIFEST, receipts=NumberRange(after=10, to=13))

    assert compute_manifest_hash(changed) != compute_manifest_hash(MANIFEST)


def test_balances_hash__of_rows__is_over_one_line_of_json_each() -> None:
    rows = [("customer/a", "CREDIT", -5), ("network/fee", "BASIS", 10**20)]
    lines = b'["customer/a","CREDIT","-5"]\n["network/fee","BASIS","100000000000000000000"]\n'

    assert compute_balances_hash(rows) == hashlib.sha256(lines).hexdigest()


def test_balances_hash__of_no_row__is_that_of_nothing() -> None:
    assert compute_balances_hash([]) == hashlib.sha256(b"").hexdigest()


def test_export_format__names_of_a_kind__are_the_columns_of_that_kind() -> None:
    assert POSTINGS.names(ColumnKind.AMOUNT) == ("amount_raw",)
    assert POSTINGS.names(ColumnKind.FLAG) == ()


@pytest.mark.parametrize("file", PARQUET_FILES, ids=lambda file: file.name)
def test_export_format__columns__have_a_name_and_a_kind(file) -> None:
    kinds = [name for kind in ColumnKind for name in file.names(kind)]

    assert sorted(kinds) == sorted(column.name for column in file.columns)
    assert len(set(kinds)) == len(kinds) > 0
