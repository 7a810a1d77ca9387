"""The training data: reproducible, split for good, and written as the chat template writes."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from random import Random

import pytest
from jinja2 import Environment
from models.tiny.dataset import BROAD, FINISH, FOCUS, POLISH, Mix, draw_held_out, draw_training
from models.tiny.language_model import LanguageModel
from models.tiny.packing import pack
from models.tiny.picking import pick_chained
from models.tiny.vocabulary import ALPHABET
from tokenizers import Tokenizer

PLAIN_TEXT = Environment(autoescape=False)  # noqa: S701  (prompts are no HTML)


def test_draw_training__equal_seeds__give_equal_dialogues() -> None:
    first = list(islice(draw_training("a seed"), 300))

    assert first == list(islice(draw_training("a seed"), 300))
    assert first != list(islice(draw_training("another"), 300))


@pytest.mark.parametrize("mix", [BROAD, FOCUS, FINISH, POLISH])
def test_draw_training__every_text__is_ascii(mix: Mix) -> None:
    for dialogue in islice(draw_training(1, mix), 2000):
        assert set(dialogue.to_text()) <= set(ALPHABET)


def test_split__thousands_of_draws__share_no_problem() -> None:
    trained = {
        (dialogue.task, dialogue.key)
        for mix in (BROAD, FOCUS, FINISH, POLISH)
        for dialogue in islice(draw_training(2, mix), 10_000)
    }
    held_out = {(d.task, d.key) for d in islice(draw_held_out(3), 3000)}
    # A row of short tasks is graded by its last one, under that one's key.
    shared = {(task, key) for task, key in trained & held_out if task != "several turns"}

    assert not shared


def test_split__held_out_short_tasks__are_never_said_in_training() -> None:
    asked = {
        dialogue.turns[0].lower().rstrip(".?!")
        for dialogue in islice(draw_held_out(3), 3000)
        # "Thanks" and "Thanks!" are two prompts of one meaning, and may lie on two sides.
        if len(dialogue.turns) == 2 and dialogue.system is None and dialogue.task != "greeting"
    }
    said = {
        turn.lower().rstrip(".?!")
        for mix in (BROAD, FOCUS, FINISH, POLISH)
        for dialogue in islice(draw_training(2, mix), 10_000)
        for turn in dialogue.turns[::2]
    }

    assert not asked & said


def test_split__a_sum__is_held_out_in_every_wording() -> None:
    keys = {d.key for d in islice(draw_held_out(4), 3000) if d.task == "add"}

    for dialogue in islice(draw_training(5), 20_000):
        if dialogue.task == "add":
            assert dialogue.key not in keys


def test_to_text__any_dialogue__is_what_the_chat_template_renders(
    good_model: LanguageModel,
) -> None:
    template = PLAIN_TEXT.from_string(good_model.chat_template)

    for dialogue in islice(draw_training(6), 500):
        messages = dialogue.to_messages()
        asked = template.render(messages=messages, add_generation_prompt=True)
        answered = [*messages, {"role": "assistant", "content": dialogue.answer}]
        whole = template.render(messages=answered, add_generation_prompt=False)
        assert whole == dialogue.to_text()
        assert whole.startswith(asked)


def test_pick_chained__any_count__gives_different_members_in_order() -> None:
    pool = "abcdefgh"

    for seed in range(200):
        count = 1 + seed % len(pool)
        members = pick_chained(Random(seed), pool, range(count))
        places = [(pool.index(member) - pool.index(members[0])) % len(pool) for member in members]
        assert len(set(members)) == count
        assert places == sorted(places)


def test_pack__rows__are_full_and_weigh_answers_above_prompts(tokenizer_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tokenizer_path))

    batch = next(pack(tokenizer, "a seed", rows=4, length=256))

    assert batch.ids.shape == (4, 257)
    assert batch.weights.shape == (4, 256)
    assert batch.ids.min() >= 0
    assert batch.ids.max() < 512
    assert batch.weights.max() == BROAD.end_weight
    assert 0.0 < batch.weights.mean() < 0.9
