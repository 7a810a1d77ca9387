"""What each check of the house style finds, and what it lets pass."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

import pytest
import tidy_money
import tidy_rules
import tidy_size
import tidy_statements
import tidy_tests
from repo_files import PythonFile, parse_python

Check = Callable[[PythonFile], Iterator[str]]

OFFENDERS: list[tuple[Check, str]] = [
    (tidy_rules.find_impurities, "import os"),
    (tidy_rules.find_impurities, "import datetime as dates"),
    (tidy_rules.find_impurities, "from time import time"),
    (tidy_rules.find_impurities, "from basis.storage import database"),
    (tidy_rules.find_impurities, "from . import units"),
    (tidy_rules.find_impurities, "import aiohttp"),
    (tidy_rules.find_impurities, "from typing import Any"),
    (tidy_rules.find_impurities, "def load(): return open('x').read()"),
    (tidy_rules.find_impurities, "print(1)"),
    (tidy_rules.find_impurities, "eval('1')"),
    (tidy_rules.find_impurities, "seed = hash('text')"),
    (tidy_rules.find_impurities, "async def wait(): ..."),
    (tidy_rules.find_missing_docstrings, "x = 1"),
    (tidy_rules.find_missing_docstrings, "'''Module.'''\ndef compute(): return 1"),
    (tidy_rules.find_missing_docstrings, "'''Module.'''\nclass Entry: ..."),
    (
        tidy_rules.find_missing_docstrings,
        "'''Module.'''\nclass Entry:\n    '''One.'''\n    def total(self): return 1",
    ),
    (tidy_money.find_floats, "half = 0.5"),
    (tidy_money.find_floats, "share = total / 2"),
    (tidy_money.find_floats, "total /= 2"),
    (tidy_money.find_floats, "float('1')"),
    (tidy_money.find_floats, "def share(x: float): ..."),
    (tidy_money.find_floats, "round(x)"),
    (tidy_money.find_floats_near_money, "x = reward_raw / 2"),
    (tidy_money.find_floats_near_money, "x = receipt.reward_raw / 2"),
    (tidy_money.find_floats_near_money, "x = row['reward_raw'] / 2"),
    (tidy_money.find_floats_near_money, "x = reward_raw * 0.5"),
    (tidy_money.find_floats_near_money, "x = float(reward_raw)"),
    (tidy_money.find_floats_near_money, "x = round(reward_raw, 2)"),
    (tidy_money.find_floats_near_money, "reward_raw = pool / 2"),
    (tidy_money.find_floats_near_money, "reward_raw = 0.0"),
    (tidy_money.find_floats_near_money, "reward_raw: float = pool"),
    (tidy_money.find_floats_near_money, "def pay(reward_raw: float | None): ..."),
    (tidy_money.find_floats_near_money, "def total_raw() -> float: ..."),
    (tidy_money.find_floats_near_money, "pay(amount_raw=1.5)"),
    (tidy_money.find_floats_near_money, "row = {'amount_raw': pool / 2}"),
    (tidy_money.find_floats_near_money, "is_large = reward_raw > 1e18"),
    (tidy_money.find_floats_near_money, "reward_raw /= 2"),
    (tidy_statements.find_globals, "def f():\n    global x\n    x = 1"),
    (tidy_statements.find_module_state, "cache = {}"),
    (tidy_statements.find_module_state, "_seen: set[str] = set()"),
    (tidy_statements.find_module_state, "rows = [x for x in range(3)]"),
    (tidy_statements.find_module_state, "import collections\nq = collections.deque()"),
    (tidy_statements.find_module_state, "CACHE = {}\ndef f(x): CACHE[x] = 1"),
    (tidy_statements.find_module_state, "ROWS = []\ndef f(x): ROWS.append(x)"),
    (tidy_statements.find_broad_excepts, "try: f()\nexcept: pass"),
    (tidy_statements.find_broad_excepts, "try: f()\nexcept Exception:\n    pass"),
    (tidy_statements.find_broad_excepts, "try: f()\nexcept (OSError, BaseException):\n    pass"),
    (tidy_statements.find_broad_excepts, "try: f()\nexcept Exception:  # noqa: BLE001\n    pass"),
    (tidy_statements.find_bare_ignores, "x = 1  # type: ignore"),
    (tidy_statements.find_bare_ignores, "x = 1  # type: ignore[misc]"),
    (tidy_statements.find_bare_ignores, "x = 1  # type: ignore  # it is fine here"),
    (tidy_statements.find_bare_ignores, "x = 1  # pyright: ignore"),
    (tidy_statements.find_bare_ignores, "x = 1  # pyright: ignore[reportPrivateUsage]"),
    (tidy_statements.find_bare_ignores, "x = 1  # noqa"),
    (tidy_statements.find_bare_ignores, "x = 1  # noqa: S105"),
    (tidy_statements.find_bare_ignores, "x = 1  # noqa: S105 - a name\n\ny = 2  # noqa: S105"),
    (tidy_statements.find_environment_readers, "import os\nx = os.environ['A']"),
    (tidy_statements.find_environment_readers, "import os\nx = os.getenv('A')"),
    (tidy_statements.find_environment_readers, "from os import environ"),
    (tidy_statements.find_prints, "print('x')"),
    (tidy_tests.find_tests_without_assertion, "def test_a__b(): run()"),
    (tidy_tests.find_tests_without_assertion, "async def test_a__b(): await run()"),
    (tidy_tests.find_nameless_claims, "def test_capture(): assert run()"),
    (tidy_tests.find_skips_without_reason, "import pytest\ndef test_a(): pytest.skip()"),
    (tidy_tests.find_skips_without_reason, "import pytest\n@pytest.mark.skip\ndef test_a(): ..."),
    (
        tidy_tests.find_skips_without_reason,
        "import pytest\n@pytest.mark.skipif(True)\ndef test_a(): ...",
    ),
    (
        tidy_tests.find_skips_without_reason,
        "import pytest\n@pytest.mark.xfail()\ndef test_a(): ...",
    ),
    (tidy_tests.find_mocks, "from unittest.mock import patch"),
    (tidy_tests.find_mocks, "from unittest import mock"),
    (tidy_tests.find_mocks, "import unittest.mock"),
    (tidy_tests.find_clocks, "import time\ntime.sleep(1)"),
    (tidy_tests.find_clocks, "import asyncio\nasync def f(): await asyncio.sleep(0.1)"),
    (tidy_tests.find_clocks, "import datetime\ndatetime.datetime.now()"),
]

CLEAN: list[tuple[Check, str]] = [
    (tidy_rules.find_impurities, "import re\nfrom basis.rules.units import Bps"),
    (tidy_rules.find_impurities, "class Entry:\n    id: int\nx = entry.id"),
    (tidy_rules.find_missing_docstrings, "'''Module.'''\ndef _share(): return 1"),
    (tidy_money.find_floats, "share = total * 3 // 2"),
    (tidy_money.find_floats_near_money, "wait_s = 0.5 * elapsed_s / 2"),
    (tidy_money.find_floats_near_money, "reward_raw = pool_raw * 9 // 10"),
    (tidy_money.find_floats_near_money, "pay(amount_raw=1, wait_s=0.5)"),
    (tidy_statements.find_module_state, "ROWS = (1, 2)\nTABLE = {1: 2}\n__all__ = ['f']"),
    (tidy_statements.find_module_state, "ROWS = []\ndef f(ROWS): ROWS.append(1)"),
    (tidy_statements.find_broad_excepts, "try: f()\nexcept OSError: pass"),
    (tidy_statements.find_broad_excepts, "try: f()\nexcept BaseException:\n    g()\n    raise"),
    (
        tidy_statements.find_broad_excepts,
        "try: f()\nexcept Exception:  # noqa: BLE001 - one must not fail the others\n    pass",
    ),
    (
        tidy_statements.find_broad_excepts,
        "try: f()\nexcept Exception:\n    # The outermost loop goes on.\n    pass",
    ),
    (tidy_statements.find_bare_ignores, "x = 1  # type: ignore[misc]  # frozen on purpose"),
    (tidy_statements.find_bare_ignores, "x = 1  # pyright: ignore[reportAny] - JSON of theirs"),
    (tidy_statements.find_bare_ignores, "x = 1  # noqa: S105 - a name\ny = 2  # noqa: S105"),
    (tidy_statements.find_bare_ignores, "x = '# type: ignore'"),
    (tidy_statements.find_environment_readers, "import os\nx = os.getpid()"),
    (tidy_tests.find_tests_without_assertion, "def test_a__b(): assert run()"),
    (
        tidy_tests.find_tests_without_assertion,
        "import pytest\ndef test_a__b():\n    with pytest.raises(E): run()",
    ),
    (
        tidy_tests.find_tests_without_assertion,
        "def _same(x): assert x\ndef test_a__b(): _same(run())",
    ),
    (tidy_tests.find_tests_without_assertion, "def test_a__b(): expect(page).to_be_visible()"),
    (tidy_tests.find_nameless_claims, "def test_capture__more_than_held__raises(): ..."),
    (
        tidy_tests.find_skips_without_reason,
        "import pytest\n@pytest.mark.skipif(True, reason='no GPU')\ndef test_a(): pytest.skip('x')",
    ),
    (tidy_tests.find_clocks, "import asyncio\nasync def f(): await asyncio.sleep(0)"),
]


def _id(value: object) -> str:
    return value.replace("\n", "; ") if isinstance(value, str) else value.__name__


@pytest.mark.parametrize(("check", "source"), OFFENDERS, ids=_id)
def test_check__offender__is_found_with_file_and_line(check: Check, source: str) -> None:
    findings = list(check(parse_python("src/new.py", textwrap.dedent(source))))
    assert findings
    assert all(finding.startswith("src/new.py:") for finding in findings)


@pytest.mark.parametrize(("check", "source"), CLEAN, ids=_id)
def test_check__clean_source__passes(check: Check, source: str) -> None:
    assert list(check(parse_python("src/new.py", textwrap.dedent(source)))) == []


@pytest.mark.parametrize("mark", ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"])
def test_find_unfinished__any_mark__is_found(mark: str) -> None:
    findings = list(tidy_statements.find_unfinished("a.md", f"fine\nis {mark}: later\n"))
    assert findings == [f"a.md:2: {mark}: finish it or file it"]


@pytest.mark.parametrize("text", ["to" + "do", "sk-basis-XXXXXX", "a hackathon"])
def test_find_unfinished__other_words__pass(text: str) -> None:
    assert list(tidy_statements.find_unfinished("a.md", text)) == []


@pytest.mark.parametrize(
    "path",
    ["src/utils.py", "src/helpers/a.py", "src/session_manager.py", "a/common/b.js", "a/misc.md"],
)
def test_find_empty_names__word_that_says_nothing__is_found(path: str) -> None:
    assert list(tidy_size.find_empty_names(path))


@pytest.mark.parametrize(
    "path", ["src/uncommon.py", "docs/miscellany.md", "src/basis/rules/job.py"]
)
def test_find_empty_names__other_words__pass(path: str) -> None:
    assert list(tidy_size.find_empty_names(path)) == []


def test_find_long_lines__101_columns__is_found() -> None:
    text = "x" * 100 + "\n" + "x" * 101 + "\n" + "x" * 99 + "  # noqa: S310 - our own address\n"
    assert list(tidy_size.find_long_lines("a.py", text)) == ["a.py:2: 101 columns"]


def test_measure_functions__methods_and_inner_functions__are_named_in_full() -> None:
    source = "class A:\n    def b(self):\n        def c():\n            pass\n        return c\n"
    sizes = list(tidy_size.measure_functions(parse_python("a.py", source)))
    assert sizes == [("a.py::A.b", 4), ("a.py::A.b.c", 2)]


@pytest.mark.parametrize(
    ("size", "allowed", "finding"),
    [
        (10, {}, None),
        (11, {}, "a: 11 lines, at most 10 are allowed"),
        (15, {"a": 15}, None),
        (16, {"a": 15}, "a: 16 lines, at most 15 are allowed"),
        (14, {"a": 15}, "ratchet.json: a has 14 lines now: lower the entry from 15"),
        (10, {"a": 15}, "ratchet.json: a is within the limit now: take the entry out"),
        (5, {"gone": 15}, "ratchet.json: gone is within the limit now: take the entry out"),
    ],
)
def test_ratchet__each_size__may_only_shrink(
    size: int, allowed: dict[str, int], finding: str | None
) -> None:
    findings = tidy_size.compare_with_ratchet({"a": size}, limit=10, allowed=allowed)
    assert list(findings) == ([] if finding is None else [finding])
