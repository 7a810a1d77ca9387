"""What `rules/` may contain: pure functions on integers, each with a docstring."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from repo_files import PythonFile

PURE_MODULES = frozenset(
    {
        "__future__",
        "coincurve",
        "collections",
        "collections.abc",
        "dataclasses",
        "enum",
        "hashlib",
        "itertools",
        "json",
        "json.encoder",
        "msgspec",
        "re",
        "tiny_keccak",
        "typing",
    }
)
"""An allow-list: whatever reads a clock, a file, a socket or chance is not on it."""

IMPURE_NAMES = frozenset(
    {
        "Any",  # says nothing about what is owed
        "__import__",
        "breakpoint",
        "compile",
        "complex",
        "eval",
        "exec",
        "float",
        "globals",
        "hash",  # of text it differs from process to process
        "id",
        "input",
        "open",
        "print",
        "round",
        "setattr",
    }
)


def find_impurities(file: PythonFile) -> Iterator[str]:
    """Imports outside the allow-list, and names that reach outside or leave the integers."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = ["." * node.level + (node.module or "")]
            for alias in node.names:
                if alias.name in IMPURE_NAMES:
                    yield file.at(node, f"rules import {alias.name}")
        else:
            modules = []
            is_read = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
            if is_read and node.id in IMPURE_NAMES:
                yield file.at(node, f"rules use {node.id}")
            if isinstance(node, ast.AsyncFunctionDef | ast.Await):
                yield file.at(node, "rules wait for nothing")
        for module in modules:
            if module not in PURE_MODULES and not module.startswith("basis.rules"):
                yield file.at(node, f"rules import {module}: only pure modules are allowed")


def find_missing_docstrings(file: PythonFile) -> Iterator[str]:
    """The module, and public classes, functions and methods, without a docstring."""
    if not ast.get_docstring(file.tree):
        yield file.at(1, "the module has no docstring")
    yield from _undocumented(file, file.tree)


def _undocumented(file: PythonFile, scope: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in scope.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield file.at(node, f"{node.name} has no docstring")
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(file, node)
