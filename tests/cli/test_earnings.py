"""`basis worker earnings` over a data folder: words, JSON and CSV say the same."""

from __future__ import annotations

import csv
import io

import pytest

from tests.cli.conftest import Command
from tests.support.books import ALICE, BOB, Books

EARNINGS = ("worker", "earnings")


@pytest.mark.parametrize(
    "of", [("--worker", "bob-1"), ("--wallet", BOB), ("--wallet", BOB.lower())]
)
@pytest.mark.parametrize("by", ["day", "model"])
def test_earnings__as_json_csv_and_words__say_the_same(
    basis: Command, books: Books, of: tuple[str, str], by: str
) -> None:
    told = basis(*EARNINGS, *of, "--by", by, "--json").json
    rows = list(csv.DictReader(io.StringIO(basis(*EARNINGS, *of, "--by", by, "--csv").out)))
    words = basis(*EARNINGS, *of, "--by", by).out

    assert [row[by] for row in rows] == [row["of"] for row in told["rows"]]
    for line, row in zip(rows, told["rows"], strict=True):
        assert line["reward_raw"] == row["reward_raw"]
        assert line["completed"] == str(row["completed"])
        assert line["points_llama_raw"] == row["points_raw"]["LLAMA"]
        assert row["of"] in words
    receipts = basis("receipt", "list", "--worker", "bob-1", "--json").json
    earned = sum(int(receipt["core"]["workerRewardRaw"]) for receipt in receipts)
    assert told["total"]["reward_raw"] == str(earned)


def test_earnings__with_unpaid_jobs__name_the_reasons(basis: Command, books: Books) -> None:
    words = basis(*EARNINGS, "--wallet", ALICE).out

    assert "unpaid because of worker_lost: 1 jobs" in words
    assert "unpaid because of customer_left: 1 jobs" in words


def test_earnings__outside_the_days__are_nothing(basis: Command, books: Books) -> None:
    told = basis(*EARNINGS, "--worker", "bob-1", "--to", "2026-11-20", "--json").json

    assert told["rows"] == []
    assert told["total"]["completed"] == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 3),
        (("--worker", "bob-1", "--wallet", BOB), 3),
        (("--worker", "nobody"), 4),
        (("--wallet", "0x12"), 3),
        (("--worker", "bob-1", "--from", "yesterday"), 3),
        (("--worker", "bob-1", "--to", "2026-02-30"), 3),
        (("--worker", "bob-1", "--by", "hour"), 2),
        (("--worker", "bob-1", "--json", "--csv"), 3),
        (("--wallet", BOB, "--orchestrator", "http://127.0.0.1:9"), 3),
        (("--worker", "bob-1", "--orchestrator", "http://127.0.0.1:9", "--data", "data"), 3),
        (("--worker", "b/../x", "--orchestrator", "http://127.0.0.1:9"), 3),
        (("--worker", "bob-1", "--orchestrator", "http://127.0.0.1:9"), 14),
    ],
)
def test_earnings__wrongly_asked_for__exit_by_name_and_print_nothing(
    basis: Command, books: Books, words: tuple[str, ...], code: int
) -> None:
    outcome = basis(*EARNINGS, *words)

    assert (outcome.code, outcome.out) == (code, "")
    assert "Traceback" not in outcome.err
