"""Holds, captures and releases in any order, against a count on paper.

`python -m pytest tests/simulation/test_holds_machine.py --hypothesis-profile large` looks much
further; `python -m tests.simulation.holds_run --operations 1000000` does so many, in large groups.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from basis.rules.job import JobStatus
from tests.simulation.holds_model import Job
from tests.simulation.holds_run import simulate
from tests.simulation.holds_world import KEYS, LIMITS, End, World

_USERS = st.sampled_from(sorted(LIMITS))
_AMOUNTS = st.integers(0, 4_000)
_BEGINS = st.lists(
    st.tuples(st.sampled_from(sorted(KEYS)), st.integers(0, 30), st.integers(0, 30)), max_size=4
)
_ENDS = st.lists(
    st.tuples(
        st.integers(0, 100),
        st.sampled_from([JobStatus.COMPLETED, JobStatus.COMPLETED, JobStatus.FAILED]),
        st.integers(0, 100),
    ),
    max_size=3,
)
_SMALL = settings(
    max_examples=12,
    stateful_step_count=30,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
_IS_LARGE = settings.get_profile("large") == settings()


class HoldsMachine(RuleBasedStateMachine):
    """Operations on a store of three customers with four keys each."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self._folder.name) / "data")
        self.last_end: End | None = None
        for user in LIMITS:
            self.world.top_up(user, 2_000)

    def teardown(self) -> None:
        """The books of the whole run recompute."""
        self.world.finish()
        self._folder.cleanup()

    @rule(begins=_BEGINS, ends=_ENDS)
    def write(
        self, begins: list[tuple[str, int, int]], ends: list[tuple[int, JobStatus, int]]
    ) -> None:
        """One group of beginnings and ends."""
        jobs = [
            self.world.next_job(key, prompt_tokens=prompt, max_tokens=most)
            for key, prompt, most in begins
        ]
        running = list(self.world.model.open.values())
        chosen: dict[str, End] = {}
        for index, status, output in ends:
            if running:
                job = running[index % len(running)]
                chosen[job.job_id] = _end(job, status, output)
        self.world.write(ends=list(chosen.values()), begins=jobs)
        self.last_end = next(iter(chosen.values()), self.last_end)

    @precondition(lambda self: self.world.model.open)
    @rule(index=st.integers(0, 100))
    def cancel(self, index: int) -> None:
        """A customer leaves before anything came."""
        running = list(self.world.model.open.values())
        end = End(job=running[index % len(running)], status=JobStatus.CANCELLED)
        self.world.write(ends=[end], begins=[])
        self.last_end = end

    @precondition(lambda self: self.last_end is not None)
    @rule()
    def repeat(self) -> None:
        """An end is written twice."""
        assert self.last_end is not None
        self.world.repeat(self.last_end)

    @rule(user=_USERS, amount=_AMOUNTS)
    def top_up(self, user: str, amount: int) -> None:
        """A customer pays."""
        self.world.top_up(user, amount)

    @rule(user=_USERS, amount=_AMOUNTS)
    def take_back(self, user: str, amount: int) -> None:
        """The operator takes credits back."""
        self.world.take_back(user, amount)

    @rule(minutes=st.integers(-200, 900))
    def pass_time(self, minutes: int) -> None:
        """Time passes, or the clock is set back; then holds expire."""
        self.world.pass_time(minutes)
        self.world.expire()

    @rule()
    def restart(self) -> None:
        """The orchestrator is killed between two transactions."""
        self.world.restart()

    @invariant()
    def agrees(self) -> None:
        """Store and paper say the same."""
        self.world.check()


def _end(job: Job, status: JobStatus, output: int) -> End:
    is_completed = status is JobStatus.COMPLETED
    tokens = output % (job.max_tokens + 1) if is_completed else 0
    return End(job=job, status=status, output_tokens=tokens)


TestHolds = HoldsMachine.TestCase
TestHolds.settings = settings() if _IS_LARGE else _SMALL


def test_simulation__of_large_groups__agrees_with_the_count_on_paper(tmp_path: Path) -> None:
    done = simulate(tmp_path / "data", operations=5_000, seed=20_261_123)

    assert done.operations >= 5_000
    assert min(done.granted, done.refused, done.captured, done.failed, done.restarts) > 0
