"""Whoever changes a figure in the books is found out: one change at a time, of every kind."""

# ruff: noqa: S608 - the SQL is put together from the constants of this file alone

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from basis.rules.canonical import canonical_json, sha256_hex
from basis.rules.receipt import core_json
from basis.storage.database import DATABASE_FILE
from basis.storage.receipt_store import parse_core
from tests.accounting.tampering import ONE, WAITING, difference_after, set_core, set_detail
from tests.support.books import BOB

CORE = {
    "receiptVersion": 2,
    "jobId": "job_9999",
    "userId": "user-9",
    "userWallet": BOB,
    "workerId": "bob-1",
    "workerWallet": BOB,
    "modelId": "basis-large",
    "promptTokens": 14,
    "outputTokens": 8,
    "latencyMs": 41,
    "qualityBps": 9_999,
    "uptimeBps": 9_750,
    "latencyBps": 9_500,
    "modelMultiplierBps": 1_001,
    "totalChargedRaw": "61500000000001",
    "workerRewardRaw": "55350000000001",
    "protocolFeeRaw": "6150000000001",
    "tokenSymbol": "FAKE",
    "tokenAddress": BOB,
    "chainId": 1,
    "createdAt": "2026-11-21T12:00:02.000Z",
}
"""What each of the core's 21 fields is changed to, on the receipt of job 1."""

BREAKDOWN = (
    "chargeRaw",
    "feeRaw",
    "poolRaw",
    "grossRaw",
    "penaltyCollectedRaw",
    "penaltyOwedRaw",
    "rewardRaw",
    "unearnedRaw",
    "dustRaw",
)

FIRST_ENTRY = "(SELECT seq FROM ledger_entries WHERE kind = 'job_completed' ORDER BY seq LIMIT 1)"


RECEIPTS = {
    "hash": f"UPDATE receipts SET hash = '{'0' * 64}' {ONE}",
    "status failed": f"UPDATE receipts SET status = 'failed' {ONE}",
    "status cancelled": f"UPDATE receipts SET status = 'cancelled' {ONE}",
    "status completed": "UPDATE receipts SET status = 'completed' WHERE status = 'failed'",
    "status unknown": f"UPDATE receipts SET status = 'generous' {ONE}",
    "reward status none": f"UPDATE receipts SET reward_status = 'none' {ONE}",
    "reward status settled": f"UPDATE receipts SET reward_status = 'settled' {ONE}",
    "reward status pending": f"UPDATE receipts SET reward_status = 'pending' {ONE}",
    "reward status of a failed job": "UPDATE receipts SET reward_status = 'pending' "
    "WHERE status = 'failed'",
    "reward status settled without a batch": "UPDATE receipts SET reward_status = 'settled' "
    "WHERE job_id = 'job_0010'",
    "column job_id": f"UPDATE receipts SET job_id = 'job_9999' {ONE}",
    "column user_id": f"UPDATE receipts SET user_id = 'user-9' {ONE}",
    "column worker_id": f"UPDATE receipts SET worker_id = 'bob-1' {ONE}",
    "column worker_wallet": f"UPDATE receipts SET worker_wallet = '{BOB}' {ONE}",
    "column reward_raw": f"UPDATE receipts SET reward_raw = '1' {ONE}",
    "column created_at": f"UPDATE receipts SET created_at = '2026-11-20T12:00:00.000Z' {ONE}",
    "column key_id": f"UPDATE receipts SET key_id = 'key_9' {ONE}",
    "column points_asset": f"UPDATE receipts SET points_asset = 'WAIFU' {ONE}",
    "column points_raw": f"UPDATE receipts SET points_raw = '9000000' {ONE}",
    "batch of another": f"UPDATE receipts SET batch_hash = "
    f"(SELECT hash FROM batches WHERE seq = 2) {ONE}",
    "batch that is not on record": f"UPDATE receipts SET batch_hash = '{'f' * 64}' {ONE}",
    "batch left": f"UPDATE receipts SET batch_hash = NULL, reward_status = 'pending' {ONE}",
    "batch joined": "UPDATE receipts SET reward_status = 'batching', batch_hash = "
    "(SELECT hash FROM batches WHERE seq = 1) WHERE job_id = 'job_0010'",
    "batch of a failed job": "UPDATE receipts SET batch_hash = "
    "(SELECT hash FROM batches WHERE seq = 1) WHERE status = 'failed'",
    "core is no JSON": f"UPDATE receipts SET core = 'paid in full' {ONE}",
    "core lacks a field": f"UPDATE receipts SET core = json_remove(core, '$.chainId') {ONE}",
    "core has one field more": set_core("bonusRaw", "1"),
    "core negative": set_core("promptTokens", -1),
    "core amount is no number": set_core("workerRewardRaw", "lots"),
    "core amount spelt with a zero": "UPDATE receipts SET core = replace(core, "
    f'\'"totalChargedRaw":"\', \'"totalChargedRaw":"0\') {ONE}',
    "core spelt with a space": f"UPDATE receipts SET core = replace(core, ',', ', ') {ONE}",
    "core count spelt as a float": "UPDATE receipts SET core = replace(core, "
    f"'\"promptTokens\":13', '\"promptTokens\":13.0') {ONE}",
    "core field twice": "UPDATE receipts SET core = replace(core, '\"chainId\"', "
    f'\'"chainId":1,"chainId"\') {ONE}',
    "details are no JSON": f"UPDATE receipts SET details = '' {ONE}",
    "receipt deleted": "DELETE FROM receipts WHERE job_id = 'job_0010'",
    "batched receipt deleted": f"DELETE FROM receipts {ONE}",
}

