"""Reads records back from JSON: each member once and by its type, none missing, none unknown.

For the records whose canonical JSON is hashed, so that what is read back is what was hashed.
"""

from __future__ import annotations

import enum
import json
from typing import TypeVar, cast

from basis.rules.errors import InvalidInput
from basis.rules.units import parse_raw

_Choice = TypeVar("_Choice", bound=enum.StrEnum)
_LONGEST_SHOWN = 80


def parse_json(text: str, *, of: str) -> object:
    """What the JSON in `text` says; `of` names the record in messages.

    Raises:
        InvalidInput: it is no JSON, or nested beyond all measure.
    """
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{of} is no JSON", param=None) from error
    return value


def as_text(value: object, name: str) -> str:
    """`value`, which is a text.

    Raises:
        InvalidInput: it is none.
    """
    if not isinstance(value, str):
        raise InvalidInput(f"{name} is no text", param=name)
    return value


class Members:
    """The members of one JSON object; every reader raises InvalidInput, naming the member."""

    def __init__(self, value: object, *, of: str) -> None:
        """`of` names the object in messages: "the snapshot"."""
        if not isinstance(value, dict):
            raise InvalidInput(f"{of} is no JSON object")
        self._left = dict(cast("dict[str, object]", value))
        self._of = of

    def text(self, name: str) -> str:
        """The member, a text."""
        return as_text(self._take(name), name)

    def integer(self, name: str) -> int:
        """The member, a JSON integer."""
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidInput(f"{name} of {self._of} is no integer", param=name)
        return value

    def raw(self, name: str) -> int:
        """The member, a non-negative integer as decimal text."""
        return parse_raw(self.text(name), param=name)

    def choice(self, name: str, choices: type[_Choice]) -> _Choice:
        """The member, one of a closed set."""
        text = self.text(name)
        for choice in choices:
            if choice.value == text:
                return choice
        known = ", ".join(choice.value for choice in choices)
        raise InvalidInput(f"{name} is {text[:_LONGEST_SHOWN]!r}: expected {known}", param=name)

    def items(self, name: str, *, most: int) -> list[object]:
        """The member, a list of at most `most` items."""
        value = self._take(name)
        if not isinstance(value, list):
            raise InvalidInput(f"{name} of {self._of} is no list", param=name)
        found = cast("list[object]", value)
        if len(found) > most:
            raise InvalidInput(f"{name} has {len(found)} items: at most {most} may be", param=name)
        return found

    def objects(self, name: str, *, of: str, most: int) -> list[Members]:
        """The member, a list of objects, each called `of` in messages."""
        return [Members(item, of=of) for item in self.items(name, most=most)]

    def any(self, name: str) -> object:
        """The member, whatever it is."""
        return self._take(name)

    def expect_no_other(self) -> None:
        """Refuses the object if it has a member that nobody has read."""
        if self._left:
            name = min(self._left)[:_LONGEST_SHOWN]
            raise InvalidInput(f"{self._of} has an unknown member {name!r}", param=name)

    def _take(self, name: str) -> object:
        if name not in self._left:
            raise InvalidInput(f"{self._of} has no {name}", param=name)
        return self._left.pop(name)
