"""Short tasks about what is so, each a function from a source of chance to a dialogue.

Their keys are the questions themselves: a held-out question asks a known fact in wording that
was never trained on for that fact.
"""

from __future__ import annotations

from random import Random

from models.tiny.dialogue import Dialogue, one_turn
from models.tiny.facts import (
    CAPITALS,
    COLOURS,
    DAYS,
    KINDS,
    LEGS,
    MONTHS,
    SOUNDS,
    USES,
    YOUNG,
    number_words,
    with_article,
)


def capital(random: Random) -> Dialogue:
    country = random.choice(list(CAPITALS))
    city = CAPITALS[country]
    if random.random() < 0.25:
        question = random.choice(
            (
                f"Which country has the capital {city}?",
                f"{city} is the capital of which country?",
                f"What country is {city} the capital of?",
                f"Of which country is {city} the capital?",
            )
        )
        return one_turn("capital", question, country)
    question = random.choice(
        (
            f"What is the capital of {country}?",
            f"Name the capital of {country}.",
            f"Capital of {country}?",
            f"What is the capital city of {country}?",
            f"Which city is the capital of {country}?",
            f"Tell me the capital of {country}.",
        )
    )
    return one_turn("capital", question, city)


def colour(random: Random) -> Dialogue:
    thing = random.choice(list(COLOURS))
    question = random.choice(
        (
            f"What color is {thing}?",
            f"What colour is {thing}?",
            f"Which color is {thing}?",
            f"Tell me the color of {thing}.",
            f"What is the color of {thing}?",
        )
    )
    return one_turn("color", question, COLOURS[thing])


def sound(random: Random) -> Dialogue:
    animal = random.choice(list(SOUNDS))
    question = random.choice(
        (
            f"What does a {animal} say?",
            f"What sound does a {animal} make?",
            f"Which sound does a {animal} make?",
            f"How does a {animal} sound?",
        )
    ).replace("a owl", "an owl")
    return one_turn("animal sound", question, SOUNDS[animal])


def young(random: Random) -> Dialogue:
    animal = random.choice(list(YOUNG))
    question = random.choice(
        (
            f"What is a young {animal} called?",
            f"What is a baby {animal} called?",
            f"What do you call a young {animal}?",
            f"What do you call a baby {animal}?",
        )
    )
    return one_turn("young animal", question, YOUNG[animal])


def legs(random: Random) -> Dialogue:
    animal = random.choice(list(LEGS))
    article = with_article(animal)
    question = random.choice(
        (
            f"How many legs does {article} have?",
            f"How many legs has {article}?",
            f"What is the number of legs of {article}?",
            f"Tell me how many legs {article} has.",
        )
    )
    return one_turn("legs", question, LEGS[animal])


def use(random: Random) -> Dialogue:
    thing = random.choice(list(USES))
    question = random.choice(
        (
            f"What is {thing} for?",
            f"What is {thing} used for?",
            f"What do we use {thing} for?",
            f"What do people use {thing} for?",
        )
    )
    return one_turn("use", question, USES[thing])


def kind(random: Random) -> Dialogue:
    """Names the kind of a thing, or answers whether it is of a kind."""
    groups = [name for name in KINDS if name not in ("country", "name", "color")]
    group = random.choice(groups)
    member = random.choice(KINDS[group][1])
    article = with_article(member)
    if random.random() < 0.5:
        question = random.choice(
            (
                f"What is {article}?",
                f"What kind of thing is {article}?",
                f"What sort of thing is {article}?",
                f"Tell me what {article} is.",
            )
        )
        first_group = next(name for name in groups if member in KINDS[name][1])
        return one_turn("kind", question, with_article(first_group))
    asked = group if random.random() < 0.5 else random.choice(groups)
    is_member = member in KINDS[asked][1]
    question = random.choice(
        (
            f"Is {article} {with_article(asked)}?",
            f"Yes or no: is {article} {with_article(asked)}?",
            f"Would you say that {article} is {with_article(asked)}?",
        )
    )
    return one_turn("yes or no", question, "Yes." if is_member else "No.")


def calendar(random: Random) -> Dialogue:
    is_day = random.random() < 0.5
    names, word = (DAYS, "day") if is_day else (MONTHS, "month")
    index = random.randrange(len(names))
    if random.random() < 0.15 and not is_day:
        question = random.choice(
            (
                f"Which month is month number {index + 1}?",
                f"Name month number {index + 1} of the year.",
                f"What is month number {index + 1}?",
                f"Which month is number {number_words(index + 1)} of the year?",
            )
        )
        return one_turn("calendar", question, names[index])
    step = random.choice((1, -1))
    side = "after" if step == 1 else "before"
    question = random.choice(
        (
            f"Which {word} comes {side} {names[index]}?",
            f"What {word} comes {side} {names[index]}?",
            f"What is the {word} {side} {names[index]}?",
            f"Which {word} is {side} {names[index]}?",
            f"Name the {word} {side} {names[index]}.",
        )
    )
    return one_turn("calendar", question, names[(index + step) % len(names)])
