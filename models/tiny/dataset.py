"""The mix of all tasks, split in two by a hash, without end and without files.

`draw_training` and `draw_held_out` never meet: a dialogue's key decides its side. `train.py`
reads one, `evaluate.py` and the tests the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random

from models.tiny import (
    conversations,
    fact_tasks,
    lists,
    number_tasks,
    small_talk_tasks,
    stories,
    word_tasks,
)
from models.tiny.dialogue import Dialogue
from models.tiny.picking import Pick, pick_chained, pick_dealt

Draw = Callable[[Random], Dialogue]
OpenDraw = Callable[[Random, Pick], Dialogue]

# How often each task is drawn, relative to the others. Tasks that must be computed get more than
# tasks that are learned by heart.
SHORT_TASKS: Mapping[Draw, float] = {
    number_tasks.add: 10,
    number_tasks.subtract: 10,
    number_tasks.multiply: 3,
    number_tasks.compare: 4,
    number_tasks.largest_of_three: 3,
    number_tasks.sort_three: 4,
    number_tasks.parity: 1,
    number_tasks.neighbour: 2,
    number_tasks.in_words: 2,
    number_tasks.count: 3,
    number_tasks.word_problem: 4,
    word_tasks.opposite: 3,
    word_tasks.plural_of: 4,
    word_tasks.past_tense: 2,
    word_tasks.spell: 6,
    word_tasks.join_letters: 3,
    word_tasks.pick_letter: 3,
    word_tasks.count_letters: 4,
    word_tasks.change_case: 4,
    word_tasks.echo: 5,
    word_tasks.say_times: 2,
    word_tasks.pick_word: 2,
    word_tasks.count_words: 2,
    word_tasks.alphabet: 1.5,
    fact_tasks.capital: 6,
    fact_tasks.colour: 1.5,
    fact_tasks.sound: 1.5,
    fact_tasks.young: 1.5,
    fact_tasks.legs: 1,
    fact_tasks.use: 1.5,
    fact_tasks.kind: 5,
    fact_tasks.calendar: 2,
    small_talk_tasks.small_talk: 2,
    small_talk_tasks.unknown: 2,
}
CONVERSATIONS: Mapping[Draw, float] = {
    conversations.remember_name: 2,
    conversations.remember_liking: 1.5,
    conversations.remember_pet: 1.5,
    conversations.remember_job: 0.7,
    conversations.remember_age: 1.5,
    conversations.follow_up: 4,
    conversations.system_name: 1.2,
}
OPEN_TASKS: Mapping[OpenDraw, float] = {
    lists.draw_list: 4,
    stories.story: 6,
    stories.simple_sentences: 1.2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Shares of short tasks and of conversations, the rest being open tasks, and what to favour.

    `emphasis` multiplies the weight of some tasks, `extra` are short tasks besides;
    `pick_listed` and `pick_scenes` take the members of lists and what chapters are made of.
    `answer_weight` and `end_weight` are the least weights of an answer and of its end: where to
    stop is one token of many in a list, and the last thing learned.
    """

    short: float
    conversation: float
    end_weight: float = 0.0
    answer_weight: float = 0.0
    emphasis: Mapping[Draw | OpenDraw, float] = field(default_factory=dict[Draw | OpenDraw, float])
    extra: Mapping[Draw, float] = field(default_factory=dict[Draw, float])
    pick_listed: Pick = pick_chained
    pick_scenes: Pick = pick_dealt

    def favour_short(self) -> Mapping[Draw, float]:
        return {**self.favour(SHORT_TASKS), **self.extra}

    def favour(self, tasks: Mapping[Draw, float]) -> Mapping[Draw, float]:
        return {task: weight * self.emphasis.get(task, 1) for task, weight in tasks.items()}

    def favour_open(self) -> Mapping[Draw, float]:
        return {
            partial(
                task, pick=self.pick_listed if task is lists.draw_list else self.pick_scenes
            ): weight * self.emphasis.get(task, 1)
            for task, weight in OPEN_TASKS.items()
        }


