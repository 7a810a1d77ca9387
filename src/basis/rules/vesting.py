"""When an amount that was shared out becomes its owner's: a cliff, then equal parts.

The schedule is a parameter of its phase: it is fixed when the phase opens and published with it.
What the seed says is only that points become tokens in phases; cliff, parts and interval are ours
to choose. Source: mission P8; docs/decisions/0017-phases.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from basis.rules.dates import add_days, validate_instant
from basis.rules.errors import InvalidInput
from basis.rules.units import split_floor

MAX_PARTS = 366
MAX_DAYS = 3_660
"""Of a cliff and of an interval: ten years. Ours to choose."""

_SPELLING = re.compile(r"(\d{1,4})\+(\d{1,4})x(\d{1,4})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class VestingTerms:
    """`parts` equal parts: the first `cliff_days` after `starts_at`, then one per interval."""

    starts_at: str
    cliff_days: int
    parts: int
    interval_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VestingPart:
    """What becomes the owner's at an instant; parts are numbered from 1."""

    number: int
    due_at: str
    amount_raw: int


def parse_vesting(text: str, *, starts_at: str) -> VestingTerms:
    """The terms that `90+12x30` spells: 90 days of cliff, then 12 parts, 30 days apart.

    `none` is `0+1x0`: the whole amount at once.

    Raises:
        InvalidInput: another spelling, or terms that `validate_vesting` refuses.
    """
    match = _SPELLING.fullmatch("0+1x0" if text == "none" else text)
    if match is None:
        raise InvalidInput(
            f"--vesting is {text[:40]!r}: expected CLIFF_DAYS+PARTSxINTERVAL_DAYS such as "
            f"90+12x30, or none",
            param="vesting",
        )
    cliff_days, parts, interval_days = map(int, match.groups())
    terms = VestingTerms(
        starts_at=starts_at, cliff_days=cliff_days, parts=parts, interval_days=interval_days
    )
    validate_vesting(terms)
    return terms


def validate_vesting(terms: VestingTerms) -> None:
    """Refuses terms that say nothing or cannot be meant.

    Raises:
        InvalidInput: it names the field.
    """
    validate_instant(terms.starts_at, param="starts_at")
    bounds = {
        "cliff_days": (terms.cliff_days, 0, MAX_DAYS),
        "parts": (terms.parts, 1, MAX_PARTS),
        # One part has no interval, several have one: each schedule has one spelling.
        "interval_days": (terms.interval_days, min(1, terms.parts - 1), MAX_DAYS),
    }
    for name, (value, low, high) in bounds.items():
        if not low <= value <= (0 if name == "interval_days" and terms.parts == 1 else high):
            raise InvalidInput(f"vesting: {name} is {value}, which cannot be", param=name)
    due_dates(terms)


def due_dates(terms: VestingTerms) -> tuple[str, ...]:
    """When each part is due, in order.

    Raises:
        InvalidInput: one lies beyond the year 2999.
    """
    return tuple(
        add_days(terms.starts_at, terms.cliff_days + number * terms.interval_days)
        for number in range(terms.parts)
    )


def part_amounts(amount_raw: int, terms: VestingTerms) -> list[int]:
    """The parts of `amount_raw` in order: each floored, what is left over in the last one.

    They sum to `amount_raw` exactly.

    Raises:
        ValueError: a negative amount, or no part.
    """
    shares_raw, rest_raw = split_floor(amount_raw, [1] * terms.parts)
    shares_raw[-1] += rest_raw
    return shares_raw


def compute_vesting(amount_raw: int, terms: VestingTerms) -> tuple[VestingPart, ...]:
    """The parts of `amount_raw` in order, with their dates.

    Raises:
        ValueError: a negative amount, or no part.
    """
    return tuple(
        VestingPart(number=number, due_at=due_at, amount_raw=part_raw)
        for number, (due_at, part_raw) in enumerate(
            zip(due_dates(terms), part_amounts(amount_raw, terms), strict=True), start=1
        )
    )
