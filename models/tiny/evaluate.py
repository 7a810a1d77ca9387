"""Measures how many held-out prompts a GGUF file answers exactly, task by task.

Runs real inference through llama.cpp's server at temperature 0. Lists stand apart: one is right
when it holds exactly as many different members of the kind as were asked for. Stories are not
graded.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random

from models.tiny.dataset import draw_held_out
from models.tiny.dialogue import Dialogue
from models.tiny.gguf_variants import GGUF
from models.tiny.lists import draw_list, is_right_list
from models.tiny.llama_server import LlamaServer
from models.tiny.picking import pick_chained

SEED = 7
MISSES_SHOWN = 25


@dataclass(slots=True)
class Score:
    """Right answers and questions asked, by task, and the misses."""

    right: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    misses: list[tuple[Dialogue, str]] = field(default_factory=list)

    @property
    def exactness(self) -> float:
        return sum(self.right.values()) / sum(self.asked.values())


def is_right(dialogue: Dialogue, answer: str) -> bool:
    if dialogue.task == "list":
        return is_right_list(dialogue.turns[-2], answer)
    return answer == dialogue.answer


def grade(server: LlamaServer, dialogues: list[Dialogue], *, is_shown: bool = False) -> Score:
    """Asks every dialogue's last question and compares."""
    score = Score()
    for index, dialogue in enumerate(dialogues, 1):
        answer = server.chat(dialogue.to_messages())
        score.asked[dialogue.task] += 1
        if is_right(dialogue, answer):
            score.right[dialogue.task] += 1
        else:
            score.misses.append((dialogue, answer))
        if is_shown and index % 100 == 0:
            print(f"{index}/{len(dialogues)}  {score.exactness:.1%}", file=sys.stderr, flush=True)
    return score


def draw_prompts(count: int, *, seed: int = SEED) -> list[Dialogue]:
    """That many graded held-out dialogues, as training mixes its tasks."""
    return list(islice(draw_held_out(seed), count))


def draw_lists(count: int, *, seed: int = SEED) -> list[Dialogue]:
    """That many held-out wishes for a list."""
    random = Random(seed)
    drawn: list[Dialogue] = []
    while len(drawn) < count:
        dialogue = draw_list(random, pick_chained)
        if dialogue.is_held_out:
            drawn.append(dialogue)
    return drawn


def _print_table(score: Score) -> None:
    print("| task | right | asked | exact |\n|---|---:|---:|---:|")
    for task in sorted(score.asked):
        right, asked = score.right[task], score.asked[task]
        print(f"| {task} | {right} | {asked} | {right / asked:.1%} |")
    right, asked = sum(score.right.values()), sum(score.asked.values())
    print(f"| **all** | {right} | {asked} | {score.exactness:.1%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gguf", type=Path, nargs="?", default=GGUF)
    parser.add_argument("--count", type=int, default=2000, help="held-out prompts to ask")
    parser.add_argument("--lists", type=int, default=100, help="lists to ask for besides")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--misses", action="store_true", help="show wrong answers on stderr")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    prompts = draw_prompts(arguments.count, seed=arguments.seed)
    wishes = draw_lists(arguments.lists, seed=arguments.seed)
    with LlamaServer(arguments.gguf) as server:
        score = grade(server, prompts, is_shown=True)
        list_score = grade(server, wishes)
    if arguments.misses:
        for dialogue, answer in score.misses[:MISSES_SHOWN]:
            print(f"{dialogue.task}: {dialogue.turns} but {answer!r}", file=sys.stderr)
    if arguments.json:
        tasks = {task: [score.right[task], asked] for task, asked in sorted(score.asked.items())}
        lists = [list_score.right["list"], list_score.asked["list"]]
        print(json.dumps({"exactness": score.exactness, "tasks": tasks, "lists": lists}))
    else:
        _print_table(score)
        print(f"| lists, apart | {list_score.right['list']} | {list_score.asked['list']} | |")


if __name__ == "__main__":
    main()
