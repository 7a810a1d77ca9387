"""The few facts of a GGUF file's header that loading it needs. Source: ggml's docs/gguf.md."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_MAGIC = b"GGUF"
_STRING = 8
_ARRAY = 9
_SCALAR_FORMATS = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_MAX_KEYS = 1 << 16
_MAX_STRING_BYTES = 16 << 20


class NotGguf(Exception):
    """The file is no GGUF, or it is cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufHeader:
    """The architecture's name and the context that the model was trained for, 0 if not told."""

    architecture: str
    context_tokens: int


def load_header(path: Path) -> GgufHeader:
    """Reads the header and none of the weights.

    Raises:
        NotGguf: the file does not begin as a GGUF of version 2 or 3 does.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise NotGguf(f"{path} is no GGUF file")
        try:
            return _read_header(file)
        except (struct.error, UnicodeDecodeError, KeyError, ValueError) as error:
            raise NotGguf(f"{path} has a damaged GGUF header") from error


def _read_header(file: BinaryIO) -> GgufHeader:
    version = _scalar(file, "I")
    _tensors, keys = _scalar(file, "Q"), _scalar(file, "Q")
    if version not in {2, 3} or keys > _MAX_KEYS:
        raise ValueError("unknown version or size")
    values: dict[str, object] = {}
    for _ in range(int(keys)):
        name = _string(file)
        values[name] = _value(file, int(_scalar(file, "I")))
    architecture = str(values.get("general.architecture", ""))
    context = values.get(f"{architecture}.context_length", 0)
    return GgufHeader(
        architecture=architecture, context_tokens=context if isinstance(context, int) else 0
    )


def _value(file: BinaryIO, kind: int) -> object:
    if kind == _STRING:
        return _string(file)
    if kind != _ARRAY:
        return _scalar(file, _SCALAR_FORMATS[kind])
    element, count = int(_scalar(file, "I")), int(_scalar(file, "Q"))
    if element in {_STRING, _ARRAY}:
        for _ in range(count):
            _value(file, element)
    else:
        file.seek(struct.calcsize("<" + _SCALAR_FORMATS[element]) * count, 1)
    return None


def _string(file: BinaryIO) -> str:
    length = int(_scalar(file, "Q"))
    if length > _MAX_STRING_BYTES:
        raise ValueError("a string of impossible length")
    return file.read(length).decode("utf-8", "replace")


def _scalar(file: BinaryIO, form: str) -> int | float:
    size = struct.calcsize("<" + form)
    (value,) = struct.unpack("<" + form, file.read(size))
    return value
