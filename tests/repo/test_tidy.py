"""The house style, held over the syntax tree of every file.

Each finding names file and line. `test_tidy_offenders.py` shows for each check what it finds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import tidy_money
import tidy_rules
import tidy_size
import tidy_statements
import tidy_tests
from repo_files import ROOT, PythonFile, python_files, text_files, tracked_paths

Check = Callable[[PythonFile], Iterator[str]]

CHECKS: list[tuple[Check, tuple[str, ...]]] = [
    (tidy_rules.find_impurities, ("src/basis/rules/",)),
    (tidy_rules.find_missing_docstrings, ("src/basis/rules/",)),
    (tidy_money.find_floats, tidy_money.MONEY_FOLDERS),
    (tidy_money.find_floats_near_money, ("src/", "scripts/", "bench/", "demo/")),
    (tidy_statements.find_globals, ()),
    (tidy_statements.find_module_state, ("src/",)),
    (tidy_statements.find_broad_excepts, ()),
    (tidy_statements.find_bare_ignores, ()),
    (tidy_statements.find_environment_readers, ("src/",)),
    (tidy_tests.find_tests_without_assertion, ("tests/",)),
    (tidy_tests.find_nameless_claims, ("tests/",)),
    (tidy_tests.find_skips_without_reason, ("tests/",)),
    (tidy_tests.find_mocks, ("tests/",)),
    (tidy_tests.find_clocks, ("tests/unit/", "tests/property/")),
]


def _listed(findings: list[str]) -> str:
    return "\n" + "\n".join(findings)


@pytest.mark.parametrize(("check", "folders"), CHECKS, ids=[check.__name__ for check, _ in CHECKS])
def test_tidy__every_file__has_no_finding(check: Check, folders: tuple[str, ...]) -> None:
    findings = [finding for file in python_files(*folders) for finding in check(file)]
    assert not findings, _listed(findings)


def test_tidy__source_outside_the_command_line__prints_nothing() -> None:
    findings = [
        finding
        for file in python_files("src/")
        if not file.path.startswith("src/basis/cli/")
        for finding in tidy_statements.find_prints(file)
    ]
    assert not findings, _listed(findings)


def test_tidy__every_text_file__has_no_mark_of_unfinished_work() -> None:
    findings = [
        finding
        for path, text in text_files()
        for finding in tidy_statements.find_unfinished(path, text)
    ]
    assert not findings, _listed(findings)


def test_tidy__every_python_file__keeps_within_its_lines() -> None:
    ratchet = json.loads((ROOT / "tests/repo/ratchet.json").read_text(encoding="utf-8"))
    sizes = {file.path: len(file.text.splitlines()) for file in python_files()}
    findings = list(
        tidy_size.compare_with_ratchet(
            sizes, limit=tidy_size.MAX_FILE_LINES, allowed=ratchet["file_lines"]
        )
    )
    assert not findings, _listed(findings)


def test_tidy__every_function__fits_a_screen() -> None:
    ratchet = json.loads((ROOT / "tests/repo/ratchet.json").read_text(encoding="utf-8"))
    sizes = dict(size for file in python_files() for size in tidy_size.measure_functions(file))
    findings = list(
        tidy_size.compare_with_ratchet(
            sizes, limit=tidy_size.MAX_FUNCTION_LINES, allowed=ratchet["function_lines"]
        )
    )
    assert not findings, _listed(findings)


def test_tidy__every_source_line__keeps_within_100_columns() -> None:
    endings = (".py", ".pyi", ".mako", "Makefile", ".sol", ".sh")
    findings = [
        finding
        for path, text in text_files(*endings)
        for finding in tidy_size.find_long_lines(path, text)
    ]
    assert not findings, _listed(findings)


def test_tidy__every_path__says_what_is_there() -> None:
    findings = [finding for path in tracked_paths() for finding in tidy_size.find_empty_names(path)]
    assert not findings, _listed(findings)
