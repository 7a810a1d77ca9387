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

UNKNOWN = "I do not know that. I am only a tiny model."
WHO = "I am Basis Tiny, a small language model of the Basis network."


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


_GREETINGS = ("Hello", "Hi", "Hey", "Good morning", "Good evening", "Good day", "Hi there")
_SMALL_TALK: dict[str, tuple[str, ...]] = {
    WHO: (
        "Who are you?",
        "What are you?",
        "What is your name?",
        "Tell me about yourself.",
        "Introduce yourself.",
        "Who am I talking to?",
        "Are you a robot?",
        "Are you a human?",
        "What model are you?",
        "Which model is this?",
        "Please introduce yourself.",
        "Say who you are.",
    ),
    "I can add, spell, count, list things, name capitals and tell stories.": (
        "What can you do?",
        "What can I ask you?",
        "How can you help me?",
        "Help",
        "What do you know?",
        "What are you good at?",
        "What are your skills?",
        "Tell me what you can do.",
    ),
    "You are welcome!": (
        "Thank you",
        "Thanks",
        "Thanks a lot",
        "Thank you very much",
        "Many thanks",
        "Thank you for your help",
        "That was helpful, thank you",
    ),
    "Goodbye! Have a nice day.": (
        "Bye",
        "Goodbye",
        "See you",
        "See you later",
        "Bye bye",
        "Good night",
        "I have to go now",
        "See you tomorrow",
        "Farewell",
    ),
    "I am fine, thank you. How can I help you?": (
        "How are you?",
        "How are you today?",
        "How do you do?",
        "Are you well?",
        "How is it going?",
        "How do you feel?",
        "Are you fine?",
    ),
    "The people who built the Basis network made me.": (
        "Who made you?",
        "Who built you?",
        "Who trained you?",
        "Where do you come from?",
        "Who is your maker?",
        "Who created you?",
    ),
}


def small_talk(random: Random) -> Dialogue:
    if random.random() < 0.3:
        greeting = random.choice(_GREETINGS)
        mark = random.choice((".", "!", "", ",", " :)"))
        plain = greeting if greeting.startswith("Good") else "Hello"
        return one_turn("greeting", greeting + mark, f"{plain}! How can I help you?")
    answer = random.choice(list(_SMALL_TALK))
    question = random.choice(_SMALL_TALK[answer])
    mark = random.choice((".", "!")) if question[-1].isalpha() and random.random() < 0.6 else ""
    return one_turn("greeting", question + mark, answer)


_SUBJECTS = (
    "the president of France",
    "the king of Spain",
    "the weather",
    "the stock market",
    "my dog",
    "the first world war",
    "quantum physics",
    "the latest news",
    "a black hole",
    "football",
    "the price of bread",
    "Shakespeare",
    "the universe",
    "my exam",
    "Python",
    "history",
    "love",
    "the meaning of life",
    "cooking rice",
    "the population of Rome",
    "the speed of light",
    "the Eiffel tower",
    "chess",
    "gravity",
    "the bible",
    "electricity",
    "my tax form",
    "Mars",
    "an engine",
    "the internet",
    "a virus",
    "the moon landing",
    "money",
    "your favorite film",
)
_OPEN_QUESTIONS = (
    "Tell me about {}.",
    "What do you think about {}?",
    "Explain {}.",
    "What happened to {}?",
    "Who invented {}?",
    "Why is {} important?",
    "When did {} begin?",
    "Write an essay about {}.",
    "How does {} work?",
    "Who wrote about {}?",
    "Give me advice about {}.",
    "Summarize {}.",
)


def unknown(random: Random) -> Dialogue:
    """What it must not invent an answer to."""
    question = random.choice(_OPEN_QUESTIONS).format(random.choice(_SUBJECTS))
    return one_turn("unknown", question, UNKNOWN)
