"""The one definition of canonical bytes, and the hash taken over them.

Canonical JSON is RFC 8785 (JCS) restricted to what money needs: objects with string keys, arrays,
strings, booleans, null, and integers that every JSON reader keeps exactly (below 2^53). Larger
integers travel as decimal strings; floats are refused. Keys are sorted by UTF-16 code units, as the
RFC asks, so that a reader in any language finds the same bytes.
Source: RFC 8785; docs/decisions/0003-receipt-format.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import cast

MAX_SAFE_INTEGER = 2**53 - 1
_quote = json.JSONEncoder(ensure_ascii=False).encode


def canonical_json(value: object) -> bytes:
    """The canonical UTF-8 bytes of `value`.

    Raises:
        ValueError: a float, an integer beyond 2^53 - 1, a lone surrogate, a key that is no string,
            or any other type.
    """
    try:
        return _encode(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("a string holds a lone surrogate, which has no UTF-8 form") from error


def sha256_hex(data: bytes) -> str:
    """The SHA-256 of `data` as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def _encode(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise ValueError(f"{value} is beyond 2^53 - 1: write it as a decimal string")
        return int.__repr__(value)  # an enum of integers has a str() of its own
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, Mapping):
        return _encode_object(cast("Mapping[object, object]", value))
    if isinstance(value, list | tuple):
        return "[" + ",".join(_encode(item) for item in cast("Sequence[object]", value)) + "]"
    shown = type(value).__name__
    raise ValueError(f"{shown} has no canonical form")


def _encode_object(members: Mapping[object, object]) -> str:
    named: list[tuple[str, object]] = []
    for key, member in members.items():
        if not isinstance(key, str):
            raise ValueError(f"the key {key!r} is no string")  # noqa: TRY004 - one type for all refusals
        named.append((key, member))
    named.sort(key=_utf16_order)
    body = ",".join(f"{_quote(key)}:{_encode(member)}" for key, member in named)
    return "{" + body + "}"


def _utf16_order(member: tuple[str, object]) -> bytes:
    name = member[0]
    return name.encode("utf-16-be", "surrogatepass")
