"""kill -9 before every single statement of hold, capture, expiry and recovery, and at random.

A process does the work on real SQLite and kills itself before its n-th statement, for each n. What
it leaves must be all of the work or none of it, and a restart must release every hold.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select

from basis.accounting.recompute import recompute
from basis.accounting.recovery import close_expired_jobs, close_lost_jobs
from basis.rules.errors import Conflict
from basis.rules.job import JobStatus
from basis.storage.database import for_writing, open_database
from basis.storage.holds import load_held
from basis.storage.job_store import JobWrite, load_open_jobs
from basis.storage.ledger_store import iterate_entries, load_balances
from basis.storage.receipt_store import iterate_receipts
from basis.storage.schema import users
from basis.storage.usage_store import load_usage
from tests.simulation.holds_model import Job
from tests.simulation.holds_run import run_groups
from tests.simulation.holds_world import End, World, as_finished, as_open
from tests.support.dying_process import die_before_statement, run_in_child

SEED = 20_261_123
KILLS = 6
MOST_GROUPS = 30

pytestmark = pytest.mark.timeout(300)
"""A hundred processes, each of which opens the store anew."""

Work = Callable[[Connection], object]
Books = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A folder whose books are set back before each kill, and the jobs in them."""

    folder: Path
    kept: Path
    running: list[Job]
    fresh: list[Job]
    late: str

    def set_back(self) -> Path:
        """The folder, with the books as they were at first."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.kept, self.folder)
        return self.folder

    def work(self, name: str) -> Work:
        """What is done in the process that dies."""
        match name:
            case "hold":
                writes = [JobWrite(opened=as_open(job)) for job in self.fresh]
                return lambda connection: JobWrite.apply_group(connection, writes)
            case "capture":
                ends = [JobWrite(finished=as_finished(end)) for end in self.ends()]
                return lambda connection: JobWrite.apply_group(connection, ends)
            case "hold and capture":
                both = [JobWrite(opened=as_open(job)) for job in self.fresh]
                both += [JobWrite(finished=as_finished(end)) for end in self.ends()]
                return lambda connection: JobWrite.apply_group(connection, both)
            case "expiry":
                return lambda connection: close_expired_jobs(connection, now=self.late)
            case _:
                return close_lost_jobs

    def ends(self) -> list[End]:
        """A capture, a capture of nothing, a failure and a cancelled job."""
        statuses = [*[JobStatus.COMPLETED] * 2, JobStatus.FAILED, JobStatus.CANCELLED]
        return [
            End(job=job, status=status, output_tokens=tokens)
            for job, status, tokens in zip(self.running, statuses, (9, 0, 0, 0), strict=False)
        ]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Books with jobs of every customer open, some ended, and some that will be refused."""
    kept = tmp_path_factory.mktemp("credits") / "kept"
    world = World(kept)
    for user in ("prepaid", "lent", "postpaid"):
        world.top_up(user, 9_000)
    keys = ("prepaid-free", "prepaid-sub1", "lent-sub2", "postpaid-free", "lent-day")
    running = [world.next_job(key, prompt_tokens=3, max_tokens=12) for key in keys]
    world.write(ends=[], begins=running)
    world.pass_time(30)
    fresh = [
        world.next_job(key, prompt_tokens=3, max_tokens=tokens)
        for key, tokens in (("prepaid-sub2", 9), ("prepaid-free", 900), ("postpaid-day", 7))
    ]
    world.pass_time(600)
    world.engine.dispose()
    return Scene(
        folder=kept.parent / "data", kept=kept, running=running, fresh=fresh, late=world.now
    )


@pytest.mark.parametrize("name", ["hold", "capture", "hold and capture", "expiry", "recovery"])
def test_kill__before_each_statement__leaves_all_of_the_work_or_none(
    scene: Scene, name: str
) -> None:
    work = scene.work(name)
    before = read_books(scene.set_back())
    do(scene.folder, work)
    after = read_books(scene.folder)
    assert before != after
    kills = 0

    for number in statements(scene, work):
        kills += 1
        left = read_books(scene.folder)
        assert left == before, f"killed before statement {number}"
        if name != "recovery":
            do(scene.folder, work)
            assert read_books(scene.folder) == after
        restart(scene.folder)

    assert kills >= 5, "the kills come too late"
    assert read_books(scene.folder) == after
    restart(scene.folder)


