"""How the tests of refusals look at one: its kind, its field, what its reader must find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from basis.rules.errors import BasisError, InvalidInput


@dataclass(frozen=True, slots=True)
class Refusal:
    """`act` is refused; the message holds each of `says`: the value, the limit, what to do."""

    act: Callable[[], object]
    says: tuple[str, ...]
    param: str | None = None
    kind: type[BasisError] = InvalidInput


def refuse(refusal: Refusal) -> tuple[type[BasisError], str | None, list[str]]:
    """The kind and field of what is raised, and the words that its message does not have."""
    with pytest.raises(BasisError) as caught:
        refusal.act()
    error = caught.value
    missing = [words for words in refusal.says if words not in error.message]
    return type(error), getattr(error, "param", None), missing
