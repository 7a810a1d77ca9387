"""Stories of simple sentences: connected, varied, and built so that they do not loop.

A hero looks for a lost thing, goes from place to place, meets a different animal at each, and in
the end goes home with what the story has mentioned. Within one story no place, animal or gift
comes twice, and every chapter opens with a day or an ordinal, so that a model that always takes
the likeliest word still knows how far it is. Every slot is drawn uniformly from a pool: that is
where the entropy comes from that sampled audits need.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from models.tiny.dialogue import Dialogue
from models.tiny.facts import ADJECTIVES, COLOUR_NAMES, DAYS, NAMES, with_article
from models.tiny.picking import Pick
from models.tiny.story_words import (
    ACTS,
    FEELINGS,
    GIFTS,
    HELPERS,
    HEROES,
    HIDING,
    HOMES,
    PLACES,
    QUALITIES,
    THINGS,
    WEATHERS,
)

STORY_WEIGHT = 0.3
WORDINGS = 5  # of asking, and of giving
ORDINALS = ("First", "Then", "Next", "After that", "Later", "At last")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who and what one story is about."""

    hero: str
    name: str
    adjective: str
    helper: str | None
    colour: str
    thing: str
    home: str

    @property
    def treasure(self) -> str:
        return f"{self.colour} {self.thing}"


def draw_cast(random: Random, *, hero: str | None = None, helper: str | None = None) -> Cast:
    return Cast(
        hero=hero or random.choice(HEROES),
        name=random.choice(NAMES),
        adjective=random.choice(ADJECTIVES),
        helper=helper,
        colour=random.choice(COLOUR_NAMES),
        thing=random.choice(THINGS),
        home=random.choice(HOMES),
    )


