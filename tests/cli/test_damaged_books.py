"""Commands over a record that cannot be read: one line that names it, and exit code 10."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from basis.storage.secrets import load_hasher
from tests.cli.conftest import Command
from tests.support.basis_process import run_basis, start_orchestrator
from tests.support.books import Books

RECEIPT = "the record of receipts with seq 1 is damaged: "
BATCH = "the record of batches with seq 1 is damaged: "
OPEN_JOB = (
    "INSERT INTO open_jobs (job_id, user_id, user_wallet, model_id, prompt_tokens, "
    "multiplier_bps, versions, created_at) VALUES ('job_7', 'user-1', '', 'basis-tiny', 1, 1000, "
    "{}, '2026-11-21T12:00:00.000Z')"
)

RECEIPTS = {
    "details cut off": "UPDATE receipts SET details = '{' WHERE seq = 1",
    "details of bytes": "UPDATE receipts SET details = x'ff' WHERE seq = 1",
    "status unknown": "UPDATE receipts SET status = 'generous' WHERE seq = 1",
    "core no UTF-8": "UPDATE receipts SET core = cast(x'ff' || core AS TEXT) WHERE seq = 1",
    "time of bytes": "UPDATE receipts SET created_at = x'31' WHERE seq = 1",
}
BATCHES = {
    "payouts cut off": "UPDATE batches SET payouts = '[' WHERE seq = 1",
    "payout without amount": "UPDATE batches SET payouts = '[{}]' WHERE seq = 1",
    "status unknown": "UPDATE batches SET status = 'paid' WHERE seq = 1",
    "total of bytes": "UPDATE batches SET total_raw = x'31' WHERE seq = 1",
    "time no UTF-8": "UPDATE batches SET created_at = cast(x'ff' AS TEXT) WHERE seq = 1",
}
AT_START = {
    "worker's models cut off": "UPDATE workers SET models = '[' WHERE id = 'bob-1'",
    "worker's wallet of bytes": "UPDATE workers SET wallet = x'ff' WHERE id = 'bob-1'",
    "presence in words": "INSERT INTO presence VALUES ('bob-1', 9999999, 'always')",
}
OPEN_JOBS = {
    "job's versions cut off": OPEN_JOB.format("'{'"),
    "job without versions": OPEN_JOB.format("'{}'"),
    "job under tables never published": OPEN_JOB.format(
        "json_object('catalog', '1', 'pricing', '1', 'factors', '1', 'latency_class', '1')"
    ),
}


def damage(folder: Path, sql: str) -> None:
    """Changes the store and leaves it at rest."""
    with closing(sqlite3.connect(folder / "data" / "basis.sqlite3")) as connection:
        connection.execute(sql)
        connection.commit()


@pytest.mark.parametrize("words", [("show", "job_0001"), ("list",)], ids=" ".join)
@pytest.mark.parametrize("sql", RECEIPTS.values(), ids=RECEIPTS.keys())
def test_receipt__cannot_be_read__exits_with_10_and_names_it(
    basis: Command, tmp_path: Path, books: Books, sql: str, words: tuple[str, ...]
) -> None:
    damage(tmp_path, sql)

    outcome = basis("receipt", *words)

    assert (outcome.code, outcome.out) == (10, "")
    assert outcome.err.startswith("basis: " + RECEIPT)
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("words", [("show", "1"), ("list",)], ids=" ".join)
@pytest.mark.parametrize("sql", BATCHES.values(), ids=BATCHES.keys())
def test_batch__cannot_be_read__exits_with_10_and_names_it(
    basis: Command, tmp_path: Path, books: Books, sql: str, words: tuple[str, ...]
) -> None:
    damage(tmp_path, sql)

    outcome = basis("batch", *words)

    assert (outcome.code, outcome.out) == (10, "")
    assert outcome.err.startswith("basis: " + BATCH)
    assert outcome.err.count("\n") == 1


def test_batch_close__payable_receipt_cannot_be_read__exits_with_10(
    basis: Command, tmp_path: Path, books: Books
) -> None:
    damage(tmp_path, "UPDATE receipts SET created_at = x'31' WHERE seq = 10")

    outcome = basis("batch", "close")

    assert (outcome.code, outcome.out) == (10, "")
    assert "the record of receipts with seq 10 is damaged: created_at" in outcome.err


def test_key_list__cannot_be_read__exits_with_10(basis: Command, tmp_path: Path) -> None:
    basis("key", "create")
    damage(tmp_path, "UPDATE api_keys SET name = x'ff'")

    outcome = basis("key", "list")

    assert (outcome.code, outcome.out) == (10, "")
    assert "the record of api_keys with id key_" in outcome.err


@pytest.mark.parametrize("sql", AT_START.values(), ids=AT_START.keys())
def test_up__record_cannot_be_read__exits_with_10_and_one_line(
    tmp_path: Path, books: Books, sql: str
) -> None:
    load_hasher(tmp_path / "data")
    damage(tmp_path, sql)

    ended = run_basis("up", "--port", "0", folder=tmp_path)

    assert (ended.returncode, ended.stdout) == (10, "")
    assert "is damaged: " in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("sql", OPEN_JOBS.values(), ids=OPEN_JOBS.keys())
def test_up__open_job_cannot_be_read__starts_and_names_it_once(
    tmp_path: Path, books: Books, sql: str
) -> None:
    load_hasher(tmp_path / "data")
    damage(tmp_path, sql)

    process, _url = start_orchestrator(tmp_path)
    with process:
        code = process.stop()

    named = [line for line in process.lines if "open_job_damaged" in line]
    assert code == 0
    assert len(named) == 1
    assert "job_7" in named[0]


@pytest.mark.parametrize("sql", [RECEIPTS["core no UTF-8"], BATCHES["payouts cut off"]])
def test_recompute__record_cannot_be_read__exits_with_8_and_names_it(
    basis: Command, tmp_path: Path, books: Books, sql: str
) -> None:
    damage(tmp_path, sql)

    outcome = basis("recompute")

    assert outcome.code == 8
    assert outcome.out.startswith("DIFFERENT: the record of ")