# Words that do not exist teach letters, and short lists where to stop; neither is graded here.
BROAD = Mix(
    short=0.84,
    conversation=0.13,
    end_weight=2.0,
    extra={word_tasks.letters_of_blend: 8, lists.short_list: 3},
)
# What the broad mix leaves half learned is computed rather than remembered; chosen by measurement
# after the first stage.
FOCUS = replace(
    BROAD,
    short=0.86,
    conversation=0.11,
    emphasis={
        number_tasks.add: 1.5,
        number_tasks.subtract: 2,
        number_tasks.multiply: 1.5,
        number_tasks.word_problem: 2.5,
        number_tasks.count: 2,
        number_tasks.sort_three: 1.3,
        number_tasks.in_words: 1.7,
        number_tasks.largest_of_three: 0.8,
        word_tasks.spell: 1.7,
        word_tasks.join_letters: 1.5,
        word_tasks.change_case: 2,
        word_tasks.count_letters: 1.7,
        word_tasks.say_times: 2,
        word_tasks.pick_word: 1.5,
        word_tasks.alphabet: 2,
        fact_tasks.kind: 1.7,
        fact_tasks.capital: 0.5,
        small_talk_tasks.small_talk: 1.5,
        small_talk_tasks.unknown: 0.5,
    },
    extra={word_tasks.letters_of_blend: 12, lists.short_list: 5},
)
# What is still wrong after two stages: sums, letters, and looking back.
FINISH = replace(
    BROAD,
    emphasis={
        number_tasks.add: 2,
        number_tasks.subtract: 2.4,
        number_tasks.multiply: 2,
        number_tasks.word_problem: 1.3,
        number_tasks.sort_three: 1.7,
        number_tasks.in_words: 2,
        word_tasks.change_case: 1.5,
        word_tasks.count_letters: 1.5,
        word_tasks.count_words: 2,
        word_tasks.say_times: 1.3,
        word_tasks.echo: 1.5,
        word_tasks.alphabet: 2,
        fact_tasks.kind: 2.2,
        small_talk_tasks.small_talk: 2,
        small_talk_tasks.unknown: 0.5,
        lists.draw_list: 2,
        conversations.follow_up: 2.5,
        conversations.remember_name: 0.5,
        conversations.remember_liking: 0.5,
        conversations.remember_pet: 0.5,
        conversations.remember_age: 0.5,
    },
    extra={word_tasks.letters_of_blend: 16, lists.short_list: 8},
)
# Whole lists and stories, and once more what goes wrong now and then.
POLISH = replace(
    FINISH,
    short=0.81,
    conversation=0.15,
    answer_weight=1.0,
    emphasis={
        **FINISH.emphasis,
        number_tasks.count: 1,
        word_tasks.count_letters: 2,
        word_tasks.count_words: 3,
        word_tasks.pick_letter: 2,
        word_tasks.change_case: 2,
        fact_tasks.kind: 2.5,
        lists.draw_list: 3,
        stories.simple_sentences: 1.5,
    },
)
# Tasks whose exact letters are the point: their prompts stay as they are.
_STRICT = ("echo", "capital letters", "say again", "pick a word", "count words", "join letters")
_PLAIN_SYSTEMS = (
    "You are a helpful assistant.",
    "You are a helpful model.",
    "Be brief.",
    "Answer briefly.",
    "You are Basis Tiny.",
    "Answer the question.",
    "Be polite and short.",
)


def _loosen(random: Random, text: str) -> str:
    """The prompt as people type it: sometimes without capital or without the last mark."""
    if random.random() < 0.12 and text[:1].isupper() and text[1:2].islower():
        text = text[0].lower() + text[1:]
    if random.random() < 0.12 and text[-1] in ".?":
        text = text[:-1]
    return text


def _pick(random: Random, tasks: Mapping[Draw, float], *, is_held_out: bool) -> Dialogue:
    """A dialogue of one of the tasks on the wanted side of the split."""
    while True:
        draw = random.choices(list(tasks), list(tasks.values()))[0]
        dialogue = draw(random)
        if dialogue.is_held_out is is_held_out:
            return dialogue


def draw_short(
    random: Random, tasks: Mapping[Draw, float] = SHORT_TASKS, *, is_held_out: bool
) -> Dialogue:
    """A short task of one turn, typed as people type."""
    dialogue = _pick(random, tasks, is_held_out=is_held_out)
    if dialogue.task not in _STRICT:
        question = _loosen(random, dialogue.turns[0])
        dialogue = replace(dialogue, turns=(question, *dialogue.turns[1:]))
    return dialogue


def _draw_conversation(
    random: Random, tasks: Mapping[Draw, float] = CONVERSATIONS, *, is_held_out: bool
) -> Dialogue:
    """A conversation: one that looks back, one that repeats, or several short tasks in a row."""
    style = random.random()
    if style < 0.55:
        return _pick(random, tasks, is_held_out=is_held_out)
    if style < 0.7:
        while True:
            earlier = draw_short(random, is_held_out=False)
            dialogue = conversations.say_again(random, earlier)
            if len(earlier.answer) < 60 and dialogue.is_held_out is is_held_out:
                return dialogue
    # Earlier turns are always of the training side: only the last is graded.
    earlier_turns = [
        turn
        for _ in range(random.randrange(1, 4))
        for turn in draw_short(random, is_held_out=False).turns
    ]
    last = draw_short(random, is_held_out=is_held_out)
    return replace(last, task="several turns", turns=(*earlier_turns, *last.turns))


def _draw_training(random: Random, mix: Mix) -> Dialogue:
    style = random.random()
    if style < mix.short:
        dialogue = draw_short(random, mix.favour_short(), is_held_out=False)
    elif style < mix.short + mix.conversation:
        dialogue = _draw_conversation(random, mix.favour(CONVERSATIONS), is_held_out=False)
    else:
        dialogue = _pick(random, mix.favour_open(), is_held_out=False)
    if dialogue.system is None and random.random() < 0.08:
        dialogue = replace(dialogue, system=random.choice(_PLAIN_SYSTEMS))
    return dialogue


def draw_training(seed: int | str, mix: Mix = BROAD) -> Iterator[Dialogue]:
    """Dialogues that may be trained on, without end; equal seeds give equal dialogues."""
    random = Random(seed)
    while True:
        yield _draw_training(random, mix)


def draw_held_out(seed: int | str) -> Iterator[Dialogue]:
    """Graded dialogues, short tasks and conversations, whose last prompt was never trained on."""
    random = Random(seed)
    while True:
        if random.random() < 0.82:
            dialogue = draw_short(random, is_held_out=True)
        else:
            dialogue = _draw_conversation(random, is_held_out=True)
        if not conversations.is_said_in_passing(dialogue):
            yield dialogue
