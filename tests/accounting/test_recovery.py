"""What was open when the orchestrator died gets its receipt at the next start, once."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Engine, text

from basis.accounting.recompute import recompute
from basis.accounting.recovery import close_expired_jobs, close_lost_jobs
from basis.rules.errors import Conflict, DamagedRecord
from basis.rules.job import JobStatus
from basis.storage.database import for_writing, open_database
from basis.storage.job_store import JobWrite, load_open_jobs
from basis.storage.ledger_store import load_balances
from basis.storage.receipt_store import StoredReceipt, iterate_receipts
from tests.support.books import make_finished, make_open_job
from tests.support.orchestrators import orchestrator, prepare_folder, stored_receipts


def open_jobs(engine: Engine, *numbers: int) -> None:
    """Records jobs as accepted."""
    with engine.begin() as connection:
        JobWrite.apply_group(connection, [JobWrite(opened=make_open_job(n)) for n in numbers])


def receipts(engine: Engine) -> list[StoredReceipt]:
    """All receipts."""
    with engine.connect() as connection:
        return list(iterate_receipts(connection))


def test_recovery__more_jobs_than_a_statement_may_name__closes_them_all(engine: Engine) -> None:
    open_jobs(engine, *range(1, 2_502))

    with engine.begin() as connection:
        raw = cast("sqlite3.Connection", connection.connection.driver_connection)
        raw.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 2_000)
        lost = close_lost_jobs(connection)

    assert lost == 2_501
    assert len(receipts(engine)) == 2_501


def test_recovery__open_jobs__get_one_failed_receipt_each(engine: Engine) -> None:
    open_jobs(engine, 1, 2, 3)

    with engine.begin() as connection:
        lost = close_lost_jobs(connection)

    assert lost == 3
    found = receipts(engine)
    assert [receipt.core.job_id for receipt in found] == ["job_0001", "job_0002", "job_0003"]
    assert {receipt.status for receipt in found} == {JobStatus.FAILED}
    assert {receipt.details.failure_reason for receipt in found} == {"orchestrator_stopped"}
    with engine.connect() as connection:
        assert load_open_jobs(connection) == []
        assert load_balances(connection) == {}
        assert recompute(connection).is_equal


def test_recovery__again__finds_nothing_to_do(engine: Engine) -> None:
    open_jobs(engine, 1)
    with engine.begin() as connection:
        close_lost_jobs(connection)
    before = receipts(engine)

    with engine.begin() as connection:
        assert close_lost_jobs(connection) == 0

    assert receipts(engine) == before


def test_recovery__interrupted__starts_over_from_where_it_began(engine: Engine) -> None:
    open_jobs(engine, 1, 2)

    with engine.connect() as connection:
        close_lost_jobs(connection)
        connection.rollback()
    assert receipts(engine) == []
    with engine.begin() as connection:
        assert close_lost_jobs(connection) == 2

    assert len(receipts(engine)) == 2


def test_recovery__beside_finished_jobs__leaves_those_as_they_are(engine: Engine) -> None:
    open_jobs(engine, 1, 2)
    finished = make_finished(1)
    with engine.begin() as connection:
        JobWrite.apply_group(connection, [JobWrite(finished=finished)])

    with engine.begin() as connection:
        close_lost_jobs(connection)

    first, second = receipts(engine)
    assert (first.recorded_hash, first.status) == (finished.receipt_hash, JobStatus.COMPLETED)
    assert (second.core.job_id, second.status) == ("job_0002", JobStatus.FAILED)


async def test_start__over_open_jobs__closes_them_before_it_takes_new_ones(tmp_path: Path) -> None:
    prepare_folder(tmp_path)
    engine = open_database(tmp_path, create=False)
    open_jobs(for_writing(engine), 1, 2)
    engine.dispose()

    for _start in range(2):
        async with orchestrator(tmp_path) as (running, _customer):
            found = stored_receipts(running)
            assert [receipt.status for receipt in found] == [JobStatus.FAILED] * 2


@pytest.mark.parametrize("name", ["prompt_price", "output_price", "basis_raw_per_microcredit"])
@pytest.mark.parametrize("amount", ["much", "", "-1", "1.5", " 7", "007", "\uff17"])
def test_recovery__of_a_job_whose_terms_are_damaged__names_the_record(
    engine: Engine, name: str, amount: str
) -> None:
    open_jobs(engine, 1)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE open_jobs SET terms = json_set(terms, :name, :amount)"),
            {"name": f"$.{name}", "amount": amount},
        )

    with pytest.raises(DamagedRecord, match="job_0001"), engine.begin() as connection:
        close_lost_jobs(connection)

    assert receipts(engine) == []


def test_expiry__of_holds__releases_those_whose_time_has_come_and_no_others(
    engine: Engine,
) -> None:
    late = [replace(make_open_job(n), expires_at=f"2026-11-21T13:00:0{n}.000Z") for n in (1, 2, 3)]
    old = replace(make_open_job(4), expires_at="")
    with engine.begin() as connection:
        JobWrite.apply_group(connection, [JobWrite(opened=job) for job in (*late, old)])

    with engine.begin() as connection:
        expired = close_expired_jobs(connection, now="2026-11-21T13:00:02.000Z")
        again = close_expired_jobs(connection, now="2026-11-21T13:00:02.000Z")

    assert (expired, again) == (1, 0)
    with engine.connect() as connection:
        still_open = {job.job_id for job in load_open_jobs(connection)}
        assert recompute(connection).is_equal
    assert still_open == {late[1].job_id, late[2].job_id, old.job_id}
    (receipt,) = receipts(engine)
    assert (receipt.core.job_id, receipt.details.failure_reason) == ("job_0001", "hold_expired")
    assert receipt.core.total_charged_raw == 0


def test_expiry__of_more_holds_than_one_group__takes_the_oldest_first(engine: Engine) -> None:
    open_jobs(engine, *range(1, 1_003))

    with engine.begin() as connection:
        counts = [close_expired_jobs(connection, now="2026-11-22T00:00:00.000Z") for _ in range(3)]

    assert counts == [1_000, 2, 0]


def test_end__of_a_job_whose_hold_has_expired__is_refused_and_charges_nothing(
    engine: Engine,
) -> None:
    open_jobs(engine, 1)
    with engine.begin() as connection:
        assert close_expired_jobs(connection, now="2026-11-22T00:00:00.000Z") == 1

    with pytest.raises(Conflict, match="job_0001"), engine.begin() as connection:
        JobWrite.apply_group(connection, [JobWrite(finished=make_finished(1))])

    with engine.connect() as connection:
        assert load_balances(connection) == {}
