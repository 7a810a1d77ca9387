"""Ways to take several different members of a pool, for lists and stories.

A model of this size does not learn from shuffled members that what was said is used up: always
taking the likeliest word, it says the likeliest member again and again. So training puts order
into them, and leaves two or three ways to go on at every step, which is where entropy comes
from: in lists each member follows from the one before; in stories each chapter has its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Protocol, TypeVar

Member = TypeVar("Member")
# Members passed over before the next is taken; none is the likeliest.
_GAPS = (0, 0, 0, 1, 1, 2)
# As many hands as a story has chapters at most, and a week has days.
HANDS = 7


class Pick(Protocol):
    """Takes one member of a pool for each slot, no member twice if there are enough."""

    def __call__(
        self, random: Random, pool: Sequence[Member], slots: Sequence[int]
    ) -> list[Member]: ...


def pick_chained(random: Random, pool: Sequence[Member], slots: Sequence[int]) -> list[Member]:
    """Members in the order of the pool, from anywhere on and round its end, with small gaps."""
    position, spare = random.randrange(len(pool)), len(pool) - len(slots)
    members: list[Member] = []
    for _ in slots:
        members.append(pool[position % len(pool)])
        gap = min(spare, random.choice(_GAPS))
        spare -= gap
        position += 1 + gap
    return members


def pick_dealt(random: Random, pool: Sequence[Member], slots: Sequence[int]) -> list[Member]:
    """For each slot a member of its own hand: the pool is dealt out like cards, in order.

    More slots than hands come round again; a pool too small to deal is chained.
    """
    if len(pool) < HANDS:
        return pick_chained(random, pool, slots)
    return [random.choice(pool[slot % HANDS :: HANDS]) for slot in slots]
