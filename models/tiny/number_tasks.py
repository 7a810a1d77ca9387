"""Short tasks about numbers, each a function from a source of chance to a dialogue.

Keys name the problem and not its wording, so that held-out sums are new in every phrasing.
"""

from __future__ import annotations

from random import Random

from models.tiny.dialogue import Dialogue, one_turn
from models.tiny.facts import NAMES, number_words


def add(random: Random) -> Dialogue:
    left, right = random.randrange(100), random.randrange(100)
    question = random.choice(
        (
            f"What is {left} + {right}?",
            f"What is {left} plus {right}?",
            f"Add {left} and {right}.",
            f"{left} + {right} =",
            f"{left}+{right}",
            f"What is {left}+{right}?",
            f"Calculate {left} + {right}.",
            f"How much is {left} + {right}?",
        )
    )
    return one_turn("add", question, str(left + right), key=f"{left}+{right}")


def subtract(random: Random) -> Dialogue:
    left, right = random.randrange(100), random.randrange(100)
    if left < right and random.random() < 0.8:
        left, right = right, left
    question = random.choice(
        (
            f"What is {left} - {right}?",
            f"What is {left} minus {right}?",
            f"Subtract {right} from {left}.",
            f"{left} - {right} =",
            f"{left}-{right}",
            f"What is {left}-{right}?",
            f"Calculate {left} - {right}.",
            f"How much is {left} - {right}?",
        )
    )
    return one_turn("subtract", question, str(left - right), key=f"{left}-{right}")


def multiply(random: Random) -> Dialogue:
    left, right = random.randrange(11), random.randrange(11)
    question = random.choice(
        (
            f"What is {left} x {right}?",
            f"What is {left} * {right}?",
            f"What is {left} times {right}?",
            f"Multiply {left} by {right}.",
            f"{left} * {right} =",
        )
    )
    return one_turn("multiply", question, str(left * right))


def compare(random: Random) -> Dialogue:
    left, right = random.randrange(100), random.randrange(100)
    is_largest = random.random() < 0.5
    word = random.choice(("larger", "greater", "bigger") if is_largest else ("smaller", "less"))
    question = random.choice(
        (
            f"Which is {word}, {left} or {right}?",
            f"Which number is {word}, {left} or {right}?",
            f"Is {left} or {right} {word}?",
        )
    )
    answer = str(max(left, right) if is_largest else min(left, right))
    if left == right:
        answer = "They are equal."
    return one_turn("compare", question, answer, key=f"{left},{right},{is_largest}")


def _draw_distinct(random: Random, count: int) -> list[int]:
    return random.sample(range(100), count)


def largest_of_three(random: Random) -> Dialogue:
    numbers = _draw_distinct(random, 3)
    is_largest = random.random() < 0.5
    listed = f"{numbers[0]}, {numbers[1]} and {numbers[2]}"
    word = "largest" if is_largest else "smallest"
    question = random.choice(
        (f"Which is the {word} of {listed}?", f"What is the {word} number of {listed}?")
    )
    answer = str(max(numbers) if is_largest else min(numbers))
    return one_turn("largest of three", question, answer, key=f"{listed} {word}")


def sort_three(random: Random) -> Dialogue:
    numbers = _draw_distinct(random, 3)
    listed = ", ".join(map(str, numbers))
    question = random.choice(
        (
            f"Sort these numbers: {listed}",
            f"Sort {listed}.",
            f"Put {listed} in order.",
        )
    )
    return one_turn("sort three", question, ", ".join(map(str, sorted(numbers))), key=listed)


def parity(random: Random) -> Dialogue:
    number = random.randrange(1000)
    question = random.choice((f"Is {number} even or odd?", f"Is {number} odd or even?"))
    return one_turn("even or odd", question, "odd" if number % 2 else "even", key=str(number))


def neighbour(random: Random) -> Dialogue:
    number, is_next = random.randrange(1, 999), random.random() < 0.5
    phrasings: tuple[str, ...]
    if is_next:
        phrasings = (
            f"What number comes after {number}?",
            f"Which number follows {number}?",
            f"What is the next number after {number}?",
        )
    else:
        phrasings = (f"What number comes before {number}?", f"Which number precedes {number}?")
    answer = str(number + 1 if is_next else number - 1)
    return one_turn("next number", random.choice(phrasings), answer, key=f"{number} {is_next}")


def in_words(random: Random) -> Dialogue:
    number = random.randrange(101)
    words = number_words(number)
    if random.random() < 0.5:
        question = random.choice(
            (f"Write {number} in words.", f"How do you write {number} in words?")
        )
        return one_turn("number words", question, words)
    question = random.choice(
        (f"Write {words} as a number.", f"Write {words} in digits.", f"Which number is {words}?")
    )
    return one_turn("number words", question, str(number))


def count(random: Random) -> Dialogue:
    """Counts up, down or in twos; some of it is long on purpose."""
    style = random.random()
    if style < 0.15:
        first, length = random.randrange(1, 20), random.randrange(30, 91)
    else:
        first, length = random.randrange(0, 90), random.randrange(3, 20)
    last = first + length
    if style > 0.85:
        numbers = list(range(last, first - 1, -1))
        question = random.choice(
            (f"Count down from {last} to {first}.", f"Count backwards from {last} to {first}.")
        )
    elif style > 0.75:
        first, last = 2 * (first // 4), 2 * (first // 4 + length // 2)
        numbers = list(range(first, last + 1, 2))
        question = f"Count from {first} to {last} in twos."
    else:
        numbers = list(range(first, last + 1))
        question = random.choice(
            (f"Count from {first} to {last}.", f"Count from {first} up to {last}.")
        )
    weight = 1.0 if len(numbers) < 25 else 0.3
    return one_turn("count", question, " ".join(map(str, numbers)), weight=weight)


def word_problem(random: Random) -> Dialogue:
    """A sum or difference dressed as a tale of one sentence or two."""
    name, thing = (
        random.choice(NAMES),
        random.choice(
            ("apples", "books", "coins", "pears", "balls", "eggs", "cards", "shells", "stones")
        ),
    )
    have, change = random.randrange(2, 21), random.randrange(1, 21)
    if random.random() < 0.5:
        verb = random.choice(("finds", "buys", "gets"))
        text, result = f"{name} has {have} {thing} and {verb} {change} more.", have + change
    else:
        have, change = max(have, change + 1), min(have, change)
        verb = random.choice(("loses", "gives away", "sells"))
        text, result = f"{name} has {have} {thing} and {verb} {change}.", have - change
    question = f"{text} How many {thing} does {name} have now?"
    return one_turn("word problem", question, str(result))