def test_capture__after_a_restart_has_released_its_hold__charges_nothing(scene: Scene) -> None:
    work = scene.work("capture")
    scene.set_back()
    restart(scene.folder)
    released = read_books(scene.folder)

    with pytest.raises(Conflict):
        do(scene.folder, work)

    assert read_books(scene.folder) == released


def test_kill__at_random_among_many_groups__keeps_every_group_that_was_reported(
    tmp_path: Path,
) -> None:
    chance = random.Random(SEED)
    for kill in range(KILLS):
        folder = tmp_path / f"data{kill}"
        reported = run_until_killed(folder, groups=chance.randrange(1, MOST_GROUPS), seed=kill)

        engine = open_database(folder, create=False)
        with engine.connect() as connection:
            verdict = recompute(connection)
            open_now = {job.job_id for job in load_open_jobs(connection)}
            ended = {receipt.core.job_id for receipt in iterate_receipts(connection)}
            rows = connection.execute(select(users.c.id, users.c.credit_limit)).all()
            floors = {row.id: row.credit_limit for row in rows}
            balances = load_balances(connection)
        engine.dispose()
        assert verdict.is_equal, verdict.difference
        assert not open_now & ended
        assert reported["known"] <= len(open_now | ended)
        assert reported["ended"] <= len(ended)
        for (account, asset), amount in balances.items():
            limit = floors.get(account.removeprefix("customer/"))
            assert asset != "CREDIT" or limit is None or amount >= -limit
        restart(folder)


def statements(scene: Scene, work: Work) -> Iterator[int]:
    """Each n at which the work was killed, over books that were set back; ends when none was."""
    number = 0
    while True:
        number += 1
        folder = scene.set_back()

        def live_and_die(folder: Path = folder, number: int = number) -> None:
            engine = for_writing(open_database(folder, create=False))
            engine.dispose()
            die_before_statement(engine, number)
            with engine.begin() as connection:
                work(connection)

        if run_in_child(live_and_die):
            return
        yield number


def do(folder: Path, work: Work) -> None:
    """Does the work to its end."""
    engine = for_writing(open_database(folder, create=False))
    try:
        with engine.begin() as connection:
            work(connection)
    finally:
        engine.dispose()


def read_books(folder: Path) -> Books:
    """All that is on record of jobs and money; it must recompute."""
    engine: Engine = open_database(folder, create=False)
    with engine.connect() as connection:
        verdict = recompute(connection)
        books = (
            load_open_jobs(connection),
            list(iterate_receipts(connection)),
            list(iterate_entries(connection)),
            load_balances(connection),
            load_usage(connection),
        )
    engine.dispose()
    assert verdict.is_equal, verdict.difference
    return books


def restart(folder: Path) -> None:
    """Starts over what is durable: every hold is released, once, and nothing is charged for it."""
    engine = for_writing(open_database(folder, create=False))
    with engine.begin() as connection:
        before = load_balances(connection)
        lost = close_lost_jobs(connection)
        assert close_lost_jobs(connection) == 0
        assert lost >= 0
        assert load_balances(connection) == before
        assert not any(load_held(connection, user) for user in ("prepaid", "lent", "postpaid"))
        assert recompute(connection).is_equal
    engine.dispose()


def run_until_killed(folder: Path, *, groups: int, seed: int) -> dict[str, int]:
    """What a process had reported as durable when it was killed, after so many groups or more."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            for world in run_groups(World(folder), seed=seed):
                known = world.model.ended + len(world.model.open)
                report = {"known": known, "ended": world.model.ended}
                os.write(writer, json.dumps(report).encode() + b"\n")
        finally:
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader) as reports:
        told = [reports.readline() for _group in range(groups)]
        os.kill(child, signal.SIGKILL)
        told += reports.readlines()
    os.waitpid(child, 0)
    whole = [line for line in told if line.endswith("\n")]
    assert len(whole) >= groups
    return dict(json.loads(whole[-1]))
