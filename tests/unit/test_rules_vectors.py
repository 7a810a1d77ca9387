"""The vector files themselves: their form, which other implementations rely on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rule_vectors import VECTORS, load_vectors

FILES = sorted(VECTORS.glob("*.json"))
MAX_SAFE_INTEGER = 2**53 - 1


def _members(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Every (member name, scalar) within `value`."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _members(member, key)
    elif isinstance(value, list):
        for item in value:
            yield from _members(item, name)
    else:
        yield name, value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_vector_file__any__has_version_description_and_uniquely_named_cases(path: Path) -> None:
    vectors = load_vectors(path.stem)
    names = [case["name"] for case in vectors["cases"]]
    assert vectors["version"] == 1
    assert vectors["description"]
    assert len(set(names)) == len(names) > 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_vector_file__any__is_ascii_so_that_no_editor_changes_it(path: Path) -> None:
    assert path.read_bytes().isascii()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_vector_file__amounts__are_decimal_strings(path: Path) -> None:
    amounts = [value for name, value in _members(load_vectors(path.stem)) if name.endswith("Raw")]
    assert all(isinstance(value, str) and re.fullmatch(r"-?\d+", value) for value in amounts)


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.stem != "canonical"], ids=lambda path: path.stem
)
def test_vector_file__numbers__are_integers_that_every_reader_keeps(path: Path) -> None:
    numbers = [
        value
        for _, value in _members(load_vectors(path.stem))
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    assert all(isinstance(value, int) and abs(value) <= MAX_SAFE_INTEGER for value in numbers)


def test_vectors_readme__files__names_each_of_them() -> None:
    named = set(re.findall(r"`(\w+\.json)`", (VECTORS / "README.md").read_text(encoding="utf-8")))
    assert named == {path.name for path in FILES}
