"""`basis ledger`: accounts, statements, entries, the rebuild, and repairs as new entries."""

from __future__ import annotations

import csv
import io
import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.support.books import ALICE, Books

ADJUST = ("ledger", "adjust", "--asset", "BASIS", "--cause", "a fee taken twice", "--key", "k1")
FEE_TO_LOST = ("--from", "network/fee", "--to", "network/writeoff")


def change(folder: Path, sql: str) -> None:
    """Changes the store behind our back."""
    with sqlite3.connect(folder / "data" / "basis.sqlite3") as connection:
        assert connection.execute(sql).rowcount
    connection.close()


def test_accounts__as_json__has_every_row_and_sums_to_zero(basis: Command, books: Books) -> None:
    rows = basis("ledger", "accounts", "--json").json

    totals = {(row["account"], row["asset"]): int(row["total_raw"]) for row in rows}
    assert totals["network/fee", "BASIS"] == 291_150_000_000_000
    for asset in ("BASIS", "CREDIT", "LLAMA"):
        assert sum(total for (_row, one), total in totals.items() if one == asset) == 0
    assert totals["points/redeemed/<wallet>", "LLAMA"] == 0
    assert {row["accounts"] for row in rows if row["account"] == "reward/pending/<wallet>"} == {2}


def test_accounts__as_a_table__shows_whole_units(basis: Command, books: Books) -> None:
    lines = basis("ledger", "accounts").out.splitlines()

    assert lines[0].split()[0] == "account"
    assert any(line.startswith("network/fee") and "0.00029115 BASIS" in line for line in lines)


def test_accounts__balance_on_no_account__is_a_damaged_record(
    basis: Command, tmp_path: Path, books: Books
) -> None:
    change(tmp_path, "INSERT INTO balances VALUES ('network/thief', 'BASIS', '1')")

    outcome = basis("ledger", "accounts")

    assert (outcome.code, outcome.out) == (10, "")
    assert "network/thief" in outcome.err
    assert basis("ledger", "rebuild", "--repair").code == 0
    assert basis("ledger", "accounts").code == 0


def test_statement__as_text__runs_from_opening_to_closing(basis: Command, books: Books) -> None:
    lines = basis("ledger", "statement", "network/fee").out.splitlines()

    assert lines[1] == "  opening  0 BASIS  (0)"
    assert lines[2].split()[-3:] == ["+0.00000615", "=", "0.00000615"]
    assert lines[-2] == "  closing  0.00029115 BASIS  (291150000000000)"
    assert len(lines) == 13


def test_statement__as_csv__has_a_row_for_each_entry_between_opening_and_closing(
    basis: Command, books: Books
) -> None:
    printed = basis("ledger", "statement", f"reward/pending/{ALICE}", "--csv").out
    rows = list(csv.DictReader(io.StringIO(printed)))

    assert [rows[0]["entry"], rows[-1]["entry"]] == ["opening", "closing"]
    assert sum(int(row["amount_raw"]) for row in rows[1:-1]) == int(rows[-1]["balance_raw"])
    assert rows[1]["cause"] == "job_0001"


def test_statement__as_json__adds_up(basis: Command, books: Books) -> None:
    [found] = basis("ledger", "statement", "network/exchange", "--asset", "BASIS", "--json").json

    assert found["account"] == "network/exchange"
    assert sum(int(row["amount_raw"]) for row in found["entries"]) == int(found["closing_raw"])
    assert found["entries"][-1]["balance_raw"] == found["closing_raw"]
    assert found["entry_count"] == len(found["entries"]) == 8


def test_statement__period_as_json__opens_with_what_was_before(
    basis: Command, books: Books
) -> None:
    words = ("ledger", "statement", "network/fee", "--json", "--from", "2026-11-21T12:00:09Z")
    [found] = basis(*words).json
    [rest] = basis(*words[:-2], "--to", "2026-11-21T12:00:09Z").json

    assert found["opening_raw"] == rest["closing_raw"] == "272700000000000"
    assert [row["cause"] for row in found["entries"]] == ["job_0009", "job_0010", "job_0011"]


