"""A job's two records: open when it is accepted, a receipt when it ends, never both."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from basis.rules.errors import Conflict, NotFound
from basis.rules.job import JobStatus
from basis.rules.units import TokenCount
from basis.storage.job_store import JobWrite, load_open_jobs
from basis.storage.ledger_store import load_balances
from basis.storage.receipt_pages import load_receipt_page
from basis.storage.receipt_store import iterate_receipts, load_receipt
from basis.storage.worker_store import load_worker
from tests.support.books import (
    ALICE,
    BOB,
    make_facts,
    make_finished,
    make_lost_facts,
    make_open_job,
    record,
    register,
)


def write(engine: Engine, *writes: JobWrite) -> None:
    """Applies `writes` as one group."""
    with engine.begin() as connection:
        JobWrite.apply_group(connection, writes)


def test_open_job__stored__is_read_back_as_it_was(engine: Engine) -> None:
    jobs = [make_open_job(number) for number in (2, 1)]

    write(engine, *(JobWrite(opened=job) for job in jobs))

    with engine.connect() as connection:
        assert load_open_jobs(connection) == [jobs[1], jobs[0]]


def test_finished_job__closes_the_open_one__and_keeps_every_field(engine: Engine) -> None:
    finished = make_finished(1)
    write(engine, JobWrite(opened=make_open_job(1)), JobWrite(opened=make_open_job(2)))

    write(engine, JobWrite(finished=finished))

    with engine.connect() as connection:
        assert [job.job_id for job in load_open_jobs(connection)] == ["job_0002"]
        stored = load_receipt(connection, finished.receipt_hash)
        assert stored == load_receipt(connection, "job_0001")
    assert (stored.core, stored.status, stored.details) == (
        finished.core,
        finished.status,
        finished.details,
    )


def test_finished_job__again_with_the_same_content__is_a_no_op(engine: Engine) -> None:
    with engine.begin() as connection:
        register(connection, "alice-1", ALICE)
    for _repeat in range(2):
        write(engine, JobWrite(finished=make_finished(1)), JobWrite(finished=make_finished(1)))

    with engine.connect() as connection:
        (receipt,) = iterate_receipts(connection)
        worker = load_worker(connection, "alice-1")
        assert worker is not None
        assert worker.earned_raw == receipt.core.worker_reward_raw > 0
        assert sum(load_balances(connection).values()) == 0


def test_finished_job__again_with_other_content__is_refused_by_name(engine: Engine) -> None:
    first = make_finished(1)
    second = make_finished(1, output_tokens=TokenCount(8))
    write(engine, JobWrite(finished=first))

    with pytest.raises(Conflict) as refused:
        write(engine, JobWrite(finished=second))

    for named in ("job_0001", first.receipt_hash, second.receipt_hash):
        assert named in refused.value.message


def test_finished_jobs__of_one_group__add_to_each_workers_earnings(engine: Engine) -> None:
    with engine.begin() as connection:
        register(connection, "alice-1", ALICE)
        register(connection, "bob-1", BOB)
        record(
            connection,
            make_facts(1),
            make_facts(2),
            make_facts(3, worker_id="bob-1", worker_wallet=BOB),
        )
        record(connection, make_facts(4))

    reward_raw = make_finished(1).core.worker_reward_raw
    with engine.connect() as connection:
        alice, bob = load_worker(connection, "alice-1"), load_worker(connection, "bob-1")
    assert alice is not None
    assert bob is not None
    assert (alice.earned_raw, bob.earned_raw) == (3 * reward_raw, reward_raw)


def test_receipts__of_jobs_that_did_not_complete__move_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        record(
            connection,
            make_lost_facts(1, JobStatus.FAILED),
            make_lost_facts(2, JobStatus.CANCELLED),
        )

    with engine.connect() as connection:
        assert [receipt.status for receipt in iterate_receipts(connection)] == [
            JobStatus.FAILED,
            JobStatus.CANCELLED,
        ]
        assert load_balances(connection) == {}


def test_receipt_page__by_page__shows_each_once_newest_first(engine: Engine) -> None:
    with engine.begin() as connection:
        record(connection, *(make_facts(number) for number in range(1, 8)))

    with engine.connect() as connection:
        seen: list[str] = []
        before = None
        while page := load_receipt_page(connection, limit=3, before_seq=before).receipts:
            seen.extend(receipt.core.job_id for receipt in page)
            before = page[-1].seq
    assert seen == [f"job_{number:04}" for number in range(7, 0, -1)]


def test_receipts__more_than_one_page_of_the_reader__come_in_order(engine: Engine) -> None:
    with engine.begin() as connection:
        record(connection, *(make_facts(number) for number in range(1, 1_203)))

    with engine.connect() as connection:
        numbers = [int(receipt.core.job_id[4:]) for receipt in iterate_receipts(connection)]
    assert numbers == list(range(1, 1_203))


@pytest.mark.parametrize("name", ["", "job_9", "0" * 64, "%", "job_0001%"])
def test_receipt__of_no_such_name__is_not_found(engine: Engine, name: str) -> None:
    with engine.begin() as connection:
        record(connection, make_facts(1))

    with pytest.raises(NotFound), engine.connect() as connection:
        load_receipt(connection, name)
