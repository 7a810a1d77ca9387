"""A publisher that changes how pools were shared, and signs anew, is found out by both engines."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from basis.storage.publisher_key import PublisherKey
from tests.audit.forging import Rows, audit_by, forge_phase, forge_rows
from tests.audit.rewarded_network import publish_network
from tests.support.books import ALICE, BOB
from tests.support.phase_books import CAROL

Document = dict[str, Any]


@pytest.fixture
def sharing(network: list[Path]) -> Path:
    """The period in which two phases were shared out, and vested in part."""
    return network[2]


def put(path: str, value: object) -> Callable[[Document], None]:
    """Sets a member of the file by its path."""

    def change(document: Any) -> None:
        *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        for step in way:
            document = document[step]
        document[last] = value

    return change


def test_audit__phases__says_how_many_of_their_receipts_are_here(network: list[Path]) -> None:
    whole = audit_by("both", *network)
    last = audit_by("both", network[2])
    two = audit_by("both", *network[1:])

    assert whole.phases == (
        "phase s1: all of its 20 receipts are in these periods",
        "phase s2: all of its 15 receipts are in these periods",
    )
    assert whole.given == {}
    assert two.phases[0] == (
        "phase s1: 0 of its 20 receipts are in these periods; the points of the others are taken "
        "from its signed file"
    )
    assert two.phases[1] == "phase s2: all of its 15 receipts are in these periods"
    assert last.phases[1].startswith("phase s2: 0 of its 15 receipts are in these periods; ")
    assert last.differences == two.differences == []


FILE: dict[str, tuple[Callable[[Document], None], str]] = {
    "share": (put("lines.0.amountRaw", "5"), "phase s1"),
    "points": (put("lines.0.pointsRaw", "5"), "phase s1"),
    "exclusion": (put("lines.1.isExcluded", True), "phase s1"),
    "no exclusion": (put("exclusions", []), "phase s1"),
    "share forgone": (put("lines.2.forgoneRaw", "7"), "phase s1"),
    "dust": (put("pools.1.dustRaw", "9"), "phase s1"),
    "shared": (put("pools.1.sharedRaw", "9"), "phase s1"),
    "returned": (put("pools.0.returnedRaw", "0"), "phase s1"),
    "eligible points": (put("pools.1.pointsRaw", "9"), "phase s1"),
    "pool": (put("pools.1.amountRaw", "9"), "phase s1"),
    "pool's points": (put("pools.1.pointsAsset", "WAIFU"), "phase s1"),
    "line taken out": (lambda document: document["lines"].pop(), "phase s1"),
    "wallet taken out": (lambda document: document["wallets"].pop(), "phase s1"),
    "amount of a wallet": (put("wallets.0.amountRaw", "9"), "phase s1"),
    "part": (put("wallets.0.partRaw", "9"), "phase s1"),
    "last part": (put("wallets.0.lastPartRaw", "9"), "phase s1"),
    "time of the end": (put("finalAt", "2026-11-26T10:00:00.001Z"), "ledger entry number"),
    "time of the opening": (put("openedAt", "2026-11-24T08:00:00.001Z"), ""),
}


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize("case", FILE)
def test_audit__published_file_forged__is_found(
    network: list[Path], case: str, engine: str
) -> None:
    change, words = FILE[case]
    forge_phase(network[2], "s1", change)

    differences = audit_by(engine, network[2]).differences

    if case == "time of the opening":  # its entry is in another period, which has only terms
        assert differences == []
    else:
        assert len(differences) == 1
        assert words in differences[0]


ROWS: dict[str, tuple[str, Callable[[Rows], Rows | None], str]] = {
    "phase taken out": ("phases.parquet", lambda rows: rows[1:], "is of no phase"),
    "file taken out": (
        "phases.parquet",
        lambda rows: rows[0].update(file="", signature="") or rows,
        "",
    ),
    "phase of no entry": (
        "phases.parquet",
        lambda rows: [*rows, {**rows[1], "phase": "s3"}],
        "",
    ),
    "terms": (
        "phases.parquet",
        lambda rows: rows[0].update(terms=rows[0]["terms"].replace('"7"', '"8"')) or rows,
        "phase s1",
    ),
}


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize("case", ROWS)
def test_audit__phases_forged__are_found(sharing: Path, case: str, engine: str) -> None:
    file, change, words = ROWS[case]
    forge_rows(sharing, file, change)

    differences = audit_by(engine, sharing).differences

    assert len(differences) == 1
    assert words in differences[0]


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize("column", ["file", "terms"])
@pytest.mark.parametrize(
    "content", ["x", "{}", "[]", "5", "[" * 9_999, '{"lines":5,"pools":{}}', "\x00", "null"]
)
def test_audit__phase_that_is_none__is_a_named_difference(
    sharing: Path, column: str, content: str, engine: str
) -> None:
    def change(rows: Rows) -> None:
        rows[0][column] = content

    forge_rows(sharing, "phases.parquet", change)

    (difference,) = audit_by(engine, sharing).differences
    assert difference.startswith("phase s1")


@pytest.mark.parametrize("engine", ["rules", "sql"])
def test_audit__part_vested_at_the_expense_of_another__is_found(sharing: Path, engine: str) -> None:
    """The balances at the end are what they were: only the schedule says what is wrong."""

    def change(rows: Rows) -> None:
        parts = [row for row in rows if row["account"].startswith(("vesting/s1/", "phase/vested/"))]
        seqs = sorted({row["entry_seq"] for row in parts if "vested" in row["account"]})[:2]
        for row in parts:
            if row["entry_seq"] in seqs and ALICE in row["account"]:
                sign = 1 if row["entry_seq"] == seqs[0] else -1
                row["amount_raw"] += sign if "vested" in row["account"] else -sign

    forge_rows(sharing, "postings.parquet", change, is_wide=True)

    (difference,) = audit_by(engine, sharing).differences
    assert "(vesting_released of phase/s1/vested/1): posting of phase/vested/" in difference


@pytest.mark.parametrize("engine", ["rules", "sql"])
@pytest.mark.parametrize(("place", "kind"), [(-1, "vesting_released"), (0, "phase_shared")])
def test_audit__entry_of_another_time__is_found(
    sharing: Path, engine: str, place: int, kind: str
) -> None:
    def change(rows: Rows) -> None:
        of_kind = [row for row in rows if row["kind"] == kind]
        of_kind[place]["created_at"] = datetime(2026, 11, 26, 9, 59, tzinfo=UTC)

    forge_rows(sharing, "entries.parquet", change)

    (difference,) = audit_by(engine, sharing).differences
    assert difference.startswith(f"ledger entry number {difference.split()[3]} ({kind} of phase/")


def test_audit__phase_signed_by_somebody_else__is_found_by_the_rules(sharing: Path) -> None:
    other = PublisherKey(hashlib.sha256(b"somebody else").digest())
    forge_phase(sharing, "s1", lambda _document: None, key=other)

    (difference,) = audit_by("rules", sharing).differences
    assert "phase s1 cannot be: the file is signed by" in difference


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"last_seq": 3}, "earlier phase s1 of LLAMA"),
        ({"earlier": "s0"}, "earlier phase s1 of LLAMA"),
        ({"phase": "s9"}, "phases before 's9' are listed"),
    ],
)
def test_audit__what_was_closed_before_forged__is_found_by_the_rules(
    sharing: Path, change: dict[str, Any], words: str
) -> None:
    def change_first(rows: Rows) -> Rows:
        rows[0].update(change)
        return sorted(rows, key=lambda row: (row["phase"], row["points_asset"]))

    forge_rows(sharing, "earlier_phases.parquet", change_first)

    assert words in audit_by("rules", sharing).differences[0]


CHEATS: dict[str, tuple[str, str, bool]] = {
    "fewer points": (
        "UPDATE phase_points SET points_raw = '1' WHERE phase_id = 's2' AND wallet LIKE '0xfB%'",
        f"phase s2, pool llm: points of {BOB} is recorded as 1, recomputed as ",
        True,
    ),
    "nobody's points": (
        "DELETE FROM phase_points WHERE phase_id = 's1' AND wallet LIKE '0xdb%'",
        f"phase s1, pool llm: points of {CAROL} is recorded as 0, recomputed as ",
        True,
    ),
    "count": ("UPDATE phases SET receipt_count = 16 WHERE id = 's2'", "phase s2: ", True),
    "late ones": ("UPDATE phases SET late_count = 0 WHERE id = 's2'", "phase s2: ", True),
    "receipts": (
        "UPDATE phases SET receipts_hash = replace(receipts_hash, 'a', 'b') WHERE id = 's2'",
        "phase s2: receipts is recorded as",
        False,
    ),
    "tables": (
        "UPDATE phases SET points_tables = '[\"2025-01-01\"]' WHERE id = 's2'",
        "phase s2: receipts is recorded as",
        False,
    ),
}
"""Statement, words, and whether SQL finds it too: hashes are the rules' alone."""


@pytest.mark.parametrize("case", CHEATS)
def test_audit__books_that_are_consistent_but_for_a_phase__name_what_its_receipts_gave(
    tmp_path: Path, case: str
) -> None:
    statement, words, is_found_by_sql = CHEATS[case]
    network = publish_network(tmp_path, cheat=statement)

    assert words in audit_by("rules", *network).differences[0]
    by_sql = audit_by("sql", *network).differences
    assert [words in one for one in by_sql] == ([True] if is_found_by_sql else [])
    # The last period alone has none of the receipts, and says so.
    assert audit_by("both", network[2]).differences == []
