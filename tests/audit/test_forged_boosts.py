"""A publisher that changes what boosts follow from, and signs anew, is found out."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from basis.rules.canonical import canonical_json
from basis.rules.errors import DamagedExport, InvalidSignature
from basis.rules.export_context import CONTEXT_FILES
from tests.audit.forging import (
    Rows,
    audit_by,
    forge_receipts,
    forge_rows,
    read_receipts,
    resign,
)
from tests.audit.rewarded_network import publish_cheat
from tests.support.books import ALICE, BOB

Change = Callable[[Rows], Rows | None]


@pytest.fixture
def day(network: list[Path]) -> Path:
    """The period in which the most of boosts happened: four assignments by three snapshots."""
    return network[1]


def put(place: int, column: str, value: object) -> Change:
    """Sets a column of one row."""

    def change(rows: Rows) -> None:
        rows[place][column] = value

    return change


def put_holding(wallet: str, amount: str) -> Change:
    """Sets what a wallet held by every snapshot."""

    def change(rows: Rows) -> None:
        for row in rows:
            if row["wallet"] == wallet:
                row["amount"] = amount

    return change


def test_audit__boosts_and_phases_of_the_real_store__are_equal_together_and_alone(
    network: list[Path],
) -> None:
    verdict = audit_by("both", *network)

    assert verdict.differences == []
    assert verdict.receipts == 35
    boosts = [row["points_boost_bps"] for row in read_receipts(network[1])]
    assert set(boosts) == {10_000, 10_250, 11_375, 11_500, 12_500}
    for folder in network:
        assert audit_by("both", folder).differences == []


RECEIPTS: dict[str, tuple[int, str, object]] = {
    "greater boost": (0, "points_boost_bps", 15_000),
    "boost of nobody's": (4, "points_boost_bps", 15_000),
    "no assignment": (0, "points_assignment", ""),
    "unknown assignment": (0, "points_assignment", "ab" * 32),
    "another owner": (0, "worker_wallet", BOB),
    "fewer cards": (0, "points_gpu_count", 1),
    "another card": (0, "points_gpu_name", "NVIDIA T4 + NVIDIA T4"),
}
"""Row, column and value."""


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize("case", RECEIPTS)
def test_audit__receipts_boost_forged__is_found(day: Path, case: str, engine: str) -> None:
    place, column, value = RECEIPTS[case]
    forge_receipts(day, put(place, column, value))

    differences = audit_by(engine, day).differences

    if (case, engine) == ("another card", "sql"):
        assert differences == []  # what a name means is the rules' alone
    else:
        assert len(differences) == 1
        assert differences[0].startswith(("receipt number 21 ", "receipt number 25 "))


CHEATS: dict[str, tuple[dict[str, Any], str]] = {
    "greater boost": ({"boost_bps": 15_000}, "boost is recorded as 15000, recomputed as 11000"),
    "no boost": ({"boost_bps": 10_000, "assignment": ""}, "held what counts, and was not boosted"),
    "boost without an assignment": ({"assignment": ""}, "held what counts, and was not boosted"),
    "fewer cards": ({"gpu_count": 1}, "GPUs in the assignment is recorded as"),
    "before the snapshot": (
        {"created_at": "2026-11-24T12:00:59.999Z"},
        "boost is recorded as 11000, recomputed as 10000",
    ),
    "an assignment for nothing": (
        {"created_at": "2026-11-24T12:00:59.999Z", "boost_bps": 10_000},
        "assignment is recorded as",
    ),
    "another owner": ({"worker_wallet": BOB}, "which is no boost assignment of this period"),
    "by the snapshot before": (
        {"created_at": "2026-11-24T19:00:00.000Z"},
        "counts other holdings than",
    ),
}


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize("case", CHEATS)
def test_audit__books_that_are_consistent_but_for_a_boost__name_the_receipt(
    tmp_path: Path, case: str, engine: str
) -> None:
    changes, words = CHEATS[case]

    published = publish_cheat(tmp_path, changes)

    (difference,) = audit_by(engine, published).differences
    assert difference.startswith("receipt number 1 (job job_0001): ")
    # Of another owner the rules say whose it is, and SQL that it is none of that owner's.
    assert words in difference or (case, engine) == ("another owner", "rules")


BOTH: dict[str, tuple[str, Change, str]] = {
    "tier": ("grants.parquet", put(0, "boost_bps", 15_000), "number 1, grant 1: boost_bps"),
    "GPUs for an NFT": ("grants.parquet", put(0, "gpu_limit", 20), "number 1, grant 1: gpu_limit"),
    "holding of a grant": ("grants.parquet", put(0, "amount", "20"), "boost assignment number 1"),
    "grant taken out": ("grants.parquet", lambda rows: rows[1:], "boost assignment number 1"),
    "grants' order": ("grants.parquet", put(4, "place", 9), "boost assignment number 4"),
    "a fourth GPU": ("boosted_gpus.parquet", put(6, "count", 9), "boost assignment number"),
    "boost of a GPU": (
        "boosted_gpus.parquet",
        put(4, "boost_bps", 15_000),
        "boost assignment number 2, GPUs 1: boost_bps is recorded as 15000, recomputed as 11500",
    ),
    "stronger card": ("boosted_gpus.parquet", put(3, "name", "H100"), "boost assignment number 1"),
    "unknown card": ("boosted_gpus.parquet", put(0, "name", "H999"), "boost assignment number 1"),
    "GPUs taken out": ("boosted_gpus.parquet", lambda rows: rows[:-1], "assignment number 4"),
    "boost of a worker": (
        "boosted_workers.parquet",
        put(0, "boost_bps", 15_000),
        "number 1, worker alice-1: boost_bps is recorded as 15000, recomputed as 12500",
    ),
    "worker taken out": ("boosted_workers.parquet", lambda rows: rows[1:], "worker alice-1"),
    "tables": ("assignments.parquet", put(0, "tables", "1999-01-01"), "boost assignment number 1"),
    "assignment twice": ("assignments.parquet", lambda rows: [rows[0], *rows], "in its order"),
    "assignment out": ("assignments.parquet", lambda rows: rows[:-1], ""),
    "holding": ("holdings.parquet", put_holding(ALICE, "20"), ""),
    "holding taken out": ("holdings.parquet", lambda rows: rows[1:], ""),
    "holding of no snapshot": ("holdings.parquet", put(-1, "snapshot", 9), ""),
    "effect": (
        "snapshots.parquet",
        put(0, "recorded_at", 1),
        "holdings snapshot number 1: effective_at is recorded as",
    ),
    "snapshot taken out": ("snapshots.parquet", lambda rows: rows[:-1], ""),
    "snapshots' order": ("snapshots.parquet", lambda rows: rows[::-1], "holdings snapshot number"),
}


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize("case", BOTH)
def test_audit__what_boosts_follow_from_forged__is_found(day: Path, case: str, engine: str) -> None:
    file, change, words = BOTH[case]
    forge_rows(day, file, change)

    differences = audit_by(engine, day).differences

    assert len(differences) == 1
    assert words in differences[0]


BY_RULES: dict[str, tuple[str, Change, str]] = {
    "block": ("snapshots.parquet", put(0, "block_number", 7), "snapshot number 1: hash"),
    "contract": ("snapshots.parquet", put(0, "contract", BOB), "snapshot number 1: hash"),
    "chain": ("snapshots.parquet", put(0, "chain_id", 1), "snapshot number 1: hash"),
    "no block's hash": ("snapshots.parquet", put(0, "block_hash", "x"), "number 1 cannot be"),
    "signature": ("snapshots.parquet", put(1, "signature", "0x" + "1" * 130), "number 2"),
    "signature of a chain's": ("snapshots.parquet", put(0, "signature", "0x1"), "number 1"),
    "hash of an assignment": ("assignments.parquet", put(0, "hash", b"\1" * 32), "number 1: hash"),
    "who held nothing": (
        "holdings.parquet",
        lambda rows: [row for row in rows if row["amount"] != "0"],
        "snapshot number 1: hash",
    ),
}


@pytest.mark.parametrize("case", BY_RULES)
def test_audit__hashes_and_signatures_of_boosts_forged__are_found_by_the_rules(
    day: Path, case: str
) -> None:
    file, change, words = BY_RULES[case]
    forge_rows(day, file, change)

    assert words in audit_by("rules", day).differences[0]


def test_audit__snapshot_changed_in_the_next_period__is_found(network: list[Path]) -> None:
    forge_rows(network[1], "snapshots.parquet", put(1, "signature", "0x" + "2" * 130))
    previous = resign(network[0])
    resign(network[1], change=lambda manifest: manifest.update(previous=previous))

    assert "holdings snapshot number 2" in audit_by("rules", *network[:2]).differences[0]


TABLES: dict[str, Callable[[dict[str, Any]], None]] = {
    "a known step changed": lambda tables: tables["boosts"][0]["rules"][0].update(gpus_per_unit=4),
    "a known order changed": lambda tables: tables["gpus"][0]["by_key"]["h100"].update(rank=50),
    "steps that are none": lambda tables: tables["boosts"][0].update(
        version="x", effective_from="tomorrow"
    ),
    "a boost below 1x": lambda tables: tables["boosts"][0].update(
        version="x", rules=[{**tables["boosts"][0]["rules"][0], "steps": [[1, 1]]}]
    ),
}


@pytest.mark.parametrize("change", TABLES.values(), ids=TABLES)
def test_audit__boost_tables_forged__are_refused(
    day: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    tables = json.loads((day / "tables.json").read_text())
    change(tables)
    (day / "tables.json").write_bytes(canonical_json(tables))
    resign(day)

    with pytest.raises(DamagedExport):
        audit_by("both", day)


@pytest.mark.parametrize("name", [file.name for file in CONTEXT_FILES])
def test_audit__any_byte_of_what_boosts_and_phases_follow_from_changed__is_refused(
    network: list[Path], name: str
) -> None:
    chance = random.Random(20_261_123)
    for folder in network[1:]:
        path = folder / name
        honest = path.read_bytes()
        for place in {0, len(honest) - 1, *(chance.randrange(len(honest)) for _ in range(12))}:
            forged = bytearray(honest)
            forged[place] ^= 1 << chance.randrange(8)
            path.write_bytes(forged)

            with pytest.raises((DamagedExport, InvalidSignature)):
                audit_by("both", folder)
        path.write_bytes(honest)
