"""Changes the rules one small piece at a time and counts which changes their tests notice.

`make mutation` calls it. mutmut works in a copy under build/mutation. mutmut forks one process that
has imported everything, so a change of what runs at import cannot show there: survivors among such
functions are tried once more, each in a process of its own. Every survivor must fall into a class
of tests/mutation/survivors.toml, which says why it may live.
`--report` judges the last run again; `--write` writes docs/reference/mutation.md from it too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from mutants import AT_IMPORT, Mutant, Outcome, outcome_of_exit, read_mutants
from survivors import Reason, explain, load_reasons, render_page

ROOT = Path(__file__).parents[1]
COPY = ROOT / "build/mutation"
SECOND_LOOK = COPY / "second_look.json"
TOOLS = ROOT / ".tools/mutation/bin"
REASONS = ROOT / "tests/mutation/survivors.toml"
PAGE = ROOT / "docs/reference/mutation.md"

LEAST_KILLED_BPS = 8_500
"""Of all mutants, in basis points. Source: the bar of the money issue."""


def main() -> int:
    """1 if too few are killed, or a survivor has no reason."""
    parser = argparse.ArgumentParser(description="Mutate the rules and count what tests notice.")
    parser.add_argument("--report", action="store_true", help="judge the last run again")
    parser.add_argument("--write", action="store_true", help="write docs/reference/mutation.md")
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    if not chosen.report:
        _make_copy()
        _run_mutmut(chosen.children)
        _look_again(chosen.children)
    mutants = _read_both()
    reasons = load_reasons(REASONS)
    if chosen.write:
        PAGE.write_text(render_page(mutants, reasons), encoding="utf-8")
    return _judge(mutants, reasons)


def _make_copy() -> None:
    shutil.rmtree(COPY, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, COPY / name)


def _run_mutmut(children: int) -> None:
    """Its own progress goes to the terminal, or into a file where there is none."""
    command = [str(TOOLS / "mutmut"), "run", "--max-children", str(children)]
    environment = _environment()
    if sys.stdout.isatty():
        subprocess.run(command, cwd=COPY, env=environment, check=True)
        return
    log = COPY / "mutmut.log"
    print(f"    its progress is in {log.relative_to(ROOT)}", flush=True)
    with log.open("wb") as out:
        subprocess.run(
            command, cwd=COPY, env=environment, check=True, stdout=out, stderr=subprocess.STDOUT
        )


def _look_again(children: int) -> None:
    """Tries survivors of what runs at import in fresh processes; their exits go into a file."""
    keys = [
        mutant.key
        for mutant in read_mutants(COPY)
        if mutant.outcome in {Outcome.SURVIVED, Outcome.NO_TESTS} and mutant.function in AT_IMPORT
    ]
    print(f"    {len(keys)} survivors of what runs at import, each in a process of its own")
    with ThreadPoolExecutor(children) as pool:
        exits = dict(zip(keys, pool.map(_run_alone, keys), strict=True))
    SECOND_LOOK.write_text(json.dumps(exits, indent=1), encoding="utf-8")


def _run_alone(key: str) -> int:
    environment = _environment(MUTANT_UNDER_TEST=key, PYTHONPATH="src")
    command = [str(TOOLS / "python"), "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "tests/unit"],
        cwd=COPY / "mutants",
        env=environment,
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ).returncode


def _environment(**additions: str) -> dict[str, str]:
    """Ours, without what would let the tests import another copy of the rules."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, **additions}


def _read_both() -> list[Mutant]:
    """Every mutant, with what the second look found where there was one."""
    again: dict[str, int] = json.loads(SECOND_LOOK.read_text(encoding="utf-8"))
    return [
        replace(mutant, outcome=outcome_of_exit(again[mutant.key]))
        if mutant.key in again
        else mutant
        for mutant in read_mutants(COPY)
    ]


def _judge(mutants: Sequence[Mutant], reasons: Sequence[Reason]) -> int:
    print(f"{'module':20}{'mutants':>9}{'killed':>8}{'survived':>10}{'no tests':>10}", end="")
    print(f"{'timeout':>9}{'other':>7}{'rate':>9}")
    for module in sorted({mutant.module for mutant in mutants}):
        _print_row(module, (one for one in mutants if one.module == module))
    killed_bps = _print_row("all", mutants)
    unexplained = [
        one
        for one in mutants
        if one.outcome is not Outcome.KILLED and explain(one, reasons) is None
    ]
    for one in unexplained:
        print(f"no reason: {one.key} ({one.outcome}): {one.before} -> {one.after}")
    living = [one for one in mutants if one.outcome is not Outcome.KILLED]
    for reason in reasons:
        if not any(explain(one, reasons) is reason for one in living):
            print(f"reason without a survivor: {reason.name}")
    print(f"{len(living) - len(unexplained)} of {len(living)} that were not killed have a reason")
    if killed_bps < LEAST_KILLED_BPS:
        print(f"too few are killed: at least {LEAST_KILLED_BPS / 100:.0f} % are expected")
    return int(bool(unexplained) or killed_bps < LEAST_KILLED_BPS)


def _print_row(name: str, mutants: Iterable[Mutant]) -> int:
    """The share of those killed, in basis points, rounded down."""
    counts = Counter(mutant.outcome for mutant in mutants)
    total = counts.total()
    killed_bps = counts[Outcome.KILLED] * 10_000 // total
    print(
        f"{name:20}{total:9}{counts[Outcome.KILLED]:8}{counts[Outcome.SURVIVED]:10}"
        f"{counts[Outcome.NO_TESTS]:10}{counts[Outcome.TIMEOUT]:9}{counts[Outcome.OTHER]:7}"
        f"{killed_bps / 100:7.1f} %"
    )
    return killed_bps


if __name__ == "__main__":
    sys.exit(main())