DETAILS = {
    "online minutes": set_detail("measured.onlineMinutes", "3"),
    "first token": set_detail("measured.firstTokenUs", "99000000"),
    "between tokens": set_detail("measured.interTokenUs", "99000000"),
    "negative measurement": set_detail("measured.onlineMinutes", "-1"),
    "pricing": set_detail("versions.pricing", "'2031'"),
    "factors": set_detail("versions.factors", "'2031'"),
    "latency class": set_detail("versions.latencyClass", "'none'"),
    "penalties": set_detail("penalties", """json('[{"reason":"late","amountRaw":"1"}]')"""),
}

LEDGER = {
    "posting amount": f"UPDATE ledger_postings SET amount_raw = '1' "
    f"WHERE entry_seq = {FIRST_ENTRY} AND account = 'network/fee'",
    "posting is no number": f"UPDATE ledger_postings SET amount_raw = 'lots' "
    f"WHERE entry_seq = {FIRST_ENTRY} AND account = 'network/fee'",
    "posting spelt with a zero": f"UPDATE ledger_postings SET amount_raw = '0' || amount_raw "
    f"WHERE entry_seq = {FIRST_ENTRY} AND account = 'network/fee'",
    "posting account": f"UPDATE ledger_postings SET account = 'network/thief' "
    f"WHERE entry_seq = {FIRST_ENTRY} AND account = 'network/fee'",
    "posting asset": f"UPDATE ledger_postings SET asset = 'CREDIT' "
    f"WHERE entry_seq = {FIRST_ENTRY} AND account = 'network/fee'",
    "posting missing": f"DELETE FROM ledger_postings "
    f"WHERE entry_seq = {FIRST_ENTRY} AND account = 'network/fee'",
    "posting added to an entry": f"INSERT INTO ledger_postings "
    f"SELECT {FIRST_ENTRY}, 'network/thief', 'BASIS', '1'",
    "posting of no entry": "INSERT INTO ledger_postings VALUES (0, 'network/x', 'BASIS', '1')",
    "entry kind": f"UPDATE ledger_entries SET kind = 'gift' WHERE seq = {FIRST_ENTRY}",
    "entry cause": f"UPDATE ledger_entries SET cause = 'job_9999' WHERE seq = {FIRST_ENTRY}",
    "entry id": f"UPDATE ledger_entries SET id = 'x' WHERE seq = {FIRST_ENTRY}",
    "entry number": f"UPDATE ledger_entries SET seq = 99 WHERE seq = {FIRST_ENTRY}",
    "entry missing": f"DELETE FROM ledger_entries WHERE seq = {FIRST_ENTRY}",
    "entry of a batch missing": "DELETE FROM ledger_entries WHERE kind = 'rewards_pending'",
    "entry too many": "INSERT INTO ledger_entries (id, kind, cause, created_at) "
    "VALUES ('x', 'gift', 'friendship', '2026-11-21T12:00:00.000Z')",
    "balance": "UPDATE balances SET amount_raw = '1' WHERE account = 'network/fee'",
    "balance is no number": "UPDATE balances SET amount_raw = '' WHERE account = 'network/fee'",
    "balance spelt with a zero": "UPDATE balances SET amount_raw = '0' || amount_raw "
    "WHERE account = 'network/fee'",
    "balance of minus nothing": "INSERT INTO balances VALUES ('network/thief', 'BASIS', '-0')",
    "balance missing": "DELETE FROM balances WHERE account = 'network/fee'",
    "balance too many": "INSERT INTO balances VALUES ('network/thief', 'BASIS', '1')",
    "balance of another asset": "UPDATE balances SET asset = 'CREDIT' "
    "WHERE account = 'network/fee'",
    "earnings of a worker": "UPDATE workers SET earned_raw = '1' WHERE id = 'alice-1'",
    "earnings spelt with a plus": "UPDATE workers SET earned_raw = '+' || earned_raw "
    "WHERE id = 'alice-1'",
}

