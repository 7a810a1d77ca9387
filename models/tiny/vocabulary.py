"""The vocabulary: 512 byte-pair tokens over printable ASCII, newline and tab.

ASCII only, so that every token is whole text and every generated token has a log-probability
entry in llama.cpp's answers (a token that ends inside a UTF-8 character has none). Digits stay
single. Text is cut by the regular expression that llama.cpp knows as the `qwen2` pre-tokenizer;
characters outside the alphabet are dropped by both runtimes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from models.tiny.dataset import draw_training
from models.tiny.dialogue import SPECIAL_TOKENS
from models.tiny.shape import GOOD
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

BUILD = Path(__file__).parent / "build"
ALPHABET = "\t\n" + "".join(map(chr, range(32, 127)))
TRAINING_DIALOGUES = 60_000
# Source: llama.cpp, src/llama-vocab.cpp, LLAMA_VOCAB_PRE_TYPE_QWEN2.
QWEN2_PATTERN = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
OUTSIDE_PATTERN = r"[^\t\n -~]+"


def build_tokenizer(bpe: models.BPE) -> Tokenizer:
    """A tokenizer around the merges, cutting text exactly as llama.cpp does.

    Foreign characters are cut out only after the words are cut: llama.cpp drops their bytes but
    never merges across the gap that they leave.
    """
    tokenizer = Tokenizer(bpe)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_PATTERN), "isolated"),
            pre_tokenizers.Split(Regex(OUTSIDE_PATTERN), "removed"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def to_byte_symbols(text: str) -> list[str]:
    """The characters by which byte-level BPE writes the bytes of ASCII text."""
    shift = {9: "\u0109", 10: "\u010a", 32: "\u0120"}
    return [shift.get(ord(character), character) for character in text]


def _training_texts() -> Iterator[str]:
    for dialogue in islice(draw_training("vocabulary"), TRAINING_DIALOGUES):
        yield from dialogue.turns


def train_vocabulary() -> Tokenizer:
    """Learns the merges from our own dialogues; the same on every machine."""
    tokenizer = build_tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=GOOD.vocabulary,
        special_tokens=[
            AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS
        ],
        initial_alphabet=to_byte_symbols(ALPHABET),
        limit_alphabet=len(ALPHABET),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_training_texts(), trainer)
    return tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=BUILD / "vocabulary.json")
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    tokenizer = train_vocabulary()
    tokenizer.save(str(arguments.out))
    print(f"{arguments.out}: {tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    main()
