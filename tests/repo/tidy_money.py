"""No float on any path to money.

Where money is computed there is no float at all; elsewhere none may meet a name ending in `_raw`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from repo_files import PythonFile

MONEY_FOLDERS = (
    "src/basis/rules/",
    "src/basis/accounting/",
    "src/basis/audit/",
    "src/basis/settlement/",
)

_INEXACT = {"float", "round"}


def find_floats(file: PythonFile) -> Iterator[str]:
    """Every float literal, `float`, `round` and true division."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield file.at(node, f"a float literal: {node.value}")
        if isinstance(node, ast.Name) and node.id in _INEXACT:
            yield file.at(node, f"{node.id} where money is computed")
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield file.at(node, "true division where money is computed: name the rounding")


def find_floats_near_money(file: PythonFile) -> Iterator[str]:
    """Every place where a name ending in `_raw` meets a float, `/`, float() or round()."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.BinOp | ast.AugAssign | ast.Compare | ast.Call):
            yield from _mixed(file, node)
        for name, value in _given(node):
            if _is_raw(name) and _is_inexact(value):
                yield file.at(value, f"{name} takes a float")
        for name, annotation in _annotated(node):
            if _is_raw(name) and _mentions_float(annotation):
                yield file.at(annotation, f"{name} is declared a float")


def _mixed(
    file: PythonFile, node: ast.BinOp | ast.AugAssign | ast.Compare | ast.Call
) -> Iterator[str]:
    if isinstance(node, ast.Call):
        is_inexact = isinstance(node.func, ast.Name) and node.func.id in _INEXACT
    elif isinstance(node, ast.Compare):
        is_inexact = any(
            isinstance(side, ast.Constant) and isinstance(side.value, float)
            for side in (node.left, *node.comparators)
        )
    else:
        is_inexact = isinstance(node.op, ast.Div) or _is_inexact(node)
    raw = next((name for name in _names(node) if _is_raw(name)), None)
    if is_inexact and raw:
        yield file.at(node, f"{raw} meets a float")


def _given(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """(name, value) of each assignment, keyword argument and default."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            for name in _names(target):
                yield name, node.value
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        for name in _names(node.target):
            yield name, node.value
    elif isinstance(node, ast.keyword) and node.arg:
        yield node.arg, node.value
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value


def _annotated(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.AnnAssign):
        for name in _names(node.target):
            yield name, node.annotation
    elif isinstance(node, ast.arg) and node.annotation is not None:
        yield node.arg, node.annotation
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
        yield node.name, node.returns


def _is_raw(name: str) -> bool:
    return name.lower().endswith("_raw") and name != "_raw"


def _names(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            yield inner.attr
        elif isinstance(inner, ast.Subscript) and isinstance(inner.slice, ast.Constant):
            yield str(inner.slice.value)


def _is_inexact(value: ast.AST) -> bool:
    for node in ast.walk(value):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            return True
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return True
        if isinstance(node, ast.Name) and node.id == "float":
            return True
    return False


def _mentions_float(annotation: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "float" for node in ast.walk(annotation))
