"""Sizes and names: files, functions, columns; words that say nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from repo_files import PythonFile

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 70
MAX_COLUMNS = 100

_PRAGMA = re.compile(r"\s*# (?:noqa|type:|pyright:).*$")

EMPTY_WORDS = frozenset(
    {"common", "helper", "helpers", "manager", "managers", "misc", "service", "services"}
    | {"util", "utils", "utilities"}
)


def measure_functions(file: PythonFile) -> Iterator[tuple[str, int]]:
    """(path::qualified.name, lines) of every function, without its decorators."""
    yield from _measure(file.path, file.tree, "")


def _measure(path: str, scope: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield f"{path}::{prefix}{node.name}", lines
            yield from _measure(path, node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.ClassDef):
            yield from _measure(path, node, f"{prefix}{node.name}.")
        else:
            yield from _measure(path, node, prefix)


def compare_with_ratchet(
    sizes: dict[str, int], *, limit: int, allowed: dict[str, int]
) -> Iterator[str]:
    """What is above `limit` and not allowed, and every allowance that is larger than needed."""
    for name, lines in sorted(sizes.items()):
        if lines > max(limit, allowed.get(name, 0)):
            yield f"{name}: {lines} lines, at most {allowed.get(name, limit)} are allowed"
    for name, lines in sorted(allowed.items()):
        size = sizes.get(name, 0)
        if size <= limit:
            yield f"ratchet.json: {name} is within the limit now: take the entry out"
        elif size < lines:
            yield f"ratchet.json: {name} has {size} lines now: lower the entry from {lines}"


def find_long_lines(path: str, text: str) -> Iterator[str]:
    """Lines of more than 100 columns, a comment for a checker at the end not counted."""
    for number, line in enumerate(text.splitlines(), start=1):
        columns = len(_PRAGMA.sub("", line))
        if columns > MAX_COLUMNS:
            yield f"{path}:{number}: {columns} columns"


def find_empty_names(path: str) -> Iterator[str]:
    """Words in a path that say nothing of what is there."""
    for part in PurePosixPath(path).parts:
        stem = part.partition(".")[0].lower()
        for word in sorted(EMPTY_WORDS.intersection(re.split(r"[_-]", stem))):
            yield f"{path}: {word!r} says nothing: name what it is"
