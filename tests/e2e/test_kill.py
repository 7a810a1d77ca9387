"""kill -9 of the orchestrator under load: what a customer saw is on record, and nothing twice."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from basis.rules.job import JobStatus
from basis.storage.database import open_database
from basis.storage.job_store import load_open_jobs
from basis.storage.ledger_store import load_balances
from basis.storage.receipt_store import StoredReceipt, iterate_receipts
from tests.e2e.load import Load, ParkedCustomers, keep_connected
from tests.support.basis_process import BasisProcess, create_key, run_basis, start_orchestrator
from tests.support.books import ALICE, BOB
from tests.support.scripted_worker import ScriptedWorker

SEED = 20_261_121
ROUNDS = 6
CUSTOMERS = 16
WORKERS = {"alice-1": ALICE, "alice-2": ALICE, "bob-1": BOB}


class Rounds:
    """One orchestrator after the other over one folder, each killed at a number of requests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.chance = random.Random(SEED)
        self.orchestrator, self.url = start_orchestrator(folder)
        self.killed = asyncio.Event()
        self.is_up = asyncio.Event()
        self._kill_at = 0

    def arm(self, sent: int) -> None:
        """The next kill comes some requests from now."""
        self._kill_at = sent + self.chance.randrange(20, 90)
        self.killed.clear()

    def let_in(self) -> None:
        """Customers and workers hear that it is up; no kill comes until the next `arm`."""
        self._kill_at = 0
        self.is_up.set()

    def on_sent(self, number: int) -> None:
        """Kills in the midst of whatever is under way when this request is sent."""
        if number == self._kill_at:
            self.is_up.clear()
            self.orchestrator.kill()
            self.killed.set()

    async def restart(self) -> None:
        """Another orchestrator at the same address."""
        port = int(self.url.rpartition(":")[2])
        self.orchestrator, again = await asyncio.to_thread(
            start_orchestrator, self.folder, port=port
        )
        assert again == self.url


def read_books(engine: Engine) -> tuple[set[str], dict[str, StoredReceipt]]:
    """The open jobs, and the receipts by job; no job may have two."""
    with engine.connect() as connection:
        jobs = {job.job_id for job in load_open_jobs(connection)}
        receipts = list(iterate_receipts(connection))
        balances = load_balances(connection)
    twice = [job for job, count in Counter(r.core.job_id for r in receipts).items() if count > 1]
    assert not twice
    assert sum(balances.values()) == 0
    return jobs, {receipt.core.job_id: receipt for receipt in receipts}


def expect_nothing_lost(load: Load, lost: set[str], receipts: dict[str, StoredReceipt]) -> None:
    """Holds the receipts to what the customers saw, and to the jobs that the kill cut off."""
    unpaid = [
        job
        for job in load.completed
        if job not in receipts or receipts[job].status is not JobStatus.COMPLETED
    ]
    assert not unpaid, f"customers saw the end of {unpaid}, which have no completed receipt"
    assert len(load.completed) == len(set(load.completed))
    unknown = load.begun - receipts.keys()
    assert not unknown, f"customers saw parts of {unknown}, which are on no record"
    for job in lost:
        assert receipts[job].status is JobStatus.FAILED
        assert receipts[job].details.failure_reason == "orchestrator_stopped"
        assert receipts[job].core.total_charged_raw == 0


async def wait_for_workers(orchestrator: BasisProcess) -> None:
    """Until every worker is online, all by itself."""
    for worker_id in WORKERS:
        await asyncio.to_thread(
            orchestrator.wait_for,
            "worker_online",
            such=lambda event, worker_id=worker_id: event["worker"] == worker_id,
        )


@pytest.fixture
def rounds(tmp_path: Path) -> Iterator[Rounds]:
    """Rounds over an empty folder; nothing of them runs on."""
    rounds = Rounds(tmp_path)
    yield rounds
    rounds.orchestrator.kill()


async def test_kill__of_the_orchestrator_under_load__loses_and_doubles_nothing(
    tmp_path: Path, rounds: Rounds
) -> None:
    load = Load(
        url=rounds.url, key=create_key(tmp_path), on_sent=rounds.on_sent, is_up=rounds.is_up
    )
    customers = ParkedCustomers(load, CUSTOMERS)
    is_over = asyncio.Event()
    rounds.let_in()
    workers = [
        asyncio.create_task(
            keep_connected(
                ScriptedWorker(rounds.url, worker_id=worker_id, wallet=wallet),
                is_up=rounds.is_up,
                is_over=is_over,
            )
        )
        for worker_id, wallet in WORKERS.items()
    ]
    await wait_for_workers(rounds.orchestrator)
    engine = open_database(tmp_path / "data", create=False)
    rounds.arm(load.sent)
    asking = asyncio.create_task(customers.run())
    lost_in_all: set[str] = set()

    for number in range(ROUNDS):
        async with asyncio.timeout(60):
            await rounds.killed.wait()
            await customers.all_parked()
        lost, _receipts = read_books(engine)
        lost_in_all |= lost
        await rounds.restart()
        still_open, receipts = read_books(engine)
        assert not still_open
        expect_nothing_lost(load, lost, receipts)
        completed = len(load.completed)
        rounds.let_in()
        await wait_for_workers(rounds.orchestrator)
        if number < ROUNDS - 1:
            rounds.arm(load.sent)

    async with asyncio.timeout(60):
        await customers.have_completed(completed + 5 * CUSTOMERS)
        load.is_over = True
        await asking
        is_over.set()
        await asyncio.gather(*workers)
    assert rounds.orchestrator.stop() == 0
    still_open, receipts = read_books(engine)
    engine.dispose()
    assert not still_open
    expect_nothing_lost(load, lost_in_all, receipts)
    assert lost_in_all, "no kill cut a job off: they come too early"
    verdict = json.loads(run_basis("recompute", "--data", "data", "--json", folder=tmp_path).stdout)
    assert verdict["equal"], verdict["difference"]
    assert verdict["receipts"] == len(receipts) >= len(load.completed) > 100
