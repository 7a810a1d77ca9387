"""Rows of token ids for training, made from an endless stream of dialogues.

Rows begin with a dialogue and are filled with whole ones; the one that does not fit is cut, and
its rest opens the next row when it is long (a story), or is dropped when it is short.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from models.tiny.dataset import BROAD, Mix, draw_training
from models.tiny.dialogue import ASSISTANT, BEGIN, END, SPECIAL_TOKENS
from numpy.typing import NDArray
from tokenizers import Tokenizer

# Users' turns teach a little too (embeddings, word forms); the start of a dialogue cannot be known.
PROMPT_WEIGHT = 0.05
SHORTEST_REST = 64
DIALOGUES_PER_CHUNK = 4096

_ASSISTANT_ID, _BEGIN_ID, _END_ID = (
    SPECIAL_TOKENS.index(token) for token in (ASSISTANT, BEGIN, END)
)


# Ids and weights of one dialogue.
Piece = tuple[NDArray[np.int64], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """`ids` (rows, length + 1) and the weight of predicting each but the first, (rows, length)."""

    ids: NDArray[np.int64]
    weights: NDArray[np.float32]


def weigh_tokens(
    ids: NDArray[np.int64], *, answer_weight: float, end_weight: float
) -> NDArray[np.float32]:
    """The loss weight of each token as a target: high from behind the assistant's mark on."""
    special = np.where(ids < len(SPECIAL_TOKENS), np.arange(len(ids)), 0)
    last_special = np.maximum.accumulate(special)
    before = np.concatenate([[0], last_special[:-1]])
    is_answer = ids[before] == _ASSISTANT_ID
    weights = np.where(is_answer, answer_weight, PROMPT_WEIGHT)
    weights[ids == _BEGIN_ID] = 0.0
    is_end = ids == _END_ID
    weights[is_end] = np.maximum(weights[is_end], end_weight)
    return weights.astype(np.float32)


def _tokenise(tokenizer: Tokenizer, seed: str, mix: Mix) -> Iterator[Piece]:
    dialogues = draw_training(seed, mix)
    while True:
        chunk = list(islice(dialogues, DIALOGUES_PER_CHUNK))
        encodings = tokenizer.encode_batch([dialogue.to_text() for dialogue in chunk])
        for dialogue, encoding in zip(chunk, encodings, strict=True):
            ids = np.array(encoding.ids, np.int64)
            weights = weigh_tokens(
                ids,
                answer_weight=max(dialogue.weight, mix.answer_weight),
                end_weight=mix.end_weight,
            )
            yield ids, weights


def pack(
    tokenizer: Tokenizer, seed: str, *, rows: int, length: int, mix: Mix = BROAD
) -> Iterator[Batch]:
    """Batches without end; equal arguments give equal batches."""
    stream = _tokenise(tokenizer, seed, mix)
    rest: Piece | None = None
    while True:
        ids = np.empty((rows, length + 1), np.int64)
        weights = np.empty((rows, length + 1), np.float32)
        for row in range(rows):
            filled = 0
            while filled <= length:
                piece_ids, piece_weights = rest or next(stream)
                rest = None
                taken = min(len(piece_ids), length + 1 - filled)
                ids[row, filled : filled + taken] = piece_ids[:taken]
                weights[row, filled : filled + taken] = piece_weights[:taken]
                filled += taken
                if len(piece_ids) - taken >= SHORTEST_REST:
                    rest = piece_ids[taken:], piece_weights[taken:]
        yield Batch(ids=ids, weights=weights[:, 1:])
