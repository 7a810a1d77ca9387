"""What the value of a setting may be: declared beside the setting, checked and described once.

A limit rides on the field's type, as in `port: Annotated[int, Range(0, 65_535)]`. `config` holds
what the operator wrote against it, and the reference page prints it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast, get_args, runtime_checkable

_HOST_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)", re.ASCII)
_LONGEST_HOST_NAME = 253
_NUMERIC_LABEL = re.compile(r"[0-9]+", re.ASCII)
_KIND_WORDS: Mapping[type[object], str] = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "text",
}


@runtime_checkable
class Limit(Protocol):
    """Which values of a field's type are allowed."""

    def admits(self, value: object) -> bool:
        """Whether `value` is allowed."""
        ...

    def describe(self) -> str:
        """The allowed values in words, for the error and the reference page."""
        ...


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `least` to `most`, both of them too; neither infinity nor NaN is one."""

    least: float
    most: float

    def admits(self, value: object) -> bool:
        """Whether `value` is a number between the two."""
        return isinstance(value, int | float) and self.least <= value <= self.most

    def describe(self) -> str:
        """As in `1 to 300`."""
        return f"{self.least} to {self.most}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """A word from a closed list."""

    words: tuple[str, ...]

    def admits(self, value: object) -> bool:
        """Whether `value` is one of the words."""
        return value in self.words

    def describe(self) -> str:
        """As in `auto, json or console`."""
        return f"{', '.join(self.words[:-1])} or {self.words[-1]}"


@dataclass(frozen=True, slots=True)
class Host:
    """An IP address or the name of a host, with neither scheme nor port nor brackets."""

    def admits(self, value: object) -> bool:
        """Whether `value` is written like one; nothing is looked up."""
        if not isinstance(value, str):
            return False
        try:
            ipaddress.ip_address(value)
        except ValueError:
            return _is_host_name(value)
        return True

    def describe(self) -> str:
        """In words."""
        return "an IP address or a host name"


@dataclass(frozen=True, slots=True)
class FolderPath:
    """Where a folder is or may be made."""

    def admits(self, value: object) -> bool:
        """Whether `value` can name a folder, and does not name a file."""
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            return False
        try:
            return not Path(value).expanduser().is_file()
        except (RuntimeError, OSError):  # `~name` of nobody here; too long, or closed to us
            return False

    def describe(self) -> str:
        """In words."""
        return "the path of a folder that is there or can be made"


@dataclass(frozen=True, slots=True)
class OptionalFile:
    """Where a file is, or nothing."""

    def admits(self, value: object) -> bool:
        """Whether `value` is empty, or can name a file and does not name a folder."""
        if value == "":
            return True
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            return False
        try:
            return not Path(value).expanduser().is_dir()
        except (RuntimeError, OSError):  # `~name` of nobody here; too long, or closed to us
            return False

    def describe(self) -> str:
        """In words."""
        return "the path of a file, or nothing"


def limit_of(annotation: object) -> Limit | None:
    """The limit that rides on a field's type, if one does."""
    return next((extra for extra in get_args(annotation)[1:] if isinstance(extra, Limit)), None)


def _is_host_name(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    return (
        len(text) <= _LONGEST_HOST_NAME
        and all(_HOST_LABEL.fullmatch(label) for label in labels)
        # What ends in a number is a mistyped address: 127.0.0, or 256.0.0.1.
        and not _NUMERIC_LABEL.fullmatch(labels[-1])
    )


def kind_of(annotation: object) -> type[object]:
    """The bare type under `Annotated`."""
    return cast("type[object]", getattr(annotation, "__origin__", annotation))


def describe_allowed(annotation: object) -> str:
    """What a setting of this type may be, in words: `an integer, 1 to 300`."""
    kind, limit = kind_of(annotation), limit_of(annotation)
    if limit is None:
        return _KIND_WORDS[kind]
    return limit.describe() if kind is str else f"{_KIND_WORDS[kind]}, {limit.describe()}"
