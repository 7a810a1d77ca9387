"""Canonical JSON and its hash, by vectors/canonical.json."""

from __future__ import annotations

import enum
import json
from decimal import Decimal

import pytest
from rule_vectors import Case, vector_cases

from basis.rules.canonical import canonical_json, sha256_hex


class _Suit(enum.StrEnum):
    HEARTS = "hearts"


class _Level(int, enum.Enum):
    HIGH = 3


@pytest.mark.parametrize("case", vector_cases("canonical", refused=False))
def test_canonical_json__vector__gives_its_bytes_and_hash(case: Case) -> None:
    encoded = canonical_json(case["value"])
    assert encoded == case["canonical"].encode("utf-8")
    assert sha256_hex(encoded) == case["sha256"]


@pytest.mark.parametrize("case", vector_cases("canonical", refused=False))
def test_canonical_json__vector__is_read_back_by_any_json_reader(case: Case) -> None:
    assert json.loads(canonical_json(case["value"])) == case["value"]


@pytest.mark.parametrize("case", vector_cases("canonical", refused=True))
def test_canonical_json__no_exact_integer__raises(case: Case) -> None:
    with pytest.raises(ValueError, match=r"no canonical form|beyond 2\^53"):
        canonical_json(case["value"])


@pytest.mark.parametrize(
    "text",
    [chr(0xD800), chr(0xDFFF), "ok" + chr(0xD83D), chr(0xDE00) + chr(0xD83D)],
    ids=["high", "low", "high at the end", "low before high"],
)
def test_canonical_json__lone_surrogate__raises(text: str) -> None:
    with pytest.raises(ValueError, match="lone surrogate"):
        canonical_json({"text": text})
    with pytest.raises(ValueError, match="lone surrogate"):
        canonical_json({text: 1})


@pytest.mark.parametrize("key", [1, None, True, ("a",), b"a"], ids=repr)
def test_canonical_json__key_that_is_no_string__raises(key: object) -> None:
    with pytest.raises(ValueError, match="no string"):
        canonical_json({key: 1})


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        float("inf"),
        Decimal(1),
        b"ab",
        bytearray(b"ab"),
        memoryview(b"ab"),
        {1, 2},
        object(),
        1j,
    ],
    ids=lambda value: type(value).__name__,
)
def test_canonical_json__type_without_canonical_form__raises(value: object) -> None:
    with pytest.raises(ValueError, match="no canonical form"):
        canonical_json({"value": value})


def test_canonical_json__tuple__is_an_array() -> None:
    assert canonical_json((1, ("a",))) == b'[1,["a"]]'


def test_canonical_json__true__is_no_integer() -> None:
    assert canonical_json([True, 1, False, 0]) == b"[true,1,false,0]"


def test_canonical_json__enum_of_text__is_its_value() -> None:
    assert canonical_json([_Suit.HEARTS]) == b'["hearts"]'


def test_canonical_json__enum_of_integers__is_its_value() -> None:
    assert canonical_json([_Level.HIGH]) == b"[3]"


def test_sha256_hex__nothing__is_the_published_hash() -> None:
    expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256_hex(b"") == expected
