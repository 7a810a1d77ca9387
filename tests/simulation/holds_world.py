"""The real store and the model beside it: every step is done to both, and they must agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, select

from basis.accounting.agreement import Agreement, locked_terms
from basis.accounting.funding import take_back, top_up
from basis.accounting.posting import JobFacts, compute_finished_job
from basis.accounting.recompute import recompute
from basis.accounting.recovery import close_expired_jobs, close_lost_jobs
from basis.rules.epochs import EPOCHS
from basis.rules.errors import InsufficientCredits, InvalidInput
from basis.rules.factors import Measurements
from basis.rules.job import JobId, JobStatus, UserId
from basis.rules.pricing import compute_list_terms
from basis.rules.units import Bps, Micros, TokenCount
from basis.storage.database import for_writing, open_database
from basis.storage.holds import load_available, load_held
from basis.storage.job_store import FinishedJob, JobWrite, OpenJob, load_open_jobs
from basis.storage.key_store import KeyLimits
from basis.storage.ledger_store import load_balances
from basis.storage.schema import receipts
from basis.storage.usage_store import load_usage
from tests.simulation.holds_model import Job, Key, Model, spell
from tests.support.accounts import add_key
from tests.support.books import ALICE, NO_CLAIMS, make_facts, make_open_job, register
from tests.support.orchestrators import prepare_folder

LIMITS: dict[str, int | None] = {"prepaid": 0, "lent": 700, "postpaid": None}
KEYS = {
    f"{user}-{name}": Key(user=user, parent=parent and f"{user}-{parent}", budget=budget)
    for user in LIMITS
    for name, parent, budget in (
        ("free", None, None),
        ("day", None, 3_000),
        ("sub1", "day", None),
        ("sub2", "day", 1_200),
    )
}
_TERMS = compute_list_terms(EPOCHS[-1], model_id="basis-tiny", catalog_multiplier_bps=Bps(1_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How an open job is to end."""

    job: Job
    status: JobStatus
    output_tokens: int = 0


