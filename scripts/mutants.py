"""What a run of mutmut left behind: every mutant of the rules, what it changed, what became of it.

Reads the folder `mutants/` of a finished run; `scripts/mutation.py` calls it. Of a mutant it names
the smallest piece of code that says what was changed, so that the name of a survivor does not
change with the lines above it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

RULES = Path("src/basis/rules")

_ORIGINAL = "__mutmut_orig"
_MUTANT = "__mutmut_"
_IN_CLASS = "ǁ"


class Outcome(StrEnum):
    """What the tests said to one mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    NO_TESTS = "no tests"
    TIMEOUT = "timeout"
    OTHER = "other"


# What mutmut 3 writes down: pytest's exit status, or the signal or number of its own.
_OUTCOMES = {
    1: Outcome.KILLED,
    3: Outcome.KILLED,  # pytest itself broke: the change was noticed
    0: Outcome.SURVIVED,
    5: Outcome.NO_TESTS,
    33: Outcome.NO_TESTS,
    36: Outcome.TIMEOUT,
    24: Outcome.TIMEOUT,
    -24: Outcome.TIMEOUT,
    152: Outcome.TIMEOUT,
    255: Outcome.TIMEOUT,
}


AT_IMPORT = frozenset(
    {
        "accounts._row",
        "catalog.Catalog.get",
        "export_columns.columns",
        "gpus._key",
        "gpus._table",
        "points_tables._cards",
        "points_tables._mib",
    }
)
"""The functions that run while a module of the rules is imported: they build its tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One small change of one function: `before` became `after`."""

    key: str
    """mutmut's own name, for `mutmut show`."""
    module: str
    function: str
    """`module.function`, or `module.Class.method`."""
    outcome: Outcome
    before: str
    after: str
    is_in_error: bool
    """Whether the change lies within a `raise`."""
    is_text: bool
    """Whether nothing but the words of a string literal changed."""


def outcome_of_exit(code: int | None) -> Outcome:
    """What a test process said by its exit status; None where it was never started."""
    return Outcome.OTHER if code is None else _OUTCOMES.get(code, Outcome.OTHER)


def read_mutants(folder: Path) -> Iterator[Mutant]:
    """Yields every mutant under `folder`/mutants, by module and in mutmut's own order."""
    for record in sorted((folder / "mutants" / RULES).glob("*.py.meta")):
        exits = json.loads(record.read_text(encoding="utf-8"))["exit_code_by_key"]
        if exits:
            source = record.with_suffix("").read_text(encoding="utf-8")
            yield from _mutants_of(record.name.removesuffix(".py.meta"), source, exits)


def _mutants_of(module: str, source: str, exits: dict[str, int | None]) -> Iterator[Mutant]:
    functions = {
        node.name: node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    for key, code in exits.items():
        mangled = key.rsplit(".", 1)[1]
        stem = mangled.rsplit(_MUTANT, 1)[0]
        original, changed = functions[stem + _ORIGINAL], functions[mangled]
        path, after = _difference(original, changed)
        shown, shown_after = _smallest_telling(path, after)
        yield Mutant(
            key=key,
            module=module,
            function=f"{module}.{_plain_name(stem)}",
            outcome=outcome_of_exit(code),
            before=shown,
            after=shown_after,
            is_in_error=any(isinstance(node, ast.Raise) for node in path),
            is_text=_is_text(path[-1]) and _is_text(after[-1]),
        )


def _plain_name(stem: str) -> str:
    """`x_name` is a function's, `xǁClassǁname` a method's."""
    if _IN_CLASS in stem:
        return stem.removeprefix("x" + _IN_CLASS).replace(_IN_CLASS, ".")
    return stem.removeprefix("x_")


def _difference(before: ast.AST, after: ast.AST) -> tuple[list[ast.AST], list[ast.AST]]:
    """The nodes from the whole function down to the smallest that holds every change, in both."""
    olds, news = [before], [after]
    while True:
        pairs = _children_that_differ(olds[-1], news[-1])
        if pairs is None or len(pairs) != 1:
            return olds, news
        olds.append(pairs[0][0])
        news.append(pairs[0][1])


def _children_that_differ(old: ast.AST, new: ast.AST) -> list[tuple[ast.AST, ast.AST]] | None:
    """None where the nodes themselves differ, so that no child alone says what changed."""
    mine, other = list(ast.iter_child_nodes(old)), list(ast.iter_child_nodes(new))
    if type(old) is not type(new) or _own_values(old) != _own_values(new):
        return None
    if len(mine) != len(other):
        return None
    return [(a, b) for a, b in zip(mine, other, strict=True) if ast.dump(a) != ast.dump(b)]


def _own_values(node: ast.AST) -> list[object]:
    """What a node holds itself: names and literals, but not a function's mangled name."""
    is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return [
        value
        for name, value in ast.iter_fields(node)
        if not isinstance(value, ast.AST | list) and not (is_function and name == "name")
    ]


def _smallest_telling(path: list[ast.AST], after: list[ast.AST]) -> tuple[str, str]:
    """Both sides as source: a bare number, name or operator is shown with what holds it."""
    depth = len(path) - 1
    if _is_text(path[-1]) and _is_text(after[-1]):
        return ast.unparse(path[-1]), ast.unparse(after[-1])
    while depth > 0 and not _is_telling(path[depth]):
        depth -= 1
    return ast.unparse(path[depth]), ast.unparse(after[depth])


def _is_telling(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant | ast.Name | ast.Attribute | ast.JoinedStr):
        return False
    return isinstance(node, ast.expr | ast.stmt | ast.keyword | ast.arguments)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
