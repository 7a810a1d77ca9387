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
_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def canonical_json(value: object) -> bytes:
    """The canonical UTF-8 bytes of `value`.

    Raises:
        ValueError: a float, an integer beyond 2^53 - 1, a lone surrogate, a key that is no string,
            or any other type.
    """
    try:
        return _write(_arrange(value)).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("a string holds a lone surrogate, which has no UTF-8 form") from error


def sha256_hex(data: bytes) -> str:
    """The SHA-256 of `data` as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def _arrange(value: object) -> object:
    """The same value with every object's keys in order, once nothing in it is refused."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise ValueError(f"{value} is beyond 2^53 - 1: write it as a decimal string")
        return value
    if isinstance(value, Mapping):
        return _arrange_object(cast("Mapping[object, object]", value))
    if isinstance(value, list | tuple):
        return [_arrange(item) for item in cast("Sequence[object]", value)]
    shown = type(value).__name__
    raise ValueError(f"{shown} has no canonical form")


def _arrange_object(members: Mapping[object, object]) -> dict[str, object]:
    names: list[str] = []
    is_ascii = True
    for key in members:
        if not isinstance(key, str):
            raise ValueError(f"the key {key!r} is no string")  # noqa: TRY004 - one type for all refusals
        is_ascii = is_ascii and key.isascii()
        names.append(key)
    # In ASCII the order of the code units is that of the characters.
    names.sort(key=None if is_ascii else _utf16_order)
    return {name: _arrange(members[name]) for name in names}


def _utf16_order(name: str) -> bytes:
    return name.encode("utf-16-be", "surrogatepass")
