"""`basis receipt`, `basis batch`, `basis recompute`: what the books hold, and how it moves."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.support.basis_process import run_basis
from tests.support.books import Books

COMMANDS_ON_BOOKS = [
    ("key", "list"),
    ("receipt", "list"),
    ("receipt", "show", "job_0001"),
    ("batch", "list"),
    ("batch", "show", "1"),
    ("batch", "close"),
    ("batch", "fail", "1", "--reason", "x"),
    ("batch", "retry", "1"),
    ("recompute",),
    ("publisher", "show"),
    ("publisher", "new"),
    ("ledger", "accounts"),
    ("ledger", "statement", "network/fee"),
    ("ledger", "entry", "1"),
    ("ledger", "rebuild"),
    ("ledger", "rebuild", "--repair"),
    ("ledger", "reverse", "1", "--cause", "x"),
]


@pytest.mark.parametrize("words", COMMANDS_ON_BOOKS, ids=" ".join)
def test_command__without_data__exits_with_6_and_makes_nothing(
    basis: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    outcome = basis(*words, "--data", "elsewhere")

    assert (outcome.code, outcome.out) == (6, "")
    assert "elsewhere" in outcome.err
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("words", COMMANDS_ON_BOOKS[1:5], ids=" ".join)
def test_command__over_a_garbage_file__exits_with_6_without_a_trace(
    basis: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "basis.sqlite3").write_bytes(b"garbage" * 999)

    outcome = basis(*words)

    assert outcome.code == 6
    assert "Traceback" not in outcome.err


def test_receipt_list__as_json__is_newest_first(basis: Command, books: Books) -> None:
    listed = basis("receipt", "list", "--json").json

    assert [receipt["core"]["jobId"] for receipt in listed] == [
        f"job_{number:04}" for number in range(11, 0, -1)
    ]
    assert {receipt["status"] for receipt in listed} == {"completed", "failed", "cancelled"}


def test_receipt_list__limited_to_a_worker__shows_only_its_own(
    basis: Command, books: Books
) -> None:
    listed = basis("receipt", "list", "--worker", "bob-1", "--limit", "2", "--json").json

    assert [receipt["core"]["jobId"] for receipt in listed] == ["job_0011", "job_0008"]


def test_receipt_list__as_a_table__has_a_line_for_each(basis: Command, books: Books) -> None:
    lines = basis("receipt", "list").out.splitlines()

    assert len(lines) == 12
    assert lines[0].split()[:2] == ["receipt", "status"]


def test_receipt_show__by_job_or_hash__is_the_same(basis: Command, books: Books) -> None:
    by_job = basis("receipt", "show", "job_0001", "--json").json
    by_hash = basis("receipt", "show", by_job["hash"], "--json").json

    assert by_job == by_hash
    assert by_job["batchHash"] == books.pending


def test_receipt_show__as_text__has_every_component_of_the_reward(
    basis: Command, books: Books
) -> None:
    printed = basis("receipt", "show", "job_0001").out

    for part in (
        "charge",
        "protocol fee",
        "pool",
        "quality",
        "uptime",
        "latency",
        "dust",
        "tables",
    ):
        assert part in printed
    assert "55350000000000" in printed


def test_receipt_show__amount_spelt_otherwise__exits_with_10(
    basis: Command, tmp_path: Path, books: Books
) -> None:
    with sqlite3.connect(tmp_path / "data" / "basis.sqlite3") as connection:
        connection.execute(
            "UPDATE receipts SET core = replace(core, 'totalChargedRaw\":\"', "
            "'totalChargedRaw\":\"0') WHERE job_id = 'job_0001'"
        )
    connection.close()

    outcome = basis("receipt", "show", "job_0001")

    assert (outcome.code, outcome.out) == (10, "")
    assert "totalChargedRaw is '06" in outcome.err


@pytest.mark.parametrize(
    "words",
    [("receipt", "show", "job_9"), ("batch", "show", "9"), ("batch", "show", "deadbeef")],
    ids=" ".join,
)
def test_show__of_nothing__exits_with_4(
    basis: Command, books: Books, words: tuple[str, ...]
) -> None:
    outcome = basis(*words)

    assert (outcome.code, outcome.out) == (4, "")


def test_batch_close__twice__prints_one_hash(basis: Command, books: Books) -> None:
    first, second = (basis("batch", "close", "--json").json for _ in range(2))

    assert first == second
    assert first["receiptCount"] == 2
    assert first["previousBatchHash"] == books.failed
    assert basis("recompute").code == 0


def test_batch_close__nothing_earned__says_so_and_is_no_failure(basis: Command) -> None:
    basis("key", "create")

    assert basis("batch", "close", "--json").json is None
    outcome = basis("batch", "close")
    assert (outcome.code, outcome.out) == (0, "")
    assert "nothing to batch" in outcome.err


def test_batch_list__as_json__is_newest_first(basis: Command, books: Books) -> None:
    listed = basis("batch", "list", "--json").json

    assert [batch["hash"] for batch in listed] == [books.failed, books.retried, books.pending]
    assert [batch["status"] for batch in listed] == ["failed", "pending", "pending"]
    assert [batch["attempt"] for batch in listed] == [1, 2, 1]
    assert len(basis("batch", "list").out.splitlines()) == 4


def test_batch_show__by_number_or_hash__lists_receipts_and_payouts(
    basis: Command, books: Books
) -> None:
    shown = basis("batch", "show", books.pending[:8], "--json").json

    assert shown == basis("batch", "show", "1", "--json").json
    assert len(shown["receiptHashes"]) == shown["receiptCount"] == 4
    assert sum(int(payout["amountRaw"]) for payout in shown["payouts"]) == int(shown["totalRaw"])
    printed = basis("batch", "show", "1").out
    assert "dry-run" in printed
    assert all(receipt_hash in printed for receipt_hash in shown["receiptHashes"])


def test_batch_fail_and_retry__in_turn__keep_the_hash(basis: Command, books: Books) -> None:
    failed = basis("batch", "fail", "1", "--reason", "gas", "--json").json
    retried = basis("batch", "retry", "1", "--json").json

    assert (failed["status"], failed["reason"]) == ("failed", "gas")
    assert (retried["status"], retried["attempt"]) == ("pending", 2)
    assert failed["hash"] == retried["hash"] == books.pending
    assert basis("recompute").code == 0


@pytest.mark.parametrize(
    "words", [("batch", "retry", "1"), ("batch", "fail", "3", "--reason", "x")], ids=" ".join
)
def test_batch__illegal_step__exits_with_5_and_changes_nothing(
    basis: Command, books: Books, words: tuple[str, ...]
) -> None:
    before = basis("batch", "list", "--json").json

    outcome = basis(*words)

    assert outcome.code == 5
    assert "cannot go from" in outcome.err
    assert basis("batch", "list", "--json").json == before


def test_recompute__honest_books__are_equal(basis: Command, books: Books) -> None:
    verdict = basis("recompute", "--json").json

    assert verdict == {
        "equal": True,
        "receipts": 11,
        "batches": 3,
        "ledger_entries": 15,
        "difference": None,
    }
    assert basis("recompute").out.startswith("equal: 11 receipts")


def test_recompute__tampered_books__exit_with_8_and_show_the_difference(
    tmp_path: Path, books: Books
) -> None:
    with sqlite3.connect(tmp_path / "data" / "basis.sqlite3") as connection:
        connection.execute("UPDATE balances SET amount_raw = '1' WHERE account = 'network/fee'")
    connection.close()

    plain = run_basis("recompute", folder=tmp_path)
    as_json = run_basis("recompute", "--json", folder=tmp_path)

    assert (plain.returncode, as_json.returncode) == (8, 8)
    assert plain.stdout.startswith("DIFFERENT: balance of network/fee")
    assert '"equal": false' in as_json.stdout