BATCHES = {
    "hash": f"UPDATE batches SET hash = '{'0' * 64}' {WAITING}",
    "hash, receipts too": f"UPDATE receipts SET batch_hash = '{'1' * 64}' WHERE batch_hash = "
    f"(SELECT hash FROM batches {WAITING}); UPDATE batches SET hash = '{'1' * 64}' {WAITING}",
    "previous hash": f"UPDATE batches SET previous_hash = '{'1' * 64}' WHERE seq = 2",
    "payout amount": "UPDATE batches SET payouts = json_set(payouts, '$[0].amountRaw', '1') "
    + WAITING,
    "payout spelt with a zero": "UPDATE batches SET payouts = json_set(payouts, "
    "'$[0].amountRaw', '0' || json_extract(payouts, '$[0].amountRaw')) " + WAITING,
    "payout wallet": f"UPDATE batches SET payouts = json_set(payouts, '$[0].wallet', '{BOB}') "
    + WAITING,
    "payout receipts": "UPDATE batches SET payouts = json_set(payouts, '$[0].receiptCount', 9) "
    + WAITING,
    "payout missing": f"UPDATE batches SET payouts = json_remove(payouts, '$[0]') {WAITING}",
    "payouts are no JSON": f"UPDATE batches SET payouts = '[' {WAITING}",
    "status failed": f"UPDATE batches SET status = 'failed' {WAITING}",
    "status confirmed": f"UPDATE batches SET status = 'confirmed' {WAITING}",
    "status submitted": f"UPDATE batches SET status = 'submitted' {WAITING}",
    "status confirmed, receipts too": f"UPDATE batches SET status = 'confirmed' {WAITING}; "
    "UPDATE receipts SET reward_status = 'settled' WHERE batch_hash = "
    f"(SELECT hash FROM batches {WAITING})",
    "status pending": "UPDATE batches SET status = 'pending' WHERE seq = 3",
    "status unknown": f"UPDATE batches SET status = 'paid' {WAITING}",
    "attempt more": f"UPDATE batches SET attempt = 2 {WAITING}",
    "attempt less": "UPDATE batches SET attempt = 1 WHERE seq = 2",
    "total": f"UPDATE batches SET total_raw = '1' {WAITING}",
    "total spelt with a zero": f"UPDATE batches SET total_raw = '0' || total_raw {WAITING}",
    "receipt count": f"UPDATE batches SET receipt_count = 9 {WAITING}",
    "chain": f"UPDATE batches SET chain_id = 1 {WAITING}",
    "token": f"UPDATE batches SET token_symbol = 'FAKE' {WAITING}",
    "token address": f"UPDATE batches SET token_address = '{BOB}' {WAITING}",
    "deleted": f"DELETE FROM batches {WAITING}",
    "last deleted": "DELETE FROM batches WHERE seq = 3",
    "order": "UPDATE batches SET seq = 9 WHERE seq = 1",
}

