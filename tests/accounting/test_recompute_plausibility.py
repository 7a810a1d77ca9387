"""What no figure follows from is held to what can be: statuses, catalogs, workers, times."""

# ruff: noqa: S608 - the SQL is put together from the constants of this file alone

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from basis.accounting.posting import compute_lost_job
from basis.accounting.recompute import recompute
from basis.rules.catalog import ModelKind
from basis.rules.factors import Measurements
from basis.rules.job import JobStatus
from basis.rules.units import Bps, Micros, TokenCount
from basis.storage.database import DATABASE_FILE
from basis.storage.job_store import JobWrite
from basis.storage.receipt_details import EvidenceRecord, VersionRecord
from tests.accounting.tampering import WAITING, difference_after, set_detail
from tests.support.books import (
    NO_CLAIMS,
    make_facts,
    make_lost_facts,
    make_open_job,
    record,
)

NO_WORKER: dict[str, object] = {
    "worker_id": "",
    "worker_wallet": "",
    "attempts": 0,
    "evidence": EvidenceRecord(),
    "measured": Measurements(
        online_minutes=0,
        first_token_us=Micros(0),
        inter_token_us=Micros(0),
        prompt_tokens=13,
    ),
}
FAILED: dict[str, object] = {
    "status": JobStatus.FAILED,
    "output_tokens": TokenCount(0),
    "finish_reason": "",
    "evidence": NO_CLAIMS,
}
CANCELLED = {**FAILED, "status": JobStatus.CANCELLED, "failure_reason": "customer_left"}
LOST = {**FAILED, "failure_reason": "worker_lost"}


def terms(**changes: str) -> dict[str, object]:
    """Versions of tables, with these changes."""
    names = {
        "catalog": "2026-11-21",
        "pricing": "2026-11-21-placeholder",
        "factors": "2026-11-21",
        "latency_class": "tiny",
    }
    return {"versions": VersionRecord(**{**names, **changes})}


def measured(**changes: int) -> dict[str, object]:
    """Measurements, with these changes."""
    taken = {"online_minutes": 1_440, "first_token_us": 9_000, "inter_token_us": 1_100}
    return {"measured": Measurements(prompt_tokens=13, **{**taken, **changes})}  # type: ignore[arg-type]  # tests name any field


def claims(prompt_tokens: int) -> EvidenceRecord:
    """What a worker told with the end of its answer."""
    return EvidenceRecord(claimed_prompt_tokens=prompt_tokens, runtime="llamacpp")


EMBEDDER: dict[str, object] = {
    "model_id": "basis-tiny-embed",
    "kind": ModelKind.EMBEDDING,
    "output_tokens": TokenCount(0),
}
OLD_EPOCH = {"pricing": "2026-11-21-placeholder"}
NEW_EPOCH = {"pricing": "2026-11-23-placeholder"}


IMPOSSIBLE: dict[str, dict[str, object]] = {
    "completed, with a failure": {"failure_reason": "stalled"},
    "completed, without an end": {"finish_reason": ""},
    "completed, with an end that no one knows": {"finish_reason": "bored"},
    "completed, without a worker": NO_WORKER,
    "accepted for ever": {**LOST, "status": JobStatus.ACCEPTED},
    "failed, since its customer left": {**LOST, "failure_reason": "customer_left"},
    "failed, for a reason that no one knows": {**LOST, "failure_reason": "bad luck"},
    "failed, for no reason": {**LOST, "failure_reason": ""},
    "failed, with an end": {**LOST, "finish_reason": "stop"},
    "failed, with output": {**LOST, "output_tokens": TokenCount(7)},
    "failed by a worker that is none": {**LOST, **NO_WORKER},
    "cancelled, for another reason": {**CANCELLED, "failure_reason": "worker_lost"},
    "cancelled, with an end": {**CANCELLED, "finish_reason": "cancelled"},
    "catalog that was never published": terms(catalog="2031-01-01"),
    "catalog laid over one never published": terms(catalog="2031-01-01+0123456789ab"),
    "catalog laid over in no way of ours": terms(catalog="2026-11-21+mine"),
    "model that the catalog lacks": {"model_id": "basis-giant"},
    "multiplier that is not the catalog's": {"multiplier_bps": Bps(2_000)},
    "latency class that is not the catalog's": terms(latency_class="small"),
    "failed under no factors": {**LOST, **terms(factors="2031-01-01")},
    "failed in no latency class": {**LOST, **terms(latency_class="none")},
    "completed, of no kind": {"kind": None, **terms(**NEW_EPOCH)},
    "failed with its worker, of no kind": {**LOST, "kind": None},
    "cancelled, of no kind": {**CANCELLED, **NO_WORKER, "kind": None},
    "empty chat called an embedding": {"kind": ModelKind.EMBEDDING, "output_tokens": TokenCount(0)},
    "embedding called an empty chat": {**EMBEDDER, "kind": ModelKind.CHAT},
    "failed chat called an embedding": {**LOST, "kind": ModelKind.EMBEDDING},
    "old chat called an embedding": {"kind": ModelKind.EMBEDDING, **terms(**OLD_EPOCH)},
    "worker that is not on record": {"worker_id": "carol-1"},
    "worker without an attempt": {"attempts": 0},
    "attempts below zero": {"attempts": -1},
    "attempts without a worker": {
        **LOST,
        **NO_WORKER,
        "failure_reason": "queue_timeout",
        "attempts": 1,
    },
    "worker without a runtime": {"evidence": EvidenceRecord()},
    "runtime that no one knows": {"evidence": EvidenceRecord(runtime="abacus")},
    "claims of a failed job": {**LOST, "evidence": claims(1)},
    "claims below zero": {"evidence": claims(-1)},
    "more minutes than a day has": measured(online_minutes=1_441),
    "first token after the end": measured(first_token_us=43_000),
    "gaps longer than the answer": measured(inter_token_us=6_000),
    "quality above the whole": {**LOST, **measured(quality_bps=10_001)},
    "measurements without a worker": {
        **LOST,
        **NO_WORKER,
        **measured(),
        "failure_reason": "queue_timeout",
    },
}
"""Facts of a job that add up to a receipt, but that no job can have."""

