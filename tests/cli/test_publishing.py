"""`basis export` and `basis audit`, as an operator and a stranger type them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audit.forging import Rows, forge_receipts
from tests.cli.conftest import Command
from tests.support.books import Books

DAY = "2026-11-21"
PERIOD = Path("data/published/exports") / DAY


def test_export__then_audit__is_equal_by_both_engines(basis: Command, books: Books) -> None:
    published = basis("export", "--period", DAY, "--json").json
    found = basis("audit", str(PERIOD), "--json").json

    assert (published["receipts"], published["number"], published["isNew"]) == (11, 1, True)
    assert published["folder"].endswith(str(PERIOD))
    assert found["equal"]
    assert (found["reference"]["equal"], found["sql"]["equal"]) == (True, True)
    assert found["signer"] == published["signer"]
    assert found["lastManifestSha256"] == published["manifestSha256"]


def test_export__again__says_that_nothing_was_changed(basis: Command, books: Books) -> None:
    first = basis("export", "--period", DAY)
    again = basis("export", "--from", DAY, "--to", "2026-11-22", "--out", "elsewhere")

    assert first.code == 0
    assert (again.code, "elsewhere" in again.out) == (0, True)
    assert "nothing was changed" in basis("export", "--period", DAY).err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 3),
        (("--period", "soon"), 3),
        (("--period", DAY, "--from", DAY), 3),
        (("--from", DAY), 3),
        (("--from", DAY, "--to", DAY), 3),
        (("--period", "9999-12"), 3),
        (("--period", "9998-12"), 3),
        (("--period", "2026-11-22"), 5),
    ],
    ids=str,
)
def test_export__wrong_periods__have_a_named_exit_code(
    basis: Command, books: Books, words: tuple[str, ...], code: int
) -> None:
    outcome = basis("export", *words)

    assert (outcome.code, outcome.out) == (code, "")
    assert "Traceback" not in outcome.err


def test_audit__of_a_forged_period__exits_with_8_and_says_what(
    basis: Command, books: Books
) -> None:
    basis("export", "--period", DAY)

    def raise_fee(rows: Rows) -> None:
        rows[2]["protocol_fee_raw"] += 1

    forge_receipts(PERIOD, raise_fee)
    outcome = basis("audit", str(PERIOD))

    assert outcome.code == 8
    assert outcome.out.count("DIFFERENT: receipt number 3 (job job_0003): protocol_fee_raw") == 1


def test_audit__of_a_touched_period__exits_with_3_and_names_the_file(
    basis: Command, books: Books
) -> None:
    basis("export", "--period", DAY)
    with (PERIOD / "receipts.parquet").open("ab") as file:
        file.write(b"x")

    outcome = basis("audit", str(PERIOD))

    assert (outcome.code, outcome.out) == (3, "")
    assert "receipts.parquet" in outcome.err


@pytest.mark.parametrize(
    "words",
    [
        ("--signer", "0x" + "1" * 40),
        ("--signer", "me"),
        ("--reference-only", "--sql-only"),
    ],
    ids=str,
)
def test_audit__wrong_options__exit_with_3(
    basis: Command, books: Books, words: tuple[str, ...]
) -> None:
    basis("export", "--period", DAY)

    assert basis("audit", str(PERIOD), *words).code == 3


@pytest.mark.parametrize("only", ["--reference-only", "--sql-only"])
def test_audit__one_engine__says_which(basis: Command, books: Books, only: str) -> None:
    basis("export", "--period", DAY)

    outcome = basis("audit", str(PERIOD), only)

    assert outcome.code == 0
    assert ("by the rules" in outcome.out, "by SQL" in outcome.out) == (
        only == "--reference-only",
        only == "--sql-only",
    )
