"""Why a mutant of the rules may live: the classes of tests/mutation/survivors.toml.

`scripts/mutation.py` calls it. A class says by a reason what its mutants have in common, and finds
them by what was changed; the first class that fits a mutant is its class.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
from mutants import Mutant, Outcome

_LONGEST_SHOWN = 110


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A class of mutants: whatever fits all that is given. Patterns must match as a whole."""

    name: str
    reason: str
    functions: tuple[str, ...] = ()
    """Patterns of `module.function`, of which one must match."""
    before: str | None = None
    after: str | None = None
    is_in_error: bool | None = None
    is_text: bool | None = None
    outcome: Outcome | None = None

    def fits(self, mutant: Mutant) -> bool:
        """Whether the mutant is of this class."""
        return (
            (not self.functions or any(_is(one, mutant.function) for one in self.functions))
            and (self.before is None or _is(self.before, mutant.before))
            and (self.after is None or _is(self.after, mutant.after))
            and self.is_in_error in {None, mutant.is_in_error}
            and self.is_text in {None, mutant.is_text}
            and self.outcome in {None, mutant.outcome}
        )


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    classes: list[Reason] = msgspec.field(name="class")


def load_reasons(path: Path) -> list[Reason]:
    """The classes in the order of the file.

    Raises:
        ValidationError: a member is missing, unknown or of another type.
    """
    with path.open("rb") as file:
        return msgspec.convert(tomllib.load(file), _File).classes


def _is(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def explain(mutant: Mutant, reasons: Sequence[Reason]) -> Reason | None:
    """The class of a mutant that lives; None if it has none."""
    return next((reason for reason in reasons if reason.fits(mutant)), None)


def render_page(mutants: Sequence[Mutant], reasons: Sequence[Reason]) -> str:
    """docs/reference/mutation.md: the rates, the classes, and every mutant that was not killed."""
    lines = [
        "# Mutation testing of the rules",
        "",
        "<!-- Written by scripts/mutation.py --write from a run of `make mutation`. -->",
        "",
        "Every function of [`rules/`](../../src/basis/rules) was changed in one small place at a",
        "time, and its tests were run against each change. What is changed, what is not, and how",
        "survivors are judged: [decision 0018](../decisions/0018-mutation-testing.md).",
        "",
        "| module | mutants | killed | survived | no tests | timeout | rate |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        _row(module, [one for one in mutants if one.module == module])
        for module in sorted({mutant.module for mutant in mutants})
    ]
    lines += [_row("**all**", mutants), "", "## What was not killed, by class", ""]
    for reason in reasons:
        found = [
            one
            for one in mutants
            if one.outcome is not Outcome.KILLED and explain(one, reasons) is reason
        ]
        if found:
            lines += [f"### {reason.name} ({len(found)})", "", reason.reason.strip(), ""]
            lines += ["| function | was | became | |", "|---|---|---|---|"]
            lines += sorted(_survivor(one) for one in found)
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _row(name: str, mutants: Sequence[Mutant]) -> str:
    counts = Counter(mutant.outcome for mutant in mutants)
    killed_bps = counts[Outcome.KILLED] * 10_000 // len(mutants)
    return (
        f"| {name} | {len(mutants)} | {counts[Outcome.KILLED]} | {counts[Outcome.SURVIVED]} "
        f"| {counts[Outcome.NO_TESTS]} | {counts[Outcome.TIMEOUT] + counts[Outcome.OTHER]} "
        f"| {killed_bps / 100:.1f} % |"
    )


def _survivor(mutant: Mutant) -> str:
    note = "" if mutant.outcome is Outcome.SURVIVED else mutant.outcome.value
    before, after = mutant.before, mutant.after
    start = next(
        (at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b),
        min(len(before), len(after)),
    )
    return f"| {mutant.function} | {_code(before, start)} | {_code(after, start)} | {note} |"


def _code(text: str, differs_at: int) -> str:
    """A piece of code in one line, cut to where it differs if it is long."""
    first = max(0, differs_at - _LONGEST_SHOWN // 3) if len(text) > _LONGEST_SHOWN else 0
    cut = ("..." if first else "") + text[first : first + _LONGEST_SHOWN]
    shown = " ".join(cut.split()).replace("|", "\\|")
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"
