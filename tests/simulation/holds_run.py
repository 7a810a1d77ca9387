"""Random operations on holds in large groups: `python -m tests.simulation.holds_run --help`.

The same world as the state machine's, with nothing to shrink, so that it comes far: every group is
one transaction, and store and model are compared after each.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from basis.rules.job import JobStatus
from tests.simulation.holds_model import Job
from tests.simulation.holds_world import KEYS, LIMITS, End, World

GROUP = 200
"""Operations of one group at most."""


@dataclass(slots=True)
class Done:
    """What a run did."""

    operations: int = 0
    granted: int = 0
    refused: int = 0
    captured: int = 0
    failed: int = 0
    restarts: int = 0
    groups: int = 0


def simulate(folder: Path, *, operations: int, seed: int, is_told: bool = False) -> Done:
    """At least so many operations in a fresh store at `folder`; what they were."""
    chance, world, done = random.Random(seed), World(folder), Done()
    while done.operations < operations:
        _write_group(world, chance, done)
        _move_credits(world, chance, done)
        _let_time_pass(world, chance, done)
        world.check()
        done.groups += 1
        if is_told and done.groups % 500 == 0:
            sys.stderr.write(f"{done.operations} operations, all equal\n")
    world.finish()
    return done


def run_groups(world: World, *, seed: int) -> Iterator[World]:
    """Does one random group after the other in `world`, for ever; gives it back after each."""
    chance, done = random.Random(seed), Done()
    while True:
        _write_group(world, chance, done)
        _move_credits(world, chance, done)
        yield world


def _write_group(world: World, chance: random.Random, done: Done) -> None:
    running = list(world.model.open.values())
    some = chance.sample(running, min(len(running), chance.randrange(GROUP)))
    ends = [_end(job, chance) for job in some]
    begins = [
        world.next_job(
            chance.choice(list(KEYS)),
            prompt_tokens=chance.randrange(20),
            max_tokens=chance.randrange(20),
        )
        for _ in range(chance.randrange(GROUP))
    ]
    before = len(running)
    world.write(ends=ends, begins=begins)
    granted = len(world.model.open) - before + len(ends)
    done.operations += len(ends) + len(begins)
    done.granted += granted
    done.refused += len(begins) - granted
    done.captured += sum(end.status is JobStatus.COMPLETED for end in ends)
    done.failed += sum(end.status is not JobStatus.COMPLETED for end in ends)


def _end(job: Job, chance: random.Random) -> End:
    status = chance.choice([JobStatus.COMPLETED] * 4 + [JobStatus.FAILED, JobStatus.CANCELLED])
    is_completed = status is JobStatus.COMPLETED
    tokens = chance.randint(0, job.max_tokens) if is_completed else 0
    return End(job=job, status=status, output_tokens=tokens)


def _move_credits(world: World, chance: random.Random, done: Done) -> None:
    for user in LIMITS:
        if chance.random() < 0.5:
            world.top_up(user, chance.randrange(40_000))
        else:
            world.take_back(user, chance.randrange(4_000))
        done.operations += 1


def _let_time_pass(world: World, chance: random.Random, done: Done) -> None:
    world.pass_time(chance.randrange(-10, 60))
    expired = len(world.model.open)
    world.expire()
    done.operations += expired - len(world.model.open)
    if chance.random() < 0.05:
        done.operations += len(world.model.open)
        done.restarts += 1
        world.restart()


def main() -> None:
    """Runs it in a folder of its own, which is removed afterwards."""
    parser = argparse.ArgumentParser(description="Random operations on holds, checked.")
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        done = simulate(
            Path(name) / "data", operations=options.operations, seed=options.seed, is_told=True
        )
    sys.stdout.write(f"{done}\n")


if __name__ == "__main__":
    main()
