"""Books with every kind of record in them, made by the real rules and no network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Engine

from basis.accounting.agreement import Agreement, locked_terms
from basis.accounting.points import UNBOOSTED
from basis.accounting.posting import JobFacts, compute_finished_job
from basis.accounting.settling import draft_batch, fail_batch, record_batch, retry_batch
from basis.rules.catalog import ModelKind
from basis.rules.epochs import EPOCHS
from basis.rules.factors import TABLES, Measurements
from basis.rules.job import JobId, JobStatus, UserId
from basis.rules.postpaid_pricing import POSTPAID_EPOCHS
from basis.rules.pricing import compute_charge, compute_list_terms
from basis.rules.units import Bps, Micros, TokenCount
from basis.storage.batch_store import BatchRecord
from basis.storage.database import for_writing, open_database
from basis.storage.job_store import FinishedJob, JobWrite, OpenJob
from basis.storage.receipt_details import EvidenceRecord, VersionRecord
from basis.storage.worker_store import WorkerRecord, store_new_worker

ALICE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
BOB = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
"""Two workers' owners. EIP-55's own examples."""

NOW = "2026-11-21T12:00:00.000Z"

NO_CLAIMS = EvidenceRecord(runtime="llamacpp")
"""Of a worker whose end of the answer was never heard."""

HELD_TOKENS = 1_000
"""How long the answer to a job of the books could have become."""

_FACTS = JobFacts(
    job_id=JobId("job_1"),
    user_id=UserId("user-1"),
    user_wallet="",
    model_id="basis-tiny",
    kind=ModelKind.CHAT,
    multiplier_bps=Bps(1_000),
    versions=VersionRecord(
        catalog="2026-11-21",
        pricing=EPOCHS[-1].version,
        factors=TABLES[-1].version,
        latency_class="tiny",
    ),
    created_at=NOW,
    status=JobStatus.COMPLETED,
    prompt_tokens=TokenCount(13),
    output_tokens=TokenCount(7),
    latency_ms=42,
    worker_id="alice-1",
    worker_wallet=ALICE,
    measured=Measurements(
        online_minutes=1_440,
        first_token_us=Micros(9_000),
        inter_token_us=Micros(1_100),
        prompt_tokens=13,
    ),
    finish_reason="stop",
    attempts=1,
    evidence=EvidenceRecord(claimed_prompt_tokens=13, claimed_output_tokens=7, runtime="llamacpp"),
)


def make_facts(number: int, **changes: object) -> JobFacts:
    """The facts of job `number`, completed by Alice's worker but for `changes`."""
    second = f"{number // 60 % 60:02}:{number % 60:02}"
    created_at = f"2026-11-21T12:{second}.000Z"
    base = replace(_FACTS, job_id=JobId(f"job_{number:04}"), created_at=created_at)
    facts = replace(base, **changes)  # type: ignore[arg-type]  # tests name any field
    is_postpaid = facts.versions.pricing in {epoch.version for epoch in POSTPAID_EPOCHS}
    if "agreement" in changes or is_postpaid:
        return facts
    points = facts.points if "points" in changes else UNBOOSTED
    return replace(facts, agreement=agree(facts), points=points)


def agree(facts: JobFacts) -> Agreement:
    """What a customer agrees on who takes the list price of the newest epoch."""
    terms = compute_list_terms(
        EPOCHS[-1], model_id=facts.model_id, catalog_multiplier_bps=facts.multiplier_bps
    )
    most = compute_charge(terms, prompt_tokens=facts.prompt_tokens, output_tokens=HELD_TOKENS)
    return Agreement(
        key_id="key_1",
        terms=terms,
        locked_at=facts.created_at,
        held_microcredits=most.microcredits,
    )


def make_postpaid_facts(number: int, **changes: object) -> JobFacts:
    """The facts of a job from before there were credits."""
    versions = msgspec.structs.replace(_FACTS.versions, pricing=POSTPAID_EPOCHS[-1].version)
    return make_facts(number, versions=versions, **changes)


