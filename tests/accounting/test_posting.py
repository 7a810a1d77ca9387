"""From the facts of a job to its receipt, reward and entry."""

from __future__ import annotations

import msgspec
import pytest

from basis.accounting.posting import compute_finished_job, compute_lost_job
from basis.rules.catalog import ModelKind
from basis.rules.errors import InvalidInput
from basis.rules.job import JobStatus, RewardStatus
from basis.rules.postpaid_pricing import POSTPAID_EPOCHS
from basis.rules.receipt import compute_receipt_hash
from basis.rules.units import Bps, TokenCount
from basis.storage.receipt_details import VersionRecord
from tests.support.books import (
    ALICE,
    make_finished,
    make_lost_facts,
    make_open_job,
    make_postpaid_facts,
)


def test_completed_job__at_full_factors__shares_out_the_whole_charge() -> None:
    finished = make_finished(1)

    core, parts = finished.core, finished.details.breakdown
    # (13 x 150 + 7 x 600) credits per million, at 0.1x, and 0.1 BASIS per credit
    assert core.total_charged_raw == 61_500_000_000_000
    assert core.protocol_fee_raw == 6_150_000_000_000
    assert core.worker_reward_raw == 55_350_000_000_000
    assert (parts.unearned_raw, parts.dust_raw) == ("0", "0")
    assert finished.reward_status is RewardStatus.PENDING


def test_completed_job__entry__takes_from_the_customer_what_it_gives_to_the_others() -> None:
    entry = make_finished(1).entry

    assert entry is not None
    assert {(one.account, one.asset): one.amount_raw for one in entry.postings} == {
        ("customer/user-1", "CREDIT"): -615,
        ("network/exchange", "CREDIT"): 615,
        ("network/exchange", "BASIS"): -61_500_000_000_000,
        ("network/fee", "BASIS"): 6_150_000_000_000,
        (f"reward/pending/{ALICE}", "BASIS"): 55_350_000_000_000,
        ("points/issued", "LLAMA"): -2_000,
        (f"points/earned/{ALICE}", "LLAMA"): 2_000,
    }


def test_postpaid_job__entry__is_owed_in_basis_as_it_was() -> None:
    entry = compute_finished_job(make_postpaid_facts(1)).entry

    assert entry is not None
    assert {(one.account, one.asset): one.amount_raw for one in entry.postings} == {
        ("customer/user-1", "BASIS"): -61_500_000_000_000,
        ("network/fee", "BASIS"): 6_150_000_000_000,
        (f"reward/pending/{ALICE}", "BASIS"): 55_350_000_000_000,
    }


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
def test_job_that_did_not_complete__charges_and_pays_nothing(status: JobStatus) -> None:
    finished = compute_finished_job(make_lost_facts(1, status))

    core = finished.core
    assert (core.total_charged_raw, core.worker_reward_raw, core.protocol_fee_raw) == (0, 0, 0)
    assert (core.quality_bps, core.uptime_bps, core.latency_bps) == (0, 0, 0)
    assert finished.entry is None
    assert finished.reward_status is RewardStatus.NONE


def test_job_of_a_free_model__completed__moves_nothing() -> None:
    finished = make_finished(1, multiplier_bps=Bps(0))

    assert finished.core.total_charged_raw == 0
    assert finished.entry is None
    assert finished.reward_status is RewardStatus.NONE


@pytest.mark.parametrize("kind", [ModelKind.CHAT, ModelKind.COMPLETION])
def test_job_with_an_empty_answer__completed__moves_nothing(kind: ModelKind) -> None:
    finished = make_finished(1, kind=kind, output_tokens=TokenCount(0))

    assert finished.core.prompt_tokens == 13
    assert finished.core.total_charged_raw == 0
    assert finished.entry is None
    assert finished.reward_status is RewardStatus.NONE


def test_job_for_vectors__completed__charges_its_prompt() -> None:
    finished = make_finished(1, kind=ModelKind.EMBEDDING, output_tokens=TokenCount(0))

    assert finished.core.total_charged_raw > 0
    assert finished.core.worker_reward_raw > 0


def test_job_with_an_empty_answer__of_the_first_epoch__still_charges_its_prompt() -> None:
    versions = msgspec.structs.replace(
        make_finished(1).details.versions, pricing=POSTPAID_EPOCHS[0].version
    )
    finished = make_finished(1, output_tokens=TokenCount(0), versions=versions)

    assert finished.core.total_charged_raw > 0


def test_job_of_a_worker_without_wallet__completed__leaves_the_pool_unearned() -> None:
    finished = make_finished(1, worker_wallet="")

    assert finished.core.worker_reward_raw == 0
    assert int(finished.details.breakdown.unearned_raw) == 55_350_000_000_000
    assert finished.reward_status is RewardStatus.NONE


def test_finished_job__same_facts__has_the_same_records() -> None:
    first, second = make_finished(1), make_finished(1)

    assert first == second
    assert first.receipt_hash == compute_receipt_hash(first.core)


@pytest.mark.parametrize(
    "versions",
    [
        VersionRecord(catalog="c", pricing="never", factors="2026-11-21", latency_class="tiny"),
        VersionRecord(
            catalog="c", pricing="2026-11-21-placeholder", factors="never", latency_class="tiny"
        ),
        VersionRecord(
            catalog="c", pricing="2026-11-21-placeholder", factors="2026-11-21", latency_class="no"
        ),
    ],
    ids=["pricing", "factors", "class"],
)
def test_job__judged_by_a_table_that_never_was__is_refused(versions: VersionRecord) -> None:
    with pytest.raises(InvalidInput):
        make_finished(1, versions=versions)


def test_lost_job__whenever_it_is_closed__gets_the_same_receipt() -> None:
    job = make_open_job(1)

    first, second = (compute_lost_job(job, failure_reason="orchestrator_stopped") for _ in range(2))

    assert first == second
    assert first.core.created_at == job.created_at
    assert first.core.prompt_tokens == TokenCount(job.prompt_tokens)
    assert (first.status, first.core.total_charged_raw) == (JobStatus.FAILED, 0)
    assert first.details.failure_reason == "orchestrator_stopped"
