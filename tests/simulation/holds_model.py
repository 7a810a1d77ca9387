"""A customer's credits as anyone would count them on paper: what the store is held against.

Plain integers and dictionaries, and no code of the project's but the price of a job.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

PROMPT_PRICE, OUTPUT_PRICE = 15, 60
"""Micro-credits a token of basis-tiny at the list price of the epoch that ships."""
HOLD_LIFE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of the model."""

    user: str
    parent: str | None = None
    budget: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job of the model, from its acceptance on."""

    number: int
    user: str
    key: str
    prompt_tokens: int
    max_tokens: int
    created_at: str

    @property
    def job_id(self) -> str:
        """Its id in the store."""
        return f"job_{self.number:07}"

    @property
    def hold(self) -> int:
        """The most that it can cost."""
        return self.price(self.max_tokens)

    @property
    def expires_at(self) -> str:
        """When its hold ends."""
        return spell(datetime.fromisoformat(self.created_at) + HOLD_LIFE)

    def price(self, output_tokens: int) -> int:
        """What so many tokens cost."""
        return self.prompt_tokens * PROMPT_PRICE + output_tokens * OUTPUT_PRICE

    def cost(self, output_tokens: int) -> int:
        """What it costs when it completes with so many tokens: an empty answer is free."""
        return self.price(output_tokens) if output_tokens else 0


def spell(time: datetime) -> str:
    """A time as the store spells it."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True, kw_only=True)
class Model:
    """Accounts, keys, open jobs and usage. Methods change it, or say that they would not."""

    limits: dict[str, int | None]
    """How far below zero each customer may go; None is without limit."""
    keys: dict[str, Key]
    balance: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    paid: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    held: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    used: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    """By key and day: what the key itself spent and holds."""
    usage: defaultdict[tuple[str, str, str], list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0] * 5)
    )
    """By day, customer and key: requests, completed, prompt and output tokens, micro-credits."""
    open: dict[str, Job] = field(default_factory=dict)
    ended: int = 0

    def available(self, user: str) -> int | None:
        """What can be spent."""
        limit = self.limits[user]
        return None if limit is None else limit + self.balance[user] - self.held[user]

    def open_job(self, job: Job) -> bool:
        """Whether it is granted; then it holds its credits."""
        if job.hold and not self._can_hold(job):
            return False
        self.open[job.job_id] = job
        self.held[job.user] += job.hold
        self.used[(job.key, job.created_at[:10])] += job.hold
        return True

    def end_job(self, job: Job, *, is_completed: bool, output_tokens: int) -> None:
        """It holds nothing any more, and costs what it came to if it completed."""
        del self.open[job.job_id]
        day = job.created_at[:10]
        cost = job.cost(output_tokens) if is_completed else 0
        self.held[job.user] -= job.hold
        self.balance[job.user] -= cost
        self.used[(job.key, day)] += cost - job.hold
        row = self.usage[(day, job.user, job.key)]
        row[0] += 1
        if is_completed:
            for index, amount in enumerate((1, job.prompt_tokens, output_tokens, cost), start=1):
                row[index] += amount
        self.ended += 1

    def top_up(self, user: str, microcredits: int) -> None:
        """A payment comes in."""
        self.balance[user] += microcredits
        self.paid[user] += microcredits

    def take_back(self, user: str, microcredits: int) -> bool:
        """Whether so much was paid and can be spent; then it is taken back."""
        available = self.available(user)
        is_there = available is None or microcredits <= available
        if not is_there or microcredits > self.paid[user]:
            return False
        self.balance[user] -= microcredits
        self.paid[user] -= microcredits
        return True

    def expired(self, now: str) -> list[Job]:
        """Open jobs whose hold has ended."""
        return [job for job in self.open.values() if job.expires_at < now]

    def _can_hold(self, job: Job) -> bool:
        available = self.available(job.user)
        if available is not None and job.hold > available:
            return False
        return all(
            job.hold + self._used_of_family(owner, job.created_at[:10]) <= budget
            for owner, budget in self._budgets(job.key)
        )

    def _budgets(self, key: str) -> list[tuple[str, int]]:
        owners = [key, self.keys[key].parent]
        return [
            (owner, budget)
            for owner in owners
            if owner is not None and (budget := self.keys[owner].budget) is not None
        ]

    def _used_of_family(self, owner: str, day: str) -> int:
        family = [owner, *(name for name, key in self.keys.items() if key.parent == owner)]
        return sum(self.used[(member, day)] for member in family)
