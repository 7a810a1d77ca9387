"""The terms of a published phase, read from their canonical JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from phase_states import END, OPENED, make_denied, make_open

from basis.rules.canonical import canonical_json
from basis.rules.errors import InvalidInput
from basis.rules.phase_file import terms_json
from basis.rules.phase_parsing import parse_phase_terms
from basis.rules.phase_steps import Phase

TERMS = terms_json(make_open().terms)


@pytest.mark.parametrize("make", [make_open, make_denied])
def test_parse_phase_terms__terms_as_published__are_those_terms(make: Callable[[], Phase]) -> None:
    terms = make().terms

    assert parse_phase_terms(canonical_json(terms_json(terms)).decode()) == terms


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", "\ud800", "[" * 100_000])
def test_parse_phase_terms__no_terms__is_refused_with_the_cause(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"these are no terms of a phase: ."):
        parse_phase_terms(text)


def _terms_with(value: object, *path: str | int) -> str:
    """Terms with another value at one place, spelt as basis writes them."""
    terms = deepcopy(TERMS)
    inner: Any = terms
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return canonical_json(terms).decode()


@pytest.mark.parametrize(
    ("value", "path", "param"),
    [
        ("dust", ("phase",), "id"),
        (0, ("appealDays",), "appeal-days"),
        (END, ("from",), "to"),
        ([], ("pools",), "pool"),
        ("1e3", ("pools", 0, "amountRaw"), "amountRaw"),
        ("2026-11-01", ("from",), "from"),
        ("2026-11-01T00:00:00Z", ("from",), "from"),
        (END[:10], ("to",), "to"),
        ("2999-12-31", ("vesting", "from"), "starts_at"),
        (OPENED, ("vesting", "from"), "vesting-from"),
        (0, ("vesting", "parts"), "parts"),
    ],
)
def test_parse_phase_terms__what_no_phase_opens_with__is_refused_by_name(
    value: object, path: tuple[str | int, ...], param: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_phase_terms(_terms_with(value, *path))

    assert refused.value.param == param


@pytest.mark.parametrize(
    "text",
    [
        canonical_json(TERMS).decode() + "\n",
        json.dumps(TERMS),
        _terms_with([], "vesting", "dueAt"),
        _terms_with(1, "more"),
    ],
    ids=["end of line", "spaces", "no dates", "more"],
)
def test_parse_phase_terms__other_spelling__is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="not spelt as basis writes them"):
        parse_phase_terms(text)
