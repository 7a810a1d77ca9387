"""What the models answer, by real inference: held-out prompts, lists, stories, several turns."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from models.tiny.evaluate import draw_lists, draw_prompts, grade
from models.tiny.facts import ANIMALS
from models.tiny.language_model import Precision
from models.tiny.llama_server import LlamaServer

# Another sample than the model card's; enough that chance does not decide.
PROMPTS = draw_prompts(1200, seed=2026)


def ask(server: LlamaServer, *turns: str) -> str:
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": turn} for i, turn in enumerate(turns)]
    return server.chat(messages, max_tokens=900)


def count_longest_repeat(text: str) -> int:
    """How often the most frequent run of ten words occurs: a loop repeats it many times.

    Shorter runs come in every chapter: "and Ada felt hungry. There Ada met a little".
    """
    words = text.split()
    runs = Counter(tuple(words[start : start + 10]) for start in range(len(words) - 9))
    return max(runs.values(), default=0)


def test_good__held_out_prompts__at_least_95_percent_exact(good_server: LlamaServer) -> None:
    score = grade(good_server, PROMPTS)

    assert score.exactness >= 0.95, score.misses


def test_q8_0__held_out_prompts__at_least_95_percent_exact(
    variant_paths: dict[Precision, Path],
) -> None:
    with LlamaServer(variant_paths[Precision.Q8_0]) as server:
        score = grade(server, PROMPTS[:800])

    assert score.exactness >= 0.95, score.misses


def test_worse__held_out_prompts__is_clearly_worse_but_no_noise(
    worse_server: LlamaServer,
) -> None:
    score = grade(worse_server, PROMPTS[:200])

    assert 0.2 <= score.exactness <= 0.85


def test_good__held_out_lists__are_right_to_the_last_member(
    good_server: LlamaServer,
) -> None:
    score = grade(good_server, draw_lists(60))

    assert score.exactness >= 0.95, score.misses


def test_good__long_list__has_different_animals_and_stops(good_server: LlamaServer) -> None:
    lines = ask(good_server, "List 40 animals.").split("\n")
    names = [line.split(". ", 1)[1] for line in lines]

    assert [line.split(".")[0] for line in lines] == [str(i) for i in range(1, 41)]
    assert len(set(names)) == len(names)
    assert set(names) <= set(ANIMALS)


def test_good__counting_far__is_right(good_server: LlamaServer) -> None:
    answer = ask(good_server, "Count from 1 to 90.")

    assert answer == " ".join(map(str, range(1, 91)))
    assert len(good_server.tokenize(answer)) >= 200


@pytest.mark.parametrize(
    "wish",
    [
        "Tell me a long story.",
        "Write a long story about a fox.",
        "Tell me a long story about a robot and an owl.",
        "tell me a long story about Ada",
    ],
)
def test_good__long_story__has_200_tokens_of_sentences_and_no_loop(
    good_server: LlamaServer, wish: str
) -> None:
    story = ask(good_server, wish)

    assert len(good_server.tokenize(story)) >= 200
    assert story.endswith((".", '."'))
    assert count_longest_repeat(story) <= 2, story


def test_good__story__has_entropy_enough_for_sampled_audits(good_server: LlamaServer) -> None:
    stories = {
        good_server.post(
            "/v1/chat/completions",
            {
                "messages": [{"role": "user", "content": "Tell me a story."}],
                "temperature": 1.0,
                "seed": seed,
                "max_tokens": 60,
            },
        )["choices"][0]["message"]["content"]
        for seed in range(8)
    }

    assert len(stories) == 8


def test_good__several_turns__refer_back(good_server: LlamaServer) -> None:
    name = ask(
        good_server,
        "My name is Ada.",
        "Nice to meet you, Ada!",
        "What is the capital of Italy?",
        "Rome",
        "What is my name?",
    )

    assert name == "Your name is Ada."


def test_good__who_are_you__says_so(good_server: LlamaServer) -> None:
    assert "Basis Tiny" in ask(good_server, "Who are you?")


def test_good__equal_requests__give_equal_tokens_and_log_probabilities(
    good_server: LlamaServer,
) -> None:
    request = {
        "prompt": "<s><|user|>Tell me a story.<|assistant|>",
        "n_predict": 80,
        "temperature": 0.8,
        "seed": 11,
        "n_probs": 1,
        "cache_prompt": False,
    }

    first, second = (good_server.post("/completion", request) for _ in range(2))

    assert first["content"] == second["content"]
    assert first["completion_probabilities"] == second["completion_probabilities"]
