"""Short tasks about words and letters, each a function from a source of chance to a dialogue."""

from __future__ import annotations

from random import Random

from models.tiny.dialogue import Dialogue, one_turn
from models.tiny.facts import (
    ADJECTIVES,
    ANIMALS,
    COLOUR_NAMES,
    LETTERS,
    NAMES,
    OPPOSITES,
    OTHER_NOUNS,
    PAST_TENSES,
    PLURAL_NOUNS,
    WORDS,
    plural,
)

_ORDINALS = ("first", "second", "third")
_OPPOSITES_BOTH_WAYS = OPPOSITES | {right: left for left, right in OPPOSITES.items()}


def invent_word(random: Random) -> str:
    """A word that does not exist, of two or three syllables: letters cannot be learned by heart."""
    syllables = random.randrange(1, 4)
    word = "".join(
        random.choice("bcdfghklmnprstvwz") + random.choice("aeiou") for _ in range(syllables)
    )
    return word + random.choice(("", "n", "r", "s", "t", "l"))


def draw_word(random: Random) -> str:
    return random.choice(WORDS) if random.random() < 0.7 else invent_word(random)


def opposite(random: Random) -> Dialogue:
    word = random.choice(sorted(_OPPOSITES_BOTH_WAYS))
    question = random.choice(
        (
            f"What is the opposite of {word}?",
            f"Opposite of {word}?",
            f"Name the opposite of {word}.",
            f"What is the contrary of {word}?",
            f"Give me the opposite of {word}.",
        )
    )
    return one_turn("opposite", question, _OPPOSITES_BOTH_WAYS[word])


def plural_of(random: Random) -> Dialogue:
    noun = random.choice(PLURAL_NOUNS)
    question = random.choice(
        (
            f"What is the plural of {noun}?",
            f"Plural of {noun}?",
            f"Name the plural of {noun}.",
            f"One {noun}, two what?",
            f"Give me the plural of {noun}.",
        )
    )
    return one_turn("plural", question, plural(noun))


def past_tense(random: Random) -> Dialogue:
    verb = random.choice(list(PAST_TENSES))
    question = random.choice(
        (
            f"What is the past tense of {verb}?",
            f"Past tense of {verb}?",
            f"Today I {verb}, yesterday I what?",
            f"Give me the past tense of {verb}.",
        )
    )
    return one_turn("past tense", question, PAST_TENSES[verb])


def _ask_to_spell(random: Random, word: str) -> Dialogue:
    question = random.choice(
        (
            f"Spell the word {word}.",
            f"Spell {word}.",
            f"How do you spell {word}?",
            f"Can you spell {word}?",
            f"Please spell {word}.",
        )
    )
    return one_turn("spell", question, "-".join(word), key=word)


def spell(random: Random) -> Dialogue:
    return _ask_to_spell(random, draw_word(random))


def _ask_to_join(random: Random, word: str) -> Dialogue:
    dashed = "-".join(word)
    question = random.choice((f"Which word is {dashed}?", f"Join the letters {dashed}."))
    return one_turn("join letters", question, word, key=word)


def join_letters(random: Random) -> Dialogue:
    return _ask_to_join(random, draw_word(random))


def pick_letter(random: Random) -> Dialogue:
    word = draw_word(random)
    place = random.choice(("first", "last", "second"))
    letter = word[{"first": 0, "last": -1, "second": 1}[place]]
    question = random.choice(
        (f"What is the {place} letter of {word}?", f"Name the {place} letter of {word}.")
    )
    return one_turn("pick a letter", question, letter, key=f"{word} {place}")


def _ask_to_count(random: Random, word: str) -> Dialogue:
    question = random.choice(
        (
            f"How many letters are in {word}?",
            f"How long is the word {word}?",
            f"Count the letters of {word}.",
        )
    )
    return one_turn("count letters", question, str(len(word)), key=word)


def count_letters(random: Random) -> Dialogue:
    return _ask_to_count(random, draw_word(random))


def _ask_for_case(random: Random, word: str) -> Dialogue:
    if random.random() < 0.6:
        question = random.choice(
            (f"Write {word} in capital letters.", f"Write {word} in capitals.")
        )
        return one_turn("capital letters", question, word.upper(), key=word)
    question = f"Write {word.upper()} in small letters."
    return one_turn("capital letters", question, word.lower(), key=word.upper())


def change_case(random: Random) -> Dialogue:
    return _ask_for_case(random, random.choice(WORDS + NAMES))


def letters_of_blend(random: Random) -> Dialogue:
    """A task about the letters of a word blended from two: its tokens are real, it is not.

    Without these the model learns the letters of each word by heart, and none of a new word.
    """
    left, right = random.choice(WORDS), random.choice(WORDS)
    word = left[: random.randrange(1, 5)] + right[-random.randrange(1, 5) :]
    ask = random.choice((_ask_to_spell, _ask_to_join, _ask_to_count, _ask_for_case, _ask_for_case))
    return ask(random, word)


def _draw_phrase(random: Random, least: int, most: int) -> list[str]:
    pool = ANIMALS + OTHER_NOUNS + ADJECTIVES + COLOUR_NAMES
    return [
        random.choice(pool) if random.random() < 0.85 else invent_word(random)
        for _ in range(random.randrange(least, most + 1))
    ]


def echo(random: Random) -> Dialogue:
    words = _draw_phrase(random, 1, 6)
    if random.random() < 0.2:
        words.append(str(random.randrange(1000)))
    phrase = " ".join(words)
    if random.random() < 0.2:
        phrase = phrase.capitalize() + "."
    question = random.choice(
        (
            f"Repeat: {phrase}",
            f"Say: {phrase}",
            f"Repeat after me: {phrase}",
            f"Echo: {phrase}",
            f"Please repeat: {phrase}",
        )
    )
    return one_turn("echo", question, phrase, key=phrase)


def say_times(random: Random) -> Dialogue:
    word, times = random.choice(WORDS), random.randrange(2, 8)
    question = random.choice((f"Say {word} {times} times.", f"Write {word} {times} times."))
    return one_turn("say n times", question, " ".join([word] * times))


def pick_word(random: Random) -> Dialogue:
    words = _draw_phrase(random, 3, 5)
    place = random.choice(("first", "last", "second"))
    answer = words[{"first": 0, "last": -1, "second": 1}[place]]
    phrase = " ".join(words)
    question = f"What is the {place} word of: {phrase}"
    return one_turn("pick a word", question, answer, key=f"{phrase} {place}")


def count_words(random: Random) -> Dialogue:
    words = _draw_phrase(random, 1, 7)
    phrase = " ".join(words)
    question = random.choice((f"How many words are there: {phrase}", f"Count the words: {phrase}"))
    return one_turn("count words", question, str(len(words)), key=phrase)


def alphabet(random: Random) -> Dialogue:
    if random.random() < 0.2:
        question = random.choice(
            ("Say the alphabet.", "Write the alphabet.", "Tell me the alphabet.", "Recite the ABC.")
        )
        return one_turn("alphabet", question, " ".join(LETTERS))
    index, is_next = random.randrange(1, 25), random.random() < 0.5
    side = "after" if is_next else "before"
    question = random.choice(
        (
            f"Which letter comes {side} {LETTERS[index]}?",
            f"What letter comes {side} {LETTERS[index]}?",
            f"Which letter is {side} {LETTERS[index]} in the alphabet?",
        )
    )
    return one_turn("alphabet", question, LETTERS[index + 1 if is_next else index - 1])
