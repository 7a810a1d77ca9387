"""Canonical JSON: any reader finds the same value, any writer the same bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_strategies import texts

from basis.rules.canonical import MAX_SAFE_INTEGER, canonical_json

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-MAX_SAFE_INTEGER, max_value=MAX_SAFE_INTEGER)
    | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)


def _reversed(value: object) -> object:
    """`value` with the members of every object in the opposite order."""
    if isinstance(value, dict):
        return {key: _reversed(member) for key, member in reversed(value.items())}
    if isinstance(value, list):
        return [_reversed(item) for item in value]
    return value


@given(values)
def test_canonical_json__any__is_read_back_by_json(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


@given(values)
def test_canonical_json__order_of_keys__does_not_matter(value: object) -> None:
    assert canonical_json(_reversed(value)) == canonical_json(value)


@given(values)
def test_canonical_json__read_and_written_again__is_the_same(value: object) -> None:
    encoded = canonical_json(value)
    assert canonical_json(json.loads(encoded)) == encoded


@given(values, values)
def test_canonical_json__equal_bytes__mean_equal_values(one: object, other: object) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (canonical_json(one) == canonical_json(other)) is same


@given(st.dictionaries(texts, st.integers(min_value=0, max_value=9), min_size=2))
def test_canonical_json__keys__stand_in_the_order_of_utf16(members: dict[str, int]) -> None:
    keys = list(json.loads(canonical_json(members)))
    units = [tuple(key.encode("utf-16-be")) for key in keys]
    assert units == sorted(units)


@given(
    values,
    st.floats() | st.integers(min_value=2**53) | st.integers(max_value=-(2**53)) | st.binary(),
)
def test_canonical_json__one_unusable_value_anywhere__raises(
    value: object, unusable: object
) -> None:
    with pytest.raises(ValueError, match=r"no canonical form|beyond 2\^53"):
        canonical_json({"good": value, "bad": [unusable]})