def test_statement__account_never_booked__is_empty(basis: Command, books: Books) -> None:
    outcome = basis("ledger", "statement", "network/writeoff")

    assert (outcome.code, outcome.out) == (0, "")
    assert "Nothing was ever booked" in outcome.err
    assert basis("ledger", "statement", "network/writeoff", "--json").json == []


def test_statement__balance_on_record_is_another__warns(
    basis: Command, tmp_path: Path, books: Books
) -> None:
    change(tmp_path, "UPDATE balances SET amount_raw = '1' WHERE account = 'network/fee'")

    outcome = basis("ledger", "statement", "network/fee")

    assert outcome.code == 0
    assert "basis ledger rebuild" in outcome.err


@pytest.mark.parametrize(
    "words",
    [
        ("network/fees",),
        ("reward/pending/0xA",),
        ("network/fee", "--asset", "CREDIT"),
        ("network/fee", "--asset", "GOLD"),
        ("network/fee", "--asset", "basis"),
        ("network/fee", "--from", "yesterday"),
        ("network/fee", "--from", "2026-11-02", "--to", "2026-11-01"),
        ("network/fee", "--csv", "--json"),
    ],
    ids=" ".join,
)
def test_statement__wrong_input__exits_with_3(
    basis: Command, books: Books, words: tuple[str, ...]
) -> None:
    outcome = basis("ledger", "statement", *words)

    assert (outcome.code, outcome.out) == (3, "")


def test_entry__by_number_or_id__is_the_same(basis: Command, books: Books) -> None:
    by_number = basis("ledger", "entry", "1", "--json").json

    assert by_number == basis("ledger", "entry", by_number["id"], "--json").json
    assert by_number == basis("ledger", "entry", by_number["id"][:8], "--json").json
    assert sum(int(posting["amount_raw"]) for posting in by_number["postings"]) == 0
    assert "job_completed" in basis("ledger", "entry", "1").out


@pytest.mark.parametrize("name", ["0", "16", "abc", "f" * 64, "9" * 30])
def test_entry__unknown__exits_with_4(basis: Command, books: Books, name: str) -> None:
    assert basis("ledger", "entry", name).code == 4


def test_rebuild__honest_books__are_equal(basis: Command, books: Books) -> None:
    found = basis("ledger", "rebuild", "--json").json

    assert (found["equal"], found["repaired"], found["difference"]) == (True, False, None)
    assert (found["entries"], found["postings"], found["balances"]) == (15, 79, 13)
    assert basis("ledger", "rebuild").out.startswith("equal: 15 entries")


def test_rebuild__balance_changed__exits_with_8_until_it_is_repaired(
    basis: Command, tmp_path: Path, books: Books
) -> None:
    change(tmp_path, "UPDATE balances SET amount_raw = '1' WHERE account = 'network/fee'")

    different = basis("ledger", "rebuild")
    repaired = basis("ledger", "rebuild", "--repair")

    assert different.code == 8
    assert different.out.startswith("DIFFERENT: balance of network/fee in BASIS")
    assert (repaired.code, repaired.out.split(":")[0]) == (0, "repaired")
    assert basis("ledger", "rebuild").code == 0
    assert basis("recompute").code == 0


def test_rebuild__entry_changed__cannot_be_repaired(
    basis: Command, tmp_path: Path, books: Books
) -> None:
    change(tmp_path, "UPDATE ledger_entries SET cause = 'job_9' WHERE seq = 1")

    assert basis("ledger", "rebuild", "--json").code == 8
    outcome = basis("ledger", "rebuild", "--repair")

    assert (outcome.code, outcome.out) == (10, "")
    assert "restore a backup" in outcome.err


def test_adjust__twice__books_once_and_recomputes(basis: Command, books: Books) -> None:
    first = basis(*ADJUST, *FEE_TO_LOST, "--amount", "0.0001", "--yes", "--json").json
    repeat = basis(*ADJUST, *FEE_TO_LOST, "--amount", "0.0001", "--yes", "--json")

    assert {**first, "moves": []} == repeat.json
    assert "It was booked before" in repeat.err
    assert (first["seq"], first["kind"], first["cause"]) == (16, "adjustment", "k1")
    assert first["reason"] == "a fee taken twice"
    assert {posting["amount_raw"] for posting in first["postings"]} == {
        "-100000000000000",
        "100000000000000",
    }
    assert basis("recompute").code == 0
    assert basis("ledger", "rebuild").code == 0


