"""Random operations on a real store, many of them wrong, checked after every commit and rollback.

`python -m tests.simulation.ledger --operations 10000000`: each episode begins with an empty SQLite
store in memory and books groups of entries as the writer does, each group in one transaction. Good
operations are payments, jobs, moves of rewards, adjustments, reversals and repeats. A group may
hold a wrong one (other content under a known cause, an account or asset that the chart lacks, more
than an account holds), or the process may die between two statements of it; then nothing of it may
be on record, and the good ones are booked again.

After each group the store must hold what plain sums over the accepted entries say (I3, I10), sum to
zero in every asset (I2) and stay within every bound (I4). After each episode the log must be the
accepted entries in their order, each of which sums to zero (I1), and fold to the balances (I10).
The same seed gives the same operations.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from multiprocessing import Pool
from random import Random

from sqlalchemy import create_engine, event
from sqlalchemy.pool import StaticPool

from basis.rules.accounts import validate_floors
from basis.rules.errors import BasisError
from basis.rules.ledger import AccountPath, Entry, fold_balances
from basis.storage.ledger_store import iterate_entries, load_balances, store_entries
from basis.storage.schema import metadata
from tests.simulation.ledger_operations import Books

_EPISODE = 20_000
"""Operations on one store: long enough for many pages, short enough for memory."""
_LARGEST_GROUP = 160
_WRONG_GROUPS, _DEADLY_GROUPS = 15, 10
"""Of 100 groups."""
_MOST_STATEMENTS = 8
"""Of one group; where it has fewer, the process dies before its commit."""
_NOW = "2026-11-23T12:00:00.000Z"


class Died(Exception):
    """The process ended between two statements."""


class LedgerSimulation:
    """One store, and the books that it must equal."""

    def __init__(self, seed: int, *, largest_group: int) -> None:
        self._random = Random(seed)
        self._largest_group = largest_group
        self._books = Books(self._random)
        self._statements_left = -1
        self._engine = create_engine("sqlite://", poolclass=StaticPool)
        self.counts: Counter[str] = Counter()
        event.listen(self._engine, "before_cursor_execute", self._on_statement)
        metadata.create_all(self._engine)

    def run(self, operations: int) -> None:
        """Does `operations` of them, or a few more, and checks as it goes.

        Raises:
            AssertionError: an invariant does not hold; the message names it.
        """
        while self.counts.total() < operations:
            self._do_group(self._random.randint(1, self._largest_group))
        self._check_log()
        self._engine.dispose()

    def _do_group(self, size: int) -> None:
        before = dict(self._books.balances)
        group: list[Entry] = []
        for _operation in range(size):
            name, entry = self._books.make_good()
            self._books.accept(entry)
            self.counts[name] += 1
            group.append(entry)
        fate = self._random.randrange(100)
        if fate < _WRONG_GROUPS:
            self._try_wrong(group)
            self._check(before, "after a refusal")
        elif fate < _WRONG_GROUPS + _DEADLY_GROUPS:
            self._die_within(group)
            self._check(before, "after a crash")
        with self._engine.begin() as connection:
            store_entries(connection, group, now=_NOW)
        self._check(self._books.balances, "after a commit")

    def _try_wrong(self, group: Sequence[Entry]) -> None:
        expected, wrong = self._books.make_wrong()
        at = self._random.randint(0, len(group))
        try:
            with self._engine.begin() as connection:
                store_entries(connection, [*group[:at], wrong, *group[at:]], now=_NOW)
        except expected:
            self.counts[f"refusal: {expected.__name__}"] += 1
            return
        except BasisError as error:
            raise AssertionError(f"{error!r} instead of {expected.__name__}: {wrong}") from error
        raise AssertionError(f"accepted instead of {expected.__name__}: {wrong}")

    def _die_within(self, group: Sequence[Entry]) -> None:
        try:
            with self._engine.begin() as connection:
                self._statements_left = self._random.randrange(_MOST_STATEMENTS)
                store_entries(connection, group, now=_NOW)
                raise Died
        except Died:
            self.counts["crash"] += 1
        finally:
            self._statements_left = -1

    def _on_statement(self, *_facts: object) -> None:
        if self._statements_left == 0:
            raise Died
        self._statements_left -= 1

    def _check(self, expected: Mapping[tuple[AccountPath, str], int], when: str) -> None:
        with self._engine.connect() as connection:
            held = load_balances(connection)
        assert held == {key: raw for key, raw in expected.items() if raw}, f"I3, I10 {when}"
        totals: defaultdict[str, int] = defaultdict(int)
        for (_account, asset), balance_raw in held.items():
            totals[asset] += balance_raw
        assert not any(totals.values()), f"I2 {when}: {dict(totals)}"
        validate_floors(held.items())

    def _check_log(self) -> None:
        with self._engine.connect() as connection:
            recorded = list(iterate_entries(connection))
            held = load_balances(connection)
        assert recorded == list(self._books.log.values()), "I3: the log is not what was accepted"
        assert fold_balances(recorded) == held, "I10: the log does not fold to the balances"
        for entry in recorded:
            sums: defaultdict[str, int] = defaultdict(int)
            for posting in entry.postings:
                sums[posting.asset] += posting.amount_raw
            assert not any(sums.values()), f"I1: {entry}"


def run_episode(task: tuple[int, int], *, largest_group: int = _LARGEST_GROUP) -> Counter[str]:
    """How often each operation was done in the episode of (seed, operations)."""
    seed, operations = task
    simulation = LedgerSimulation(seed, largest_group=largest_group)
    try:
        simulation.run(operations)
    except (AssertionError, BasisError) as error:
        raise AssertionError(f"seed {seed}, operation {simulation.counts.total()}") from error
    return simulation.counts


def main() -> None:
    """Runs the episodes, prints what was done and how long it took."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.ledger", description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first episode")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    episodes = -(-options.operations // _EPISODE)
    tasks = [(options.seed + number, _EPISODE) for number in range(episodes)]
    counts: Counter[str] = Counter()
    began = time.perf_counter()
    with Pool(options.processes) as pool:
        for done, found in enumerate(pool.imap_unordered(run_episode, tasks), start=1):
            counts += found
            sys.stderr.write(f"\r{done} of {episodes} episodes, {counts.total():,} operations")
    taken_s = time.perf_counter() - began
    sys.stderr.write("\n")
    sys.stdout.write(
        f"{counts.total():,} operations on {episodes} stores in {taken_s:.0f} s, seeds from "
        f"{options.seed}: no invariant was broken ({platform.machine()}, "
        f"{options.processes} processes, Python {platform.python_version()})\n"
    )
    for name, count in counts.most_common():
        sys.stdout.write(f"  {count:>12,}  {name}\n")


if __name__ == "__main__":
    main()