def make_lost_facts(number: int, status: JobStatus) -> JobFacts:
    """The facts of a job that did not complete, so that it charges nothing."""
    return make_facts(
        number,
        status=status,
        output_tokens=TokenCount(0),
        finish_reason="",
        failure_reason="customer_left" if status is JobStatus.CANCELLED else "worker_lost",
        evidence=NO_CLAIMS,
    )


def make_open_job(number: int) -> OpenJob:
    """Job `number` as it is recorded when it is accepted."""
    facts = make_facts(number)
    agreement = agree(facts)
    return OpenJob(
        job_id=facts.job_id,
        user_id=facts.user_id,
        user_wallet=facts.user_wallet,
        model_id=facts.model_id,
        prompt_tokens=facts.prompt_tokens,
        multiplier_bps=facts.multiplier_bps,
        versions={
            "catalog": facts.versions.catalog,
            "pricing": facts.versions.pricing,
            "factors": facts.versions.factors,
            "latency_class": facts.versions.latency_class,
        },
        created_at=facts.created_at,
        key_id=agreement.key_id,
        held_microcredits=agreement.held_microcredits,
        expires_at="2026-11-21T13:00:00.000Z",
        terms=locked_terms(agreement),
    )


def make_finished(number: int, **changes: object) -> FinishedJob:
    """The records of job `number`."""
    return compute_finished_job(make_facts(number, **changes))


def record(connection: Connection, *jobs: JobFacts) -> None:
    """Writes the receipts and entries of `jobs`."""
    JobWrite.apply_group(
        connection, [JobWrite(finished=compute_finished_job(facts)) for facts in jobs]
    )


def register(connection: Connection, worker_id: str, wallet: str) -> None:
    """Writes a registered worker."""
    store_new_worker(
        connection,
        WorkerRecord(
            id=worker_id,
            wallet=wallet,
            runtime="llamacpp",
            models=("basis-tiny",),
            token_hash="0" * 64,
            earned_raw=0,
            created_at=NOW,
            updated_at=NOW,
        ),
    )


def close(connection: Connection) -> BatchRecord:
    """Closes a batch over what is payable, in the transaction of `connection`."""
    draft = draft_batch(connection)
    assert draft is not None
    return record_batch(connection, draft, now=NOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The hashes of the batches in `fill_books`."""

    pending: str
    retried: str
    failed: str


def fill_books(connection: Connection) -> Books:
    """Records jobs of every outcome for two workers, and a batch in each state of a dry run.

    Jobs 1 to 4 are in a batch that waits, 7 and 8 in one that failed and was retried, 9 in one
    that failed, 10 and 11 in none; 5 failed and 6 was cancelled.
    """
    register(connection, "alice-1", ALICE)
    register(connection, "bob-1", BOB)
    bob: dict[str, object] = {"worker_id": "bob-1", "worker_wallet": BOB}
    record(
        connection,
        make_postpaid_facts(1),
        make_facts(2, output_tokens=TokenCount(400), latency_ms=500, **bob),
        make_facts(3, user_id=UserId("user-2"), user_wallet=BOB),
        make_facts(4, finish_reason="cancelled", evidence=NO_CLAIMS, **bob),
        make_lost_facts(5, JobStatus.FAILED),
        make_lost_facts(6, JobStatus.CANCELLED),
    )
    first = close(connection)
    record(connection, make_facts(7), make_facts(8, **bob))
    second = close(connection)
    fail_batch(connection, second.hash, reason="the keeper was out of gas", now=NOW)
    retry_batch(connection, second.hash, now=NOW)
    record(connection, make_facts(9))
    third = close(connection)
    fail_batch(connection, third.hash, reason="rejected", now=NOW)
    record(connection, make_facts(10), make_facts(11, **bob))
    return Books(pending=first.hash, retried=second.hash, failed=third.hash)


def make_data_folder(folder: Path) -> tuple[Engine, Books]:
    """A data folder with `fill_books` in it."""
    engine = open_database(folder, create=True)
    with for_writing(engine).begin() as connection:
        books = fill_books(connection)
    return engine, books