TAMPERINGS = {
    **{f"receipt core {field}": set_core(field, value) for field, value in CORE.items()},
    **{f"receipt breakdown {part}": set_detail(f"breakdown.{part}", "'1'") for part in BREAKDOWN},
    **{f"receipt {name}": sql for name, sql in RECEIPTS.items()},
    **{f"receipt {name}": sql for name, sql in DETAILS.items()},
    **{f"ledger {name}": sql for name, sql in LEDGER.items()},
    **{f"batch {name}": sql for name, sql in BATCHES.items()},
}


@pytest.mark.parametrize("sql", TAMPERINGS.values(), ids=TAMPERINGS.keys())
def test_recompute__one_figure_changed__finds_it(
    tmp_path: Path, honest_file: bytes, sql: str
) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(honest_file)

    difference = difference_after(tmp_path, sql)

    assert difference, f"nobody noticed: {sql}"


@pytest.mark.parametrize("field", CORE)
def test_recompute__core_changed_and_hashed_anew__is_found_in_the_other_books(
    tmp_path: Path, honest_file: bytes, field: str
) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(honest_file)
    connection = sqlite3.connect(tmp_path / DATABASE_FILE)
    connection.execute(set_core(field, CORE[field]))
    (text,) = connection.execute(f"SELECT core FROM receipts {ONE}").fetchone()
    forged = sha256_hex(canonical_json(core_json(parse_core(text))))
    connection.commit()
    connection.close()

    assert difference_after(tmp_path, f"UPDATE receipts SET hash = '{forged}' {ONE}")


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        (RECEIPTS["hash"], ["receipt " + "0" * 64, "job_0001", "hash"]),
        (set_core("outputTokens", 8), ["job_0001", "core"]),
        (LEDGER["posting amount"], ["ledger entry", "content", "6150000000000"]),
        (LEDGER["balance"], ["balance of network/fee in BASIS", "recorded as 1"]),
        (LEDGER["entry missing"], ["lacks the job_completed entry of job_0001"]),
        (LEDGER["entry too many"], ["gift of friendship"]),
        (LEDGER["earnings of a worker"], ["alice-1", "earned"]),
        (RECEIPTS["column worker_id"], ["receipt", "worker_id"]),
        (BATCHES["total"], ["number 1", "total"]),
        (BATCHES["previous hash"], ["number 2", "previous hash"]),
        (BATCHES["status failed"], ["number 1", "failed", "batching"]),
        (RECEIPTS["batch that is not on record"], ["number 1"]),
    ],
)
def test_recompute__difference__names_the_record_and_the_figure(
    tmp_path: Path, honest_file: bytes, sql: str, words: list[str]
) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(honest_file)

    difference = difference_after(tmp_path, sql)

    assert difference is not None
    for word in words:
        assert word in difference, difference


def test_recompute__several_changes__names_the_first(tmp_path: Path, honest_file: bytes) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(honest_file)

    difference = difference_after(
        tmp_path, "UPDATE receipts SET core = json_set(core, '$.latencyMs', 1)"
    )

    assert difference is not None
    assert "job_0001" in difference
