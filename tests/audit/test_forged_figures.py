"""A publisher that changes one figure and signs the period anew is found out by both engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from basis.rules.export_format import REWARD_NAMES
from tests.audit.forging import Rows, audit_by, forge_receipts

JUDGED = (
    "quality_bps",
    "uptime_bps",
    "latency_bps",
    "microcredits",
    *REWARD_NAMES,
    "points_raw",
)
FACTS_OF_FIGURES = (
    "prompt_tokens",
    "output_tokens",
    "online_minutes",
    "first_token_us",
    "penalty_raw",
    "points_units",
    "points_boost_bps",
    "terms_number",
)


@pytest.mark.parametrize("engine", ["rules", "sql", "both"])
def test_audit__untouched_period__is_equal(honest_export: Path, engine: str) -> None:
    verdict = audit_by(engine, honest_export)

    assert verdict.differences == []
    assert verdict.receipts == 11
    assert verdict.is_whole


@pytest.mark.parametrize("column", JUDGED)
def test_audit__one_figure_changed__both_engines_name_it_in_the_same_words(
    period: Path, column: str
) -> None:
    """Receipt 3 is completed and charged in credits."""

    def raise_by_one(rows: Rows) -> None:
        rows[2][column] += 1

    forge_receipts(period, raise_by_one)

    found = audit_by("both", period)
    assert found.reference is not None
    assert found.sql is not None
    assert found.reference.difference == found.sql.difference
    assert (found.reference.difference or "").startswith(
        f"receipt number 3 (job job_0003): {column} is recorded as "
    )


@pytest.mark.parametrize("column", ["total_charged_raw", "microcredits"])
def test_audit__figure_of_a_postpaid_job_changed__is_named_by_both(
    period: Path, column: str
) -> None:
    def change(rows: Rows) -> None:
        rows[0][column] += 1

    forge_receipts(period, change)

    found = audit_by("both", period)
    assert len(found.differences) == 1
    assert f"receipt number 1 (job job_0001): {column} is recorded" in found.differences[0]


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize("column", FACTS_OF_FIGURES)
def test_audit__a_fact_changed_that_figures_follow_from__is_found(
    period: Path, column: str, engine: str
) -> None:
    def change(rows: Rows) -> None:
        rows[1][column] = 20 if column == "online_minutes" else rows[1][column] * 3 + 9_000_000

    forge_receipts(period, change)

    assert not audit_by(engine, period).is_equal


CHANGES: dict[str, tuple[str, Any]] = {
    "status": ("status", "failed"),
    "unknown status": ("status", "sleeping"),
    "kind": ("kind", ""),
    "wallet": ("worker_wallet", ""),
    "reason of points": ("points_reason", "no_quality"),
    "asset of points": ("points_asset", "WAIFU"),
    "unknown table of points": ("points_table", "1999"),
    "entry": ("has_entry", False),
    "batch": ("batch_number", 0),
    "unknown batch": ("batch_number", 77),
    "chain": ("chain_id", 1),
    "token": ("token_symbol", "GOLD"),
    "version": ("receipt_version", 2),
    "huge time": ("first_token_us", 2**62),
    "huge count": ("output_tokens", 2**62),
    "negative amount": ("protocol_fee_raw", -(2**63)),
}


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize(("column", "value"), CHANGES.values(), ids=CHANGES)
def test_audit__a_field_changed__is_a_named_difference(
    period: Path, column: str, value: object, engine: str
) -> None:
    def change(rows: Rows) -> None:
        rows[1][column] = value

    forge_receipts(period, change)

    assert audit_by(engine, period).differences != []


@pytest.mark.parametrize("column", ["hash", "job_id", "user_wallet", "latency_ms", "token_address"])
def test_audit__what_the_hash_alone_covers__is_found_by_the_rules(
    period: Path, column: str
) -> None:
    new = {"hash": b"\1" * 32, "latency_ms": 43}

    def change(rows: Rows) -> None:
        rows[2][column] = new.get(column, "other")

    forge_receipts(period, change)

    assert ": hash is recorded as " in audit_by("rules", period).differences[0]
    assert audit_by("sql", period).is_equal


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__rows_in_another_order__names_the_first_that_is_missing(
    period: Path, engine: str
) -> None:
    forge_receipts(period, lambda rows: [rows[1], rows[0], *rows[2:]])

    assert audit_by(engine, period).differences == [
        "receipt number 1 is missing: number 2 stands in its place"
    ]


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__a_receipt_taken_out__is_found(period: Path, engine: str) -> None:
    forge_receipts(period, lambda rows: rows[:-1])

    assert "covers 11 receipts, but has 10" in audit_by(engine, period).differences[0]
