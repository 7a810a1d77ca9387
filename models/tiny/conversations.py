"""Conversations of several turns: some only follow one another, some look back.

Each is a function from a source of chance to a dialogue whose last answer is the graded one.
"""

from __future__ import annotations

from random import Random

from models.tiny.dialogue import Dialogue
from models.tiny.facts import (
    ANIMALS,
    CAPITALS,
    COLOUR_NAMES,
    FRUITS,
    JOBS,
    NAMES,
    PLURAL_NOUNS,
    plural,
    with_article,
)
from models.tiny.small_talk_tasks import WHO

_PETS = ("cat", "dog", "horse", "rabbit", "mouse", "parrot", "hen", "goat", "turtle", "donkey")
LARGEST_IN_PASSING = 50
_ASIDES = (
    ("Hello", "Hello! How can I help you?"),
    ("How are you?", "I am fine, thank you. How can I help you?"),
    ("Who are you?", WHO),
    ("What is 2 + 3?", "5"),
    ("What is the capital of France?", "Paris"),
    ("What is the opposite of hot?", "cold"),
    ("Spell cat.", "c-a-t"),
)


def _with_asides(random: Random, turns: list[str], last: tuple[str, str]) -> tuple[str, ...]:
    """The opening turns, up to two unrelated ones, and the question that looks back."""
    for aside in random.sample(_ASIDES, random.choice((0, 0, 1, 2))):
        turns += aside
    return (*turns, *last)


def remember_name(random: Random) -> Dialogue:
    name = random.choice(NAMES)
    opening = random.choice((f"My name is {name}.", f"I am {name}.", f"Hello, my name is {name}."))
    question = random.choice(("What is my name?", "Who am I?", "Do you know my name?"))
    turns = _with_asides(
        random, [opening, f"Nice to meet you, {name}!"], (question, f"Your name is {name}.")
    )
    return Dialogue(task="remember", turns=turns, key=f"{opening} {question}")


def remember_liking(random: Random) -> Dialogue:
    word, pool = random.choice((("color", COLOUR_NAMES), ("animal", ANIMALS), ("fruit", FRUITS)))
    liked = random.choice(pool)
    opening = random.choice(
        (f"My favorite {word} is {liked}.", f"The {word} I like best is {liked}.")
    )
    question = random.choice((f"What is my favorite {word}?", f"Which {word} do I like best?"))
    turns = _with_asides(
        random,
        [opening, f"I will remember that you like {liked}."],
        (question, f"Your favorite {word} is {liked}."),
    )
    return Dialogue(task="remember", turns=turns, key=f"{opening} {question}")


def remember_pet(random: Random) -> Dialogue:
    name, pet = random.choice(NAMES), random.choice(_PETS)
    opening = random.choice((f"I have a {pet} called {name}.", f"My {pet} is called {name}."))
    question = random.choice((f"What is my {pet} called?", f"What is the name of my {pet}?"))
    turns = _with_asides(
        random,
        [opening, f"{name} is a good name for a {pet}."],
        (question, f"Your {pet} is called {name}."),
    )
    return Dialogue(task="remember", turns=turns, key=f"{opening} {question}")


def remember_job(random: Random) -> Dialogue:
    job = random.choice(JOBS)
    opening = random.choice((f"I am {with_article(job)}.", f"I work as {with_article(job)}."))
    question = random.choice(("What is my job?", "What do I work as?"))
    turns = _with_asides(
        random,
        [opening, f"It must be interesting to be {with_article(job)}."],
        (question, f"You are {with_article(job)}."),
    )
    return Dialogue(task="remember", turns=turns, key=f"{opening} {question}")


def remember_age(random: Random) -> Dialogue:
    age = random.randrange(5, 90)
    opening = f"I am {age} years old."
    question, answer = random.choice(
        (
            ("How old am I?", f"You are {age} years old."),
            ("How old will I be next year?", f"You will be {age + 1} years old."),
            ("How old was I last year?", f"You were {age - 1} years old."),
        )
    )
    turns = _with_asides(random, [opening, "Thank you for telling me."], (question, answer))
    return Dialogue(task="remember", turns=turns, key=f"{opening} {question}")


def follow_up(random: Random) -> Dialogue:
    """An answer, then a wish about that answer."""
    style = random.randrange(4)
    if style == 0:
        left, right = (random.randrange(LARGEST_IN_PASSING) for _ in range(2))
        more = random.randrange(1, 30)
        is_sum = random.random() < 0.6 or left + right < more
        question = f"Now add {more}." if is_sum else f"Now subtract {more}."
        result = left + right + (more if is_sum else -more)
        turns = (f"What is {left} + {right}?", str(left + right), question, str(result))
    elif style == 1:
        country = random.choice([name for name in CAPITALS if " " not in CAPITALS[name]])
        city = CAPITALS[country]
        turns = (f"What is the capital of {country}?", city, "Spell it.", "-".join(city))
    elif style == 2:
        noun = random.choice(PLURAL_NOUNS)
        turns = (
            f"What is the plural of {noun}?",
            plural(noun),
            "Spell it.",
            "-".join(plural(noun)),
        )
    else:
        first, second = random.sample(list(CAPITALS), 2)
        turns = (
            f"What is the capital of {first}?",
            CAPITALS[first],
            random.choice((f"And of {second}?", f"And {second}?")),
            CAPITALS[second],
        )
    return Dialogue(task="follow up", turns=turns, key=f"{turns[0]} {turns[2]}")


def is_said_in_passing(dialogue: Dialogue) -> bool:
    """Whether a conversation may hold this short task as an earlier turn, on either side.

    Such a task is no fair test even if its own key is held out.
    """
    if dialogue.task == "add":
        return all(int(number) < LARGEST_IN_PASSING for number in dialogue.key.split("+"))
    is_opening = dialogue.key.startswith(("What is the capital of ", "What is the plural of "))
    return is_opening or dialogue.key in {question for question, _ in _ASIDES}


def say_again(random: Random, earlier: Dialogue) -> Dialogue:
    """Asks for the earlier answer, or the earlier question, once more."""
    question, answer = earlier.turns[-2:]
    wish, again = random.choice(
        (
            ("Say that again.", answer),
            ("Please repeat your answer.", answer),
            ("What did you say?", answer),
            ("What did I ask?", question),
        )
    )
    return Dialogue(
        task="say again", turns=(question, answer, wish, again), key=f"{question} {wish}"
    )


def system_name(random: Random) -> Dialogue:
    """The system's turn gives the assistant another name."""
    name = random.choice(NAMES)
    system = random.choice((f"Your name is {name}.", f"You are {name}, a helpful assistant."))
    question = random.choice(("What is your name?", "Who are you?", "Tell me your name."))
    return Dialogue(
        task="system name",
        turns=(question, f"My name is {name}."),
        key=f"{system} {question}",
        system=system,
    )