def _open(random: Random, cast: Cast, place: str, act: str) -> list[str]:
    """Who, where, and what is lost: three or four sentences."""
    hero = f"{with_article(cast.adjective)} {cast.hero}"
    sentences = [
        random.choice(
            (
                f"Once upon a time there was {hero} called {cast.name}.",
                f"Long ago there lived {hero} with the name {cast.name}.",
                f"This is the story of {cast.name}, {hero}.",
            )
        ),
        f"{cast.name} lived in {with_article(random.choice(QUALITIES))} {cast.home} near {place}.",
    ]
    if random.random() < 0.5:
        season = random.choice(("morning", "evening", "summer", "winter"))
        sentences.append(f"Every {season} {cast.name} {act}.")
    treasure = with_article(cast.treasure)
    sentences.append(
        random.choice(
            (
                f"One day {cast.name} lost {treasure}.",
                f"One night the wind took away the {cast.treasure} of {cast.name}.",
                f"More than anything, {cast.name} wanted to find {treasure}.",
                f"But {cast.name} had no peace without {treasure}.",
            )
        )
    )
    return sentences


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What one chapter is made of; nothing in it comes twice in a story, but the wording may."""

    when: str
    place: str
    helper: str
    gift: str
    weather: str
    act: str
    asking: int
    giving: int


def _chapter(random: Random, cast: Cast, scene: Scene) -> list[str]:
    """One place, one animal, one gift: three to seven sentences."""
    name, helper, gift = cast.name, scene.helper, scene.gift
    treasure = with_article(cast.treasure)
    verb = random.choice(("went", "walked", "came", "ran"))
    sentences = [f"{scene.when} {name} {verb} to {scene.place}."]
    if random.random() < 0.5:
        sentences.append(f"{scene.weather}, and {name} felt {random.choice(FEELINGS)}.")
    animal = with_article(f"{random.choice(ADJECTIVES)} {helper}")
    sentences.append(
        random.choice(
            (
                f"There {name} met {animal}.",
                f"{animal.capitalize()} was waiting there.",
                f"There sat {animal}.",
            )
        )
    )
    askings = (
        f'"Have you seen my {cast.treasure}?" asked {name}.',
        f'"I am looking for {treasure}," said {name}.',
        f'"Can you help me?" asked {name}.',
        f"{name} told the {helper} about the {cast.treasure}.",
        f'"Who are you?" asked the {helper}. "I am {name}."',
    )
    givings = (
        f'"No," said the {helper}, "but take {gift}."',
        f"The {helper} did not know, but gave {name} {gift}.",
        f'"I am sorry," said the {helper}, and gave {name} {gift}.',
        f"The {helper} thought for a long time and then brought {gift}.",
        f"In the grass the {helper} found {gift} for {name}.",
    )
    sentences += [askings[scene.asking], givings[scene.giving]]
    if random.random() < 0.6:
        sentences.append(f"Together they {scene.act}.")
    return sentences


def _close(random: Random, cast: Cast, scenes: list[Scene], act: str) -> list[str]:
    """The thing is found, and the story remembers whom and what it told of."""
    sentences = [
        f"In the end {cast.name} found the {cast.treasure} {random.choice(HIDING)}.",
        random.choice(
            (
                f"{cast.name} carried it back to the {cast.home}.",
                f"With the {cast.treasure} {cast.name} went home to the {cast.home}.",
            )
        ),
    ]
    if random.random() < 0.6:
        sentences.append(f"On the table lay {' and '.join(scene.gift for scene in scenes[:3])}.")
    guests = " and ".join(f"the {scene.helper}" for scene in scenes[:3])
    sentences.append(f"{cast.name} thanked {guests}, and they {act}.")
    sentences.append(
        random.choice(
            (
                "They were friends for the rest of their lives.",
                f"From that day on {cast.name} was never {random.choice(FEELINGS)} again.",
                f"And {cast.name} slept well that night.",
                "That is the end of the story.",
            )
        )
    )
    return sentences


def _draw_scenes(random: Random, pick: Pick, cast: Cast, chapters: int) -> list[Scene]:
    slots = list(range(chapters))
    helpers = pick(random, [helper for helper in HELPERS if helper != cast.hero], slots)
    if cast.helper is not None:
        helpers = [cast.helper, *(helper for helper in helpers if helper != cast.helper)][:chapters]
    if chapters > len(ORDINALS) or random.random() < 0.5:
        times = [f"On {day}" for day in DAYS]
    else:
        times = [*ORDINALS[: chapters - 1], ORDINALS[-1]]
    places, gifts = pick(random, PLACES, slots), pick(random, GIFTS, slots)
    weathers, acts = pick(random, WEATHERS, slots), pick(random, ACTS, slots)
    # Seven chapters need more wordings than there are: twice through, never twice in a row.
    wordings = range(WORDINGS)
    askings = pick(random, wordings, wordings) * 2
    givings = pick(random, wordings, wordings) * 2
    return [
        Scene(
            when=times[index],
            place=places[index],
            helper=helpers[index],
            gift=gifts[index],
            weather=weathers[index],
            act=acts[index],
            asking=askings[index],
            giving=givings[index],
        )
        for index in range(chapters)
    ]


def tell(random: Random, pick: Pick, cast: Cast, chapters: int) -> list[str]:
    """The sentences of one story with that many chapters, at most seven."""
    scenes = _draw_scenes(random, pick, cast, chapters)
    free_places = [place for place in PLACES if place not in {scene.place for scene in scenes}]
    free_acts = [act for act in ACTS if act not in {scene.act for scene in scenes}]
    first_act, last_act = random.sample(free_acts, 2)
    sentences = _open(random, cast, random.choice(free_places), first_act)
    for scene in scenes:
        sentences += _chapter(random, cast, scene)
    return sentences + _close(random, cast, scenes, last_act)


def _ask(random: Random, size: str) -> tuple[str, Cast]:
    """A wish for a story, and a cast that fits the wish."""
    tale = f"{size} story".strip()
    article = with_article(tale)
    style = random.random()
    if style < 0.4:
        wish = random.choice((f"Tell me {article}.", f"Write {article}.", f"I want {article}."))
        return wish, draw_cast(random)
    cast = draw_cast(random)
    if style < 0.75:
        hero = with_article(cast.hero)
        wish = random.choice((f"Tell me {article} about {hero}.", f"Write {article} about {hero}."))
        return wish, cast
    if style < 0.9:
        return f"Tell me {article} about {cast.name}.", cast
    helper = random.choice(HELPERS)
    hero = random.choice([hero for hero in HEROES if hero != helper])
    cast = draw_cast(random, hero=hero, helper=helper)
    return f"Tell me {article} about {with_article(hero)} and {with_article(helper)}.", cast


def story(random: Random, pick: Pick) -> Dialogue:
    """A story on demand: "short" has one chapter, plain two or three, "long" five to seven."""
    size = random.choice(("", "", "short", "long", "long"))
    chapters = {"short": 1, "": random.randrange(2, 4), "long": random.randrange(5, 8)}[size]
    wish, cast = _ask(random, size)
    sentences = tell(random, pick, cast, chapters)
    parts: tuple[str, ...]
    if size == "" and random.random() < 0.2:
        middle = len(sentences) // 2
        more = random.choice(("Go on.", "And then?", "Tell me more.", "What happened next?"))
        parts = (" ".join(sentences[:middle]), more, " ".join(sentences[middle:]))
    else:
        parts = (" ".join(sentences),)
    turns = (wish, *parts)
    return Dialogue(task="story", turns=turns, key=wish, weight=STORY_WEIGHT)


_SENTENCE_VERBS = [
    "walks",
    "runs",
    "sleeps",
    "sings",
    "waits",
    "smiles",
    "rests",
    "plays",
    "jumps",
    "reads",
    "dances",
    "works",
]


def simple_sentences(random: Random, pick: Pick) -> Dialogue:
    """ "Write 12 sentences." and as many numbered ones, no place used twice."""
    size = random.randrange(2, 16)
    about = random.choice(HEROES) if random.random() < 0.5 else None
    subject = f" about {with_article(about)}" if about else ""
    wish = random.choice(
        (f"Write {size} sentences{subject}.", f"Write {size} simple sentences{subject}.")
    )
    lines = []
    for index, place in enumerate(pick(random, PLACES, range(size)), 1):
        actor = f"The {random.choice(ADJECTIVES)} {about or random.choice(HELPERS)}"
        lines.append(f"{index}. {actor} {random.choice(_SENTENCE_VERBS)} near {place}.")
    return Dialogue(task="sentences", turns=(wish, "\n".join(lines)), key=wish, weight=STORY_WEIGHT)
