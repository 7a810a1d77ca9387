"""The words that stories are made of, by the slot that they fill."""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return text.split()


def _phrases(text: str) -> list[str]:
    return text.split(", ")


HEROES = _words(
    "girl boy farmer sailor baker painter king queen fox cat dog mouse rabbit bear owl robot "
    "dragon teacher"
)
HELPERS = _words(
    "fox owl cat dog horse crow frog bear goat duck mouse turtle wolf deer rabbit hen swan "
    "squirrel beaver hedgehog donkey snail"
)
THINGS = _words("ring key book hat bell map crown coin lamp flute letter star ball shoe cup drum")
GIFTS = _phrases(
    "an apple, a warm coat, a rope, a candle, a loaf of bread, a jar of honey, a feather, "
    "a small knife, a red scarf, a bag of nuts, a round stone, a blue shell, a piece of cheese, "
    "a wooden spoon, a white rose, a bottle of milk"
)
QUALITIES = _words("old small big quiet warm dark new strange beautiful simple")
HOMES = _phrases("house, hut, tower, castle, cottage, cave, mill, barn")
PLACES = _phrases(
    "the old bridge, the river, the dark forest, the green hill, the village, the lake, "
    "the market, the high mountain, the garden, the beach, the harbor, the long road, "
    "the quiet valley, the corn field, the stone well, the school, the windmill, the island"
)
WEATHERS = (
    "It rained all day",
    "The sun was warm",
    "The wind was strong",
    "Snow fell softly",
    "There was thick fog",
    "The sky was clear",
    "It was very cold",
    "A storm came near",
    "The air was fresh",
    "The moon was bright",
)
FEELINGS = _words("happy sad tired hungry afraid proud curious brave calm lonely")
HIDING = (
    "under a tree",
    "behind a big rock",
    "in a bird's nest",
    "at the bottom of a well",
    "in an old box",
    "under a bed",
    "between two stones",
    "on a high shelf",
    "in a basket",
    "under the snow",
)
ACTS = (
    "sang a song",
    "told a joke",
    "danced in a circle",
    "built a small fire",
    "played a game",
    "shared some soup",
    "climbed a tree",
    "looked at the clouds",
    "counted the birds",
    "swam in the water",
    "slept under the sky",
    "baked a cake",
    "drew a picture",
    "planted a seed",
)
