"""What one piece of training data is: a dialogue, and how it is written as text.

The text is what the chat template renders; a test holds the two together.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

BEGIN, END = "<s>", "</s>"
SYSTEM, USER, ASSISTANT, TOOL = "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"
# Their order is their token id, from 0.
SPECIAL_TOKENS = (BEGIN, END, SYSTEM, USER, ASSISTANT, TOOL)
# One prompt in this many is never trained on.
HELD_OUT_ONE_IN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """A dialogue that ends with the assistant's turn.

    `turns` alternate user, assistant. `key` names the problem: dialogues with equal keys fall on
    the same side of the split, so that no phrasing of a held-out sum is ever trained on.
    `weight` scales the loss of the assistant's tokens.
    """

    task: str
    turns: tuple[str, ...]
    key: str
    system: str | None = None
    weight: float = 1.0

    @property
    def answer(self) -> str:
        return self.turns[-1]

    @property
    def is_held_out(self) -> bool:
        """Whether training must never see it: decided by a hash, the same everywhere."""
        digest = hashlib.sha256(f"{self.task}\n{self.key}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % HELD_OUT_ONE_IN == 0

    def to_text(self) -> str:
        """The whole dialogue as the network reads it, special tokens included."""
        parts = [BEGIN]
        if self.system is not None:
            parts += [SYSTEM, self.system]
        for index, turn in enumerate(self.turns):
            parts += [USER, turn] if index % 2 == 0 else [ASSISTANT, turn, END]
        return "".join(parts)

    def to_messages(self) -> list[dict[str, str]]:
        """The messages of a chat request that asks for the last answer."""
        messages = [{"role": "system", "content": self.system}] if self.system is not None else []
        for index, turn in enumerate(self.turns[:-1]):
            messages.append({"role": "user" if index % 2 == 0 else "assistant", "content": turn})
        return messages


def one_turn(
    task: str, question: str, answer: str, *, key: str | None = None, weight: float = 1.0
) -> Dialogue:
    """A question and its answer; the key is the question unless given."""
    return Dialogue(task=task, turns=(question, answer), key=key or question, weight=weight)
