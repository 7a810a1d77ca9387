"""A publisher that changes ledger, batches, terms or tables and signs anew is found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from basis.rules.canonical import canonical_json
from basis.rules.errors import DamagedExport
from tests.audit.forging import Rows, audit_by, forge_rows, resign

Change = Callable[[Rows], Rows | None]


def set_first(column: str, value: object) -> Change:
    """Changes a column of the first row."""

    def change(rows: Rows) -> None:
        rows[0][column] = value

    return change


def set_last(column: str, value: object) -> Change:
    """Changes a column of the last row."""

    def change(rows: Rows) -> None:
        rows[-1][column] = value

    return change


def add_to_first(column: str, amount: int) -> Change:
    """Adds to a column of the first row."""

    def change(rows: Rows) -> None:
        rows[0][column] += amount

    return change


def late_member(batch_number: int) -> dict[str, Any]:
    """A receipt of a period before, as a batch of this one would hold it."""
    return {
        "batch_number": batch_number,
        "receipt_seq": 1,
        "receipt_hash": b"\1" * 32,
        "worker_wallet": "",
        "reward_raw": 5,
    }


BOTH: dict[str, tuple[str, Change]] = {
    "posting": ("postings.parquet", add_to_first("amount_raw", 1)),
    "posting of another account": ("postings.parquet", set_first("account", "network/fee")),
    "posting taken out": ("postings.parquet", lambda rows: rows[1:]),
    "posting of no entry": ("postings.parquet", set_first("entry_seq", 99)),
    "entry of a job": ("entries.parquet", set_first("kind", "job_completed")),
    "entry taken out": ("entries.parquet", lambda rows: rows[1:]),
    "entry of another batch": ("entries.parquet", set_first("cause", "0" * 64 + "/1")),
    "entries in another order": ("entries.parquet", lambda rows: rows[::-1]),
    "entry beyond the period": ("entries.parquet", set_last("seq", 99)),
    "payout": ("payouts.parquet", add_to_first("amount_raw", 1)),
    "payout's wallet": ("payouts.parquet", set_first("wallet", "0x" + "1" * 40)),
    "payout's count": ("payouts.parquet", add_to_first("receipts", 1)),
    "payout taken out": ("payouts.parquet", lambda rows: rows[1:]),
    "total": ("batches.parquet", add_to_first("total_raw", 1)),
    "count": ("batches.parquet", add_to_first("receipt_count", 1)),
    "batch taken out": ("batches.parquet", lambda rows: rows[:-1]),
    "verdict": ("verdicts.parquet", set_first("quality_bps", 9_999)),
    "verdict's basis": ("verdicts.parquet", set_first("basis", "checked")),
    "verdict taken out": ("verdicts.parquet", lambda rows: rows[:-1]),
    "verdicts in another order": ("verdicts.parquet", lambda rows: rows[::-1]),
    "opening balance": (
        "opening.parquet",
        lambda _rows: [{"account": "network/fee", "asset": "BASIS", "amount_raw": 5}],
    ),
    "price": ("terms.parquet", set_last("prompt_price", 1)),
    "terms' hash": ("terms.parquet", set_last("terms_hash", "0" * 64)),
    "catalog": ("terms.parquet", set_first("catalog", "1999-01-01")),
    "multiplier": ("terms.parquet", set_first("multiplier_bps", 7)),
    "latency class": ("terms.parquet", set_first("latency_class", "large")),
    "factor tables": ("terms.parquet", set_first("factors", "1999-01-01")),
    "epoch": ("terms.parquet", set_first("pricing", "1999-01-01")),
    "terms taken out": ("terms.parquet", lambda rows: rows[:-1]),
    "all terms taken out": ("terms.parquet", lambda _rows: []),
    "penalty": (
        "penalties.parquet",
        lambda _rows: [{"receipt_seq": 1, "place": 1, "reason": "x", "amount_raw": 5}],
    ),
    "late member": ("late_members.parquet", lambda _rows: [late_member(1)]),
    "late member of a batch that is not there": (
        "late_members.parquet",
        lambda _rows: [late_member(77)],
    ),
    "payout of a batch that is not there": (
        "payouts.parquet",
        lambda rows: [*rows, {**rows[0], "batch_number": 77}],
    ),
}


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize(("file", "change"), BOTH.values(), ids=BOTH)
def test_audit__a_file_forged__is_a_named_difference(
    period: Path, file: str, change: Change, engine: str
) -> None:
    forge_rows(period, file, change)

    verdict = audit_by(engine, period)

    assert len(verdict.differences) == 1


BY_RULES: dict[str, tuple[str, Change]] = {
    "entry's id": ("entries.parquet", set_first("id", b"\1" * 32)),
    "batch's hash": ("batches.parquet", set_first("hash", b"\1" * 32)),
    "previous hash": ("batches.parquet", set_first("previous_hash", b"\1" * 32)),
    "attempt": ("batches.parquet", set_last("moves_before", 1)),
}


@pytest.mark.parametrize(("file", "change"), BY_RULES.values(), ids=BY_RULES)
def test_audit__hashes_and_steps_forged__are_found_by_the_rules(
    period: Path, file: str, change: Change
) -> None:
    forge_rows(period, file, change)

    assert len(audit_by("rules", period).differences) == 1


MANIFEST: dict[str, Callable[[dict[str, Any]], None]] = {
    "closing balances": lambda manifest: manifest.update(closingSha256="1" * 64),
    "receipts": lambda manifest: manifest["receipts"].update(to=12),
    "entries": lambda manifest: manifest["entries"].update(to=1),
    "batches": lambda manifest: manifest["batches"].update(to=2),
}


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize("change", MANIFEST.values(), ids=MANIFEST)
def test_audit__manifest_forged__is_a_named_difference(
    period: Path, change: Callable[[dict[str, Any]], None], engine: str
) -> None:
    resign(period, change=change)

    assert len(audit_by(engine, period).differences) == 1


def test_audit__totals_forged__are_found_by_the_rules(period: Path) -> None:
    resign(period, change=lambda manifest: manifest["totals"].update(BASIS="1"))

    assert "totals is recorded as" in audit_by("rules", period).differences[0]


REFUSED: dict[str, Callable[[dict[str, Any]], None]] = {
    "another format": lambda manifest: manifest.update(format="basis-export/9"),
    "an unknown field": lambda manifest: manifest.update(extra=1),
    "a range backwards": lambda manifest: manifest["receipts"].update(after=5, to=2),
    "a negative number": lambda manifest: manifest.update(number=-1),
    "no zeros before the first": lambda manifest: manifest.update(previous="1" * 64),
    "a file too many": lambda manifest: manifest["files"].append(
        {"name": "x", "bytes": 0, "rows": 0, "sha256": "0" * 64}
    ),
    "rows": lambda manifest: manifest["files"][0].update(rows=7),
    "a path": lambda manifest: manifest["files"][0].update(name="../x"),
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
def test_audit__manifest_of_another_form__is_refused(
    period: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    resign(period, change=change)

    with pytest.raises(DamagedExport):
        audit_by("both", period)


TABLES: dict[str, Callable[[dict[str, Any]], None]] = {
    "a known epoch changed": lambda tables: tables["epochs"][0].update(promptPrice="1"),
    "a known postpaid epoch changed": lambda tables: tables["postpaidEpochs"][0].update(
        output_price=1
    ),
    "a known catalog changed": lambda tables: tables["catalogs"][0]["models"][0].update(
        multiplier_bps=1
    ),
    "known factors changed": lambda tables: tables["factors"][0].update(latency_floor=1),
    "known points changed": lambda tables: tables["points"][0].update(falls_back_to_catalog=False),
    "twice": lambda tables: tables["factors"].append(tables["factors"][0]),
    "not the form": lambda tables: tables.update(points={}),
    "endless numbers": lambda tables: tables["factors"][0].update(latency_floor=-1, version="x"),
}


@pytest.mark.parametrize("change", TABLES.values(), ids=TABLES)
def test_audit__tables_forged__are_refused(
    period: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    tables = json.loads((period / "tables.json").read_text())
    change(tables)
    (period / "tables.json").write_bytes(canonical_json(tables))
    resign(period)

    with pytest.raises(DamagedExport):
        audit_by("both", period)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 9_999, b'{"epochs":1}'])
def test_audit__tables_that_are_none__are_refused(period: Path, content: bytes) -> None:
    (period / "tables.json").write_bytes(content)
    resign(period)

    with pytest.raises(DamagedExport):
        audit_by("both", period)
