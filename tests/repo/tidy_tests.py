"""Tests claim, assert, give reasons, and use no doubles of our own code, clock or sleep."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from repo_files import PythonFile

_ASSERTING_METHODS = frozenset({"raises", "warns", "deprecated_call", "fail"})
_CLOCKS = frozenset(
    {("time", "sleep"), ("time", "time"), ("time", "monotonic"), ("time", "perf_counter")}
    | {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("asyncio", "sleep")}
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(file: PythonFile) -> list[Function]:
    return [node for node in ast.walk(file.tree) if isinstance(node, Function)]


def _tests(file: PythonFile) -> list[Function]:
    return [function for function in _functions(file) if function.name.startswith("test_")]


def find_tests_without_assertion(file: PythonFile) -> Iterator[str]:
    """Tests that cannot fail but by accident.

    An assertion is `assert`, pytest's raises, warns or fail, a call whose name begins with assert
    or expect, or a call of a function of the same file that holds one of these.
    """
    asserting = {function.name for function in _functions(file) if _asserts(function, set())}
    for test in _tests(file):
        if not _asserts(test, asserting - {test.name}):
            yield file.at(test, f"{test.name} asserts nothing")


def _asserts(function: Function, asserting: set[str]) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute):
            name = node.func.attr
            if name in _ASSERTING_METHODS and getattr(node.func.value, "id", "") == "pytest":
                return True
        else:
            name = getattr(node.func, "id", "")
        if name in asserting or name.lstrip("_").startswith(("assert", "expect")):
            return True
    return False


def find_nameless_claims(file: PythonFile) -> Iterator[str]:
    """Test names that are no claim: `test_<what>__<when>__<then>`, or at least two of the three."""
    for test in _tests(file):
        if len([part for part in test.name.split("__") if part]) < 2:
            yield file.at(test, f"{test.name} claims nothing: test_capture__more_than_held__raises")


def find_skips_without_reason(file: PythonFile) -> Iterator[str]:
    """skip, skipif and xfail that do not say why."""
    called = {id(node.func) for node in ast.walk(file.tree) if isinstance(node, ast.Call)}
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call) and _is_skip(node.func):
            has_reason = any(keyword.arg in {"reason", "msg"} for keyword in node.keywords)
            may_be_first = getattr(node.func, "attr", "") != "skipif"
            if not has_reason and not (may_be_first and node.args):
                yield file.at(node, "a skip without its reason")
        elif isinstance(node, ast.Attribute) and _is_skip(node) and id(node) not in called:
            yield file.at(node, "a skip without its reason")


def _is_skip(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in {"skip", "skipif", "xfail"}
        and ast.unparse(node.value) in {"pytest", "pytest.mark"}
    )


def find_mocks(file: PythonFile) -> Iterator[str]:
    """Imports of mocking libraries."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for module in modules:
            if module.startswith(("unittest.mock", "pytest_mock", "mock.")) or module == "mock":
                yield file.at(node, f"{module}: use the real part, or a double that ships")


def find_clocks(file: PythonFile) -> Iterator[str]:
    """Sleeps and reads of the real clock; `asyncio.sleep(0)` only yields."""
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value
        owner_name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
        yields_only = bool(node.args) and getattr(node.args[0], "value", None) == 0
        if (owner_name, node.func.attr) in _CLOCKS and not yields_only:
            yield file.at(node, f"{owner_name}.{node.func.attr} in a unit test: pass the time in")