def test_reverse__adjustment__takes_it_back_once(basis: Command, books: Books) -> None:
    basis(*ADJUST, *FEE_TO_LOST, "--amount", "0.0001", "--yes")

    first = basis("ledger", "reverse", "16", "--cause", "it was right", "--yes")
    again = basis("ledger", "reverse", "16", "--cause", "it was right", "--yes")

    assert (first.code, again.code) == (0, 0)
    assert first.out.splitlines()[:5] == again.out.splitlines()[:5]
    assert "It was booked before" in again.err
    assert "reason   it was right" in first.out
    [found] = basis("ledger", "statement", "network/writeoff", "--json").json
    assert (found["entry_count"], found["closing_raw"]) == (2, "0")
    assert basis("recompute").code == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--amount", "0"), 3),
        (("--amount", "-1"), 3),
        (("--amount", "1e3"), 3),
        (("--amount", "1,5"), 3),
        (("--amount", "0." + "0" * 18 + "1"), 3),
        (("--amount", "9" * 90), 3),
        (("--amount", "1"), 5),
        (("--amount", "0.0001", "--asset", "GOLD"), 3),
        (("--amount", "0.0001", "--asset", "CREDIT"), 3),
        (("--amount", "0.0001", "--key", "a b"), 3),
        (("--amount", "0.0001", "--cause", ""), 3),
        (("--amount", "0.0001", "--to", "customer/nobody"), 4),
        (("--amount", "0.0001", "--to", f"reward/pending/{ALICE}"), 3),
        (("--amount", "0.0001", "--to", "network/writeof"), 3),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_adjust__wrong_input__is_refused_and_books_nothing(
    basis: Command, books: Books, words: tuple[str, ...], code: int
) -> None:
    shown = basis(*ADJUST, *FEE_TO_LOST, *words)
    outcome = basis(*ADJUST, *FEE_TO_LOST, *words, "--yes")

    assert (shown.code, shown.out, shown.err) == (outcome.code, outcome.out, outcome.err)

    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith("basis: ")
    assert basis("ledger", "rebuild", "--json").json["entries"] == 15


def test_reverse__job__is_refused_with_the_reason(basis: Command, books: Books) -> None:
    outcome = basis("ledger", "reverse", "1", "--cause", "x")

    assert outcome.code == 3
    assert "whose receipt would still say" in outcome.err


REPAIRS = [
    (*ADJUST, *FEE_TO_LOST, "--amount", "0.0001"),
    ("ledger", "reverse", "16", "--cause", "it was right"),
]


@pytest.mark.parametrize("words", REPAIRS, ids=["adjust", "reverse"])
def test_repair__without_yes__shows_entry_and_balances_and_books_nothing(
    basis: Command, books: Books, words: tuple[str, ...]
) -> None:
    is_reversal = "reverse" in words
    if is_reversal:
        assert basis(*REPAIRS[0], "--yes").code == 0
    before = basis("ledger", "accounts").out

    shown = basis(*words)
    as_json = basis(*words, "--json").json

    assert shown.code == 0
    assert shown.out.startswith("entry to book  ")
    assert "Nothing is booked" in shown.err
    sides = ("0.00019115 -> 0.00029115", "0.0001 -> 0")
    for line, side in zip(shown.out.splitlines()[-2:], sides, strict=True):
        one, other = side.split(" -> ")
        assert line.endswith(f"balance {side if is_reversal else f'{other} -> {one}'}")
    assert (as_json["seq"], as_json["is_booked"]) == (None, False)
    assert basis("ledger", "accounts").out == before
    assert basis("ledger", "rebuild", "--json").json["entries"] == 15 + is_reversal
    booked = basis(*words, "--yes", "--json").json
    assert (booked["moves"], booked["is_booked"]) == (as_json["moves"], True)
    assert booked["id"] == as_json["id"]


def test_repair__shown_after_it_was_booked__says_so_and_moves_nothing(
    basis: Command, books: Books
) -> None:
    basis(*REPAIRS[0], "--yes")

    shown = basis(*REPAIRS[0], "--json")

    assert (shown.json["seq"], shown.json["is_booked"], shown.json["moves"]) == (16, True, [])
    assert "It was booked before" in shown.err
