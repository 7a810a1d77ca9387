"""kill -9 while a batch closes and while lost jobs get their receipts: all of it, or nothing.

The kill comes when SQLite's log has grown to some share of what the whole transaction writes to it,
so it comes in the midst of that, however fast the machine is.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from basis.accounting.recompute import recompute
from basis.accounting.recovery import close_lost_jobs
from basis.accounting.settling import close_batch
from basis.rules.job import JobStatus, RewardStatus
from basis.storage.batch_store import BatchRecord, load_batches
from basis.storage.database import DATABASE_FILE, for_writing, open_database
from basis.storage.job_store import JobWrite, load_open_jobs
from basis.storage.ledger_store import load_balances
from basis.storage.receipt_store import StoredReceipt, iterate_receipts
from basis.storage.schema import users
from tests.support.basis_process import BasisProcess, start_orchestrator
from tests.support.books import ALICE, make_facts, make_open_job, record, register

SEED = 20_261_121
JOBS = 2_000
"""Their records are several times what SQLite holds back before it writes to its log."""
KILLS = 3
_GLANCE_S = 0.001
"""Between two looks at the log, seconds."""
NOW = "2026-11-22T00:00:00.000Z"

pytestmark = pytest.mark.timeout(300)
"""Some 10 s of CPU each, in a dozen steps that wait for a busy machine."""


class Folder:
    """A data folder whose books can be set back to how they were before a kill."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = b""
        self._log = path / f"{DATABASE_FILE}-wal"

    @property
    def log_bytes(self) -> int:
        """How large SQLite's log is."""
        return self._log.stat().st_size if self._log.exists() else 0

    def keep(self) -> None:
        """Remembers the books as they are; nothing has them open."""
        self._file = (self.path / DATABASE_FILE).read_bytes()

    def set_back(self) -> None:
        """Puts the remembered books in the place of what is there."""
        for left_over in self.path.glob(f"{DATABASE_FILE}-*"):
            left_over.unlink()
        (self.path / DATABASE_FILE).write_bytes(self._file)

    def run_until_log(self, size: int, *arguments: str) -> None:
        """Runs a `basis` command, and kills it once the log is larger than `size` bytes."""
        with BasisProcess(*arguments, "--data", str(self.path), folder=self.path.parent) as victim:
            while self.log_bytes <= size:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    victim.wait(timeout_s=_GLANCE_S)
                    return  # it ended by itself before the kill

    def kill_sizes(self, whole: int) -> Iterator[int]:
        """Sizes of the log at which to kill, with the books set back before each."""
        chance = random.Random(SEED)
        for number in range(KILLS):
            self.set_back()
            yield int(whole * (number + chance.random()) / KILLS)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty data folder."""
    open_database(tmp_path / "data", create=True).dispose()
    return Folder(tmp_path / "data")


def read_books(folder: Folder) -> tuple[list[StoredReceipt], list[BatchRecord], int]:
    """Receipts, batches and the number of open jobs; the books must agree with themselves."""
    engine = open_database(folder.path, create=False)
    with engine.connect() as connection:
        verdict = recompute(connection)
        assert verdict.is_equal, verdict.difference
        assert sum(load_balances(connection).values()) == 0
        receipts = list(iterate_receipts(connection))
        batches = load_batches(connection, limit=9)
        open_jobs = len(load_open_jobs(connection))
    engine.dispose()
    return receipts, batches, open_jobs


def fill_with_receipts(engine: Engine) -> None:
    """Records jobs that earned something."""
    with for_writing(engine).begin() as connection:
        register(connection, "alice-1", ALICE)
        record(connection, *(make_facts(number) for number in range(1, JOBS + 1)))


def fill_with_open_jobs(engine: Engine) -> None:
    """Records jobs that were accepted and have no end."""
    opened = [JobWrite(opened=make_open_job(number)) for number in range(1, JOBS + 1)]
    with for_writing(engine).begin() as connection:
        connection.execute(insert(users).values(id="user-1", name="", wallet="", created_at=NOW))
        refusals = JobWrite.apply_group(connection, opened)
    assert not any(refusals)


def test_kill__while_a_batch_closes__leaves_the_whole_batch_or_none(folder: Folder) -> None:
    engine = open_database(folder.path, create=False)
    fill_with_receipts(engine)
    engine.dispose()
    folder.keep()
    undisturbed = close_batch(engine, now=NOW)
    whole = folder.log_bytes
    engine.dispose()
    closed_before_kill: list[bool] = []

    for size in folder.kill_sizes(whole):
        folder.run_until_log(size, "batch", "close")
        receipts, batches, _open_jobs = read_books(folder)
        assert len(receipts) == JOBS
        assert len(batches) <= 1
        states = {receipt.reward_status for receipt in receipts}
        assert states == {RewardStatus.BATCHING if batches else RewardStatus.PENDING}
        closed_before_kill.append(bool(batches))

        again = close_batch(engine, now=NOW)
        engine.dispose()
        _receipts, batches, _open_jobs = read_books(folder)
        assert batches == [again] == [undisturbed]

    assert closed_before_kill.count(False) >= 2, "the kills come too late"


def test_kill__while_lost_jobs_are_closed__gives_each_its_receipt_at_the_next_start(
    folder: Folder,
) -> None:
    engine = open_database(folder.path, create=False)
    fill_with_open_jobs(engine)
    engine.dispose()
    folder.keep()
    with for_writing(engine).begin() as connection:
        close_lost_jobs(connection)
    whole = folder.log_bytes
    engine.dispose()
    closed_before_kill: list[bool] = []

    for size in folder.kill_sizes(whole):
        folder.run_until_log(size, "up", "--port", "0")
        receipts, _batches, open_jobs = read_books(folder)
        assert (len(receipts), open_jobs) in {(0, JOBS), (JOBS, 0)}
        closed_before_kill.append(open_jobs == 0)

    restarted, _url = start_orchestrator(folder.path.parent)
    restarted.kill()
    receipts, _batches, open_jobs = read_books(folder)
    assert open_jobs == 0
    assert [receipt.core.job_id for receipt in receipts] == [
        make_open_job(number).job_id for number in range(1, JOBS + 1)
    ]
    assert {receipt.status for receipt in receipts} == {JobStatus.FAILED}
    assert {receipt.core.total_charged_raw for receipt in receipts} == {0}
    assert closed_before_kill.count(False) >= 2, "the kills come too late"
