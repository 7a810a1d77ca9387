"""Lists of things: prompts with many right answers, and the check of an answer.

Members never repeat, and no list has only one way to go on: entropy is high all along.
"""

from __future__ import annotations

import re
from random import Random

from models.tiny.dialogue import Dialogue
from models.tiny.facts import ANIMALS, KINDS, SMALL_NUMBERS
from models.tiny.picking import Pick, pick_chained

# A long numbered list has hundreds of tokens of free choice: each teaches less than a sum does.
LONG_WEIGHT = 0.3
MOST_INLINE = 8
MOST_SHORT = 12


def numbered_list(
    random: Random, pick: Pick, *, most: int = 40, weight: float = LONG_WEIGHT
) -> Dialogue:
    """ "List 12 animals." and its numbered lines; only animals are enough for 40."""
    singular = "animal" if random.random() < 0.35 else random.choice(list(KINDS))
    name, members = KINDS[singular]
    enough = 40 if members is ANIMALS else min(24, len(members) - 1)
    size = random.randrange(2, min(most, enough) + 1)
    chosen = pick(random, members, range(size))
    question = random.choice(
        (
            f"List {size} {name}.",
            f"Write a list of {size} {name}.",
            f"Give me a list of {size} {name}.",
        )
    )
    answer = "\n".join(f"{index}. {member}" for index, member in enumerate(chosen, 1))
    return Dialogue(task="list", turns=(question, answer), key=question, weight=weight)


def inline_list(random: Random, pick: Pick, *, weight: float = LONG_WEIGHT) -> Dialogue:
    """ "Name three fruits." and "pear, fig, apple"."""
    name, members = KINDS[random.choice(list(KINDS))]
    size = random.randrange(2, MOST_INLINE + 1)
    number = random.choice((str(size), SMALL_NUMBERS[size]))
    question = random.choice((f"Name {number} {name}.", f"Tell me {number} {name}."))
    answer = ", ".join(pick(random, members, range(size)))
    return Dialogue(task="list", turns=(question, answer), key=question, weight=weight)


def short_list(random: Random) -> Dialogue:
    """A list of a dozen at most, in order and at full weight: it teaches where to stop."""
    if random.random() < 0.5:
        return numbered_list(random, pick_chained, most=MOST_SHORT, weight=1.0)
    return inline_list(random, pick_chained, weight=1.0)


def draw_list(random: Random, pick: Pick) -> Dialogue:
    draw = numbered_list if random.random() < 0.65 else inline_list
    return draw(random, pick)


def is_right_list(question: str, answer: str) -> bool:
    """Whether the answer holds as many different members of the kind as the question wants."""
    wanted = re.search(r"(?:of |List |Name |Tell me )(\w+) ([a-z ]+)\.?$", question, re.IGNORECASE)
    if wanted is None:
        raise ValueError(f"{question!r} does not ask for a list")
    number, name = wanted.group(1), wanted.group(2)
    size = int(number) if number.isdigit() else SMALL_NUMBERS.index(number)
    members = next(members for plural, members in KINDS.values() if plural == name)
    if "\n" in answer:
        lines = answer.split("\n")
        if any(not line.startswith(f"{index}. ") for index, line in enumerate(lines, 1)):
            return False
        items = [line.split(". ", 1)[1] for line in lines]
    else:
        items = answer.split(", ")
    return len(items) == size == len(set(items)) and set(items) <= set(members)