POSSIBLE: dict[str, dict[str, object]] = {
    "model of the operator's": {
        **terms(catalog="2026-11-21+0123456789ab", latency_class="large"),
        "model_id": "basis-giant",
        "multiplier_bps": Bps(77),
    },
    "kind of an operator's own model": {
        **terms(catalog="2026-11-21+0123456789ab"),
        "kind": ModelKind.EMBEDDING,
    },
    "embedding": EMBEDDER,
    "older than kinds": {"kind": None, **terms(**OLD_EPOCH)},
    "never had a worker": {**LOST, **NO_WORKER, "failure_reason": "queue_timeout"},
    "left before it had a worker": {**CANCELLED, **NO_WORKER},
    "second worker never came": {**LOST, "failure_reason": "queue_timeout"},
    "shut down with its worker": {**LOST, "failure_reason": "orchestrator_stopped"},
    "times up to the latency": measured(first_token_us=36_399),
}

CHANGES = {
    "failed job called cancelled": "UPDATE receipts SET status = 'cancelled' "
    "WHERE status = 'failed'",
    "cancelled job called failed": "UPDATE receipts SET status = 'failed' "
    "WHERE status = 'cancelled'",
    "reason": set_detail("failureReason", "'customer_left'"),
    "worker deleted": "DELETE FROM workers WHERE id = 'bob-1'",
    "job still open": "INSERT INTO open_jobs (job_id, user_id, user_wallet, model_id, "
    "prompt_tokens, multiplier_bps, versions, created_at) SELECT job_id, user_id, '', "
    "'basis-tiny', 1, 1000, '{}', created_at FROM receipts WHERE seq = 1",
    "entry too many of a real job": "INSERT INTO ledger_entries (id, kind, cause, created_at) "
    "VALUES ('x', 'gift', 'job_0001', '2026-11-21T12:00:00.000Z')",
    "batch no dry run": f"UPDATE batches SET is_dry_run = 0 {WAITING}",
    "failed batch no dry run": "UPDATE batches SET is_dry_run = 0 WHERE seq = 3",
    "batch sent and confirmed": "UPDATE batches SET is_dry_run = 0, status = 'confirmed' "
    f"{WAITING}; UPDATE receipts SET reward_status = 'settled' WHERE batch_hash = "
    f"(SELECT hash FROM batches {WAITING})",
    "batch submitted": f"UPDATE batches SET is_dry_run = 0, status = 'submitted' {WAITING}",
    "batch waits for a reason": f"UPDATE batches SET reason = 'lost' {WAITING}",
    "batch closed before its receipts": "UPDATE batches SET created_at = "
    f"'2026-11-20T12:00:00.000Z' {WAITING}",
}


def difference_of(engine: Engine, **changes: object) -> str | None:
    """What the recompute says of one receipt with these facts."""
    with engine.begin() as connection:
        record(connection, make_facts(1, **changes))
        return recompute(connection).difference


@pytest.mark.parametrize("changes", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_recompute__facts_that_no_job_has__are_found(
    engine: Engine, changes: dict[str, object]
) -> None:
    difference = difference_of(engine, **changes)

    assert difference is not None
    assert "receipt" in difference


@pytest.mark.parametrize("changes", POSSIBLE.values(), ids=POSSIBLE.keys())
def test_recompute__facts_that_are_rare__are_equal(
    engine: Engine, changes: dict[str, object]
) -> None:
    assert difference_of(engine, **changes) is None


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
def test_recompute__jobs_that_did_not_complete__are_equal(
    engine: Engine, status: JobStatus
) -> None:
    with engine.begin() as connection:
        lost = compute_lost_job(make_open_job(1), failure_reason="orchestrator_stopped")
        JobWrite.apply_group(connection, [JobWrite(finished=lost)])
        record(connection, make_lost_facts(2, status))

        assert recompute(connection).difference is None


@pytest.mark.parametrize("sql", CHANGES.values(), ids=CHANGES.keys())
def test_recompute__record_contradicts_another__is_found(
    tmp_path: Path, honest_file: bytes, sql: str
) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(honest_file)

    assert difference_after(tmp_path, sql), f"nobody noticed: {sql}"
