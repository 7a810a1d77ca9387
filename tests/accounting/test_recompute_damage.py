"""A record that cannot be read is a difference like any other: it is named, and nothing breaks."""

# ruff: noqa: S608 - the SQL is put together from the constants of this file alone

from __future__ import annotations

from pathlib import Path

import pytest

from basis.storage.database import DATABASE_FILE
from tests.accounting.tampering import ONE, WAITING, difference_after, set_detail

RECEIPT = "the record of receipts with seq 1 is damaged: "
BATCH = "the record of batches with seq 1 is damaged: "

DAMAGES = {
    "details cut off": (f"UPDATE receipts SET details = '{{' {ONE}", RECEIPT),
    "details without a key": (
        f"UPDATE receipts SET details = json_remove(details, '$.measured') {ONE}",
        RECEIPT + "Object missing required field `measured`",
    ),
    "details nested deeply": (
        f"UPDATE receipts SET details = '{{\"x\":'||replace(hex(zeroblob(5000)), '00', '[') {ONE}",
        RECEIPT + "its JSON is nested too deeply",
    ),
    "core of bytes": (f"UPDATE receipts SET core = x'ff00' {ONE}", RECEIPT + "core is b'\\xff"),
    "core with a byte that is no UTF-8": (
        f"UPDATE receipts SET core = cast(x'ff' || core AS TEXT) {ONE}",
        RECEIPT + "core is b'\\xff{\"receiptVersion",
    ),
    "core with a number of 5,000 digits": (
        f"UPDATE receipts SET core = replace(core, '8453', '1' || hex(zeroblob(2500))) {ONE}",
        RECEIPT + "the core of a receipt is damaged: Integer value out of range",
    ),
    "receipt's amount of bytes": (
        f"UPDATE receipts SET reward_raw = x'31' {ONE}",
        RECEIPT + "reward_raw is b'1', which is no str",
    ),
    "receipt's time of bytes": (
        f"UPDATE receipts SET created_at = x'31' {ONE}",
        RECEIPT + "created_at",
    ),
    "receipt's status unknown": (
        f"UPDATE receipts SET status = 'generous' {ONE}",
        RECEIPT + "'generous' is not a valid JobStatus",
    ),
    "receipt's batch of bytes": (
        f"UPDATE receipts SET batch_hash = x'31' {ONE}",
        RECEIPT + "batch_hash",
    ),
    "kind unknown": (set_detail("kind", "'song'"), "job_0001"),
    "payouts cut off": (f"UPDATE batches SET payouts = '[' {WAITING}", BATCH),
    "payouts of bytes": (f"UPDATE batches SET payouts = x'ff' {WAITING}", BATCH + "payouts is b"),
    "batch's total of bytes": (f"UPDATE batches SET total_raw = x'31' {WAITING}", BATCH),
    "batch's status unknown": (f"UPDATE batches SET status = 'paid' {WAITING}", BATCH + "'paid'"),
    "batch's time of bytes": (f"UPDATE batches SET created_at = x'31' {WAITING}", BATCH),
    "batch's attempt in words": (
        f"UPDATE batches SET attempt = 'two' {WAITING}",
        BATCH + "attempt is two, which is no int",
    ),
    "worker's models cut off": (
        "UPDATE workers SET models = '[' WHERE id = 'alice-1'",
        "the record of workers with id alice-1 is damaged: ",
    ),
    "worker's earnings of bytes": (
        "UPDATE workers SET earned_raw = x'30' WHERE id = 'alice-1'",
        "the record of workers with id alice-1 is damaged: earned_raw",
    ),
    "posting's amount of bytes": (
        "UPDATE ledger_postings SET amount_raw = x'31' WHERE account = 'network/fee'",
        "account network/fee, asset BASIS is damaged: amount_raw is b'1'",
    ),
    "posting's account of bytes": (
        "UPDATE ledger_postings SET account = x'31' WHERE account = 'network/fee'",
        "account b'1', asset BASIS is damaged: account is b'1'",
    ),
    "entry's time of bytes": (
        "UPDATE ledger_entries SET created_at = x'31' WHERE seq = 1",
        "the record of ledger_entries with seq 1 is damaged: created_at",
    ),
    "balance's amount of bytes": (
        "UPDATE balances SET amount_raw = x'31' WHERE account = 'network/fee'",
        "the record of balances with account network/fee, asset BASIS is damaged: amount_raw",
    ),
    "balance's account of bytes": (
        "UPDATE balances SET account = x'31' WHERE account = 'network/fee'",
        "the record of balances with account b'1', asset BASIS is damaged: account",
    ),
    "nothing, on an account of bytes": (
        "INSERT INTO balances VALUES (x'31', 'BASIS', '0')",
        "the record of balances with account b'1', asset BASIS is damaged: account",
    ),
}


@pytest.mark.parametrize(("sql", "words"), DAMAGES.values(), ids=DAMAGES.keys())
def test_recompute__record_cannot_be_read__is_named(
    tmp_path: Path, honest_file: bytes, sql: str, words: str
) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(honest_file)

    difference = difference_after(tmp_path, sql)

    assert difference is not None
    assert words in difference


@pytest.mark.parametrize("column", ["core", "details", "status", "reward_raw", "created_at"])
@pytest.mark.parametrize("value", ["zeroblob(5000000)", "hex(zeroblob(2500000))"])
def test_recompute__damage_is_long__quotes_only_its_beginning(
    tmp_path: Path, honest_file: bytes, column: str, value: str
) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(honest_file)

    difference = difference_after(tmp_path, f"UPDATE receipts SET {column} = {value} {ONE}")

    assert difference is not None
    assert len(difference) < 400