class World:
    """A store in `folder`, and what it should hold."""

    def __init__(self, folder: Path) -> None:
        prepare_folder(folder)
        self._folder = folder
        self.engine = for_writing(open_database(folder, create=False))
        self.model = Model(limits=dict(LIMITS), keys=dict(KEYS))
        self._now = datetime(2026, 11, 21, 12, tzinfo=UTC)
        self._jobs = self._payments = 0
        with self.engine.begin() as connection:
            register(connection, "alice-1", ALICE)
            for name, key in KEYS.items():
                add_key(
                    connection,
                    name,
                    user_id=key.user,
                    parent_id=key.parent,
                    limits=KeyLimits(credits_per_day=key.budget),
                    credit_limit=LIMITS[key.user],
                )

    @property
    def now(self) -> str:
        """The world's time."""
        return spell(self._now)

    def pass_time(self, minutes: int) -> None:
        """Lets time pass; a negative number sets the clock back."""
        self._now += timedelta(minutes=minutes)

    def next_job(self, key: str, *, prompt_tokens: int, max_tokens: int) -> Job:
        """A job that is accepted now."""
        self._jobs += 1
        return Job(
            number=self._jobs,
            user=KEYS[key].user,
            key=key,
            prompt_tokens=prompt_tokens,
            max_tokens=max_tokens,
            created_at=self.now,
        )

    def write(self, *, ends: Sequence[End], begins: Sequence[Job]) -> None:
        """Ends and begins jobs in one group, begins first: their order must not matter."""
        writes = [JobWrite(opened=as_open(job)) for job in begins]
        writes += [JobWrite(finished=as_finished(end)) for end in ends]
        with self.engine.begin() as connection:
            outcomes = JobWrite.apply_group(connection, writes)
        for end in ends:
            is_completed = end.status is JobStatus.COMPLETED
            self.model.end_job(end.job, is_completed=is_completed, output_tokens=end.output_tokens)
        granted = [outcome is None for outcome in outcomes[: len(begins)]]
        assert granted == [self.model.open_job(job) for job in begins]
        assert outcomes[len(begins) :] == [None] * len(ends)

    def repeat(self, end: End) -> None:
        """Writes an end again that is on record; nothing may come of it."""
        with self.engine.begin() as connection:
            JobWrite.apply_group(connection, [JobWrite(finished=as_finished(end))])

    def top_up(self, user: str, microcredits: int) -> None:
        """A payment; there is none of nothing."""
        if not microcredits:
            return
        with self.engine.begin() as connection:
            top_up(
                connection,
                user_id=user,
                key=self._next_payment(),
                microcredits=microcredits,
                now=self.now,
            )
        self.model.top_up(user, microcredits)

    def take_back(self, user: str, microcredits: int) -> None:
        """Takes credits back, if they were paid for and can be spent."""
        if not microcredits:
            return
        is_taken = True
        try:
            with self.engine.begin() as connection:
                take_back(
                    connection,
                    user_id=user,
                    key=self._next_payment(),
                    microcredits=microcredits,
                    now=self.now,
                )
        except (InsufficientCredits, InvalidInput):
            is_taken = False
        assert is_taken == self.model.take_back(user, microcredits)

    def _next_payment(self) -> str:
        self._payments += 1
        return f"payment-{self._payments}"

    def expire(self) -> None:
        """Releases the holds whose time has come."""
        expired = self.model.expired(self.now)
        with self.engine.begin() as connection:
            assert close_expired_jobs(connection, now=self.now) == len(expired)
        self._fail(expired)

    def restart(self) -> None:
        """The orchestrator dies and starts again over what is durable."""
        self.engine.dispose()
        self.engine = for_writing(open_database(self._folder, create=False))
        lost = list(self.model.open.values())
        with self.engine.begin() as connection:
            assert close_lost_jobs(connection) == len(lost)
        self._fail(lost)

    def check(self) -> None:
        """Every figure of the store is the model's, and the numbered invariants hold."""
        with self.engine.connect() as connection:
            self._check_accounts(connection)
            rows = {
                (day.day, day.user_id, day.key_id): [
                    day.requests,
                    day.completed,
                    day.prompt_tokens,
                    day.output_tokens,
                    day.microcredits,
                ]
                for day in load_usage(connection)
            }
            assert rows == dict(self.model.usage)
            held = {job.job_id: job.held_microcredits for job in load_open_jobs(connection)}
            assert held == {job.job_id: job.hold for job in self.model.open.values()}

    def finish(self) -> None:
        """The books recompute to the same figures, with one receipt for each job that ended."""
        self.check()
        with self.engine.connect() as connection:
            verdict = recompute(connection)
            recorded = connection.execute(select(receipts.c.seq)).all()
        self.engine.dispose()
        assert verdict.is_equal, verdict.difference
        assert len(recorded) == self.model.ended

    def _check_accounts(self, connection: Connection) -> None:
        balances = load_balances(connection)
        sums: defaultdict[str, int] = defaultdict(int)
        for (_account, asset), amount in balances.items():
            sums[asset] += amount
        assert not any(sums.values()), "I2: all balances sum to zero"
        for user, limit in self.model.limits.items():
            credits_raw = balances.get((f"customer/{user}", "CREDIT"), 0)  # type: ignore[arg-type]  # a path
            assert credits_raw == self.model.balance[user]
            assert load_held(connection, user) == self.model.held[user]
            assert load_available(connection, user) == self.model.available(user)
            assert limit is None or credits_raw >= -limit, "I4: no account below its floor"

    def _fail(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self.model.end_job(job, is_completed=False, output_tokens=0)


def _agreement(job: Job) -> Agreement:
    return Agreement(
        key_id=job.key, terms=_TERMS, locked_at=job.created_at, held_microcredits=job.hold
    )


def as_open(job: Job) -> OpenJob:
    """The job as it is recorded while it runs."""
    return replace(
        make_open_job(1),
        job_id=job.job_id,
        user_id=job.user,
        key_id=job.key,
        prompt_tokens=job.prompt_tokens,
        created_at=job.created_at,
        expires_at=job.expires_at,
        held_microcredits=job.hold,
        terms=locked_terms(_agreement(job)),
    )


def as_finished(end: End) -> FinishedJob:
    """The job as it is recorded at its end."""
    return compute_finished_job(_as_facts(end))


def _as_facts(end: End) -> JobFacts:
    job, is_completed = end.job, end.status is JobStatus.COMPLETED
    failure = {JobStatus.FAILED: "worker_failed", JobStatus.CANCELLED: "customer_left"}
    return make_facts(
        1,
        job_id=JobId(job.job_id),
        user_id=UserId(job.user),
        created_at=job.created_at,
        status=end.status,
        prompt_tokens=TokenCount(job.prompt_tokens),
        output_tokens=TokenCount(end.output_tokens),
        finish_reason="stop" if is_completed else "",
        failure_reason=failure.get(end.status, ""),
        measured=Measurements(
            online_minutes=900,
            first_token_us=Micros(9_000),
            inter_token_us=Micros(0),
            prompt_tokens=job.prompt_tokens,
        ),
        agreement=_agreement(job),
        **({} if is_completed else {"evidence": NO_CLAIMS}),
    )
