"""Builds a tokenizer from what a GGUF file says of its own vocabulary.

Byte-level BPE (`tokenizer.ggml.model = gpt2`) is built here, with the pre-tokenizers that llama.cpp
names. Other kinds (SentencePiece, WordPiece) need the model's tokenizer.json instead.
Source: llama.cpp's names for pre-tokenizers; the patterns are those of the models' tokenizer.json.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from gguf import GGUFReader
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from basis.rules.errors import Misconfigured

_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_QWEN2 = _CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _REST
_LLAMA3 = _CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _REST
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

_PRE_TOKENIZERS: Mapping[str, str] = {
    "qwen2": _QWEN2,
    "deepseek-r1-qwen": _QWEN2,
    "llama-bpe": _LLAMA3,
    "llama3": _LLAMA3,
    "llama-v3": _LLAMA3,
    "smaug-bpe": _LLAMA3,
    "gpt-2": _GPT2,
    "mpt": _GPT2,
    "olmo": _GPT2,
    "default": _GPT2,
}

_CONTROL_TYPE = 3
_USER_DEFINED_TYPE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """A tokenizer with what the counting needs besides."""

    tokenizer: Tokenizer
    chat_template: str
    bos_token: str
    eos_token: str
    adds_bos: bool
    """Whether a plain prompt gets a BOS token in front."""


def load_gguf_vocabulary(path: Path) -> Vocabulary:
    """The vocabulary in the header of a GGUF file; the weights are not read.

    Raises:
        Misconfigured: unreadable, no vocabulary, or one of a kind that is not built here.
    """
    try:
        fields = _read_fields(path)
    except (OSError, ValueError, IndexError) as error:
        raise Misconfigured(f"{path} cannot be read as GGUF: {error}") from error
    kind = fields.get("tokenizer.ggml.model")
    if kind != "gpt2":
        raise Misconfigured(
            f"{path} holds a vocabulary of kind {kind!r}; give the model's tokenizer.json instead"
        )
    pre = str(fields.get("tokenizer.ggml.pre", "default"))
    pattern = _PRE_TOKENIZERS.get(pre)
    if pattern is None:
        raise Misconfigured(
            f"{path} uses the pre-tokenizer {pre!r}, which is not known here; "
            f"give the model's tokenizer.json instead"
        )
    tokens = cast("list[str]", fields["tokenizer.ggml.tokens"])
    bos_id, eos_id = (fields.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos"))
    return Vocabulary(
        tokenizer=_build(fields, tokens, pattern),
        chat_template=str(fields.get("tokenizer.chat_template", "")),
        bos_token=tokens[bos_id] if isinstance(bos_id, int) else "",
        eos_token=tokens[eos_id] if isinstance(eos_id, int) else "",
        adds_bos=fields.get("tokenizer.ggml.add_bos_token") is True,
    )


def _read_fields(path: Path) -> dict[str, object]:
    reader = GGUFReader(path)
    return {
        key: field.contents()
        for key, field in reader.fields.items()
        if key.startswith("tokenizer.")
    }


def _build(fields: Mapping[str, object], tokens: list[str], pattern: str) -> Tokenizer:
    merges = cast("list[str]", fields.get("tokenizer.ggml.merges", []))
    types = cast("list[int]", fields.get("tokenizer.ggml.token_type", [1] * len(tokens)))
    tokenizer = Tokenizer(
        models.BPE(
            vocab={token: index for index, token in enumerate(tokens)},
            merges=[_as_pair(merge) for merge in merges],
        )
    )
    splits = [pre_tokenizers.Split(Regex(pattern), behavior="isolated")]
    unwritable = _unwritable_characters(set(tokens))
    if unwritable:
        # llama.cpp drops a byte that has no token; a character left in would join its neighbours.
        splits.append(pre_tokenizers.Split(Regex(unwritable), behavior="removed"))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*splits, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(  # pyright: ignore[reportUnknownMemberType]  # untyped stub
        [
            AddedToken(token, special=True, normalized=False)
            for token, kind in zip(tokens, types, strict=True)
            if kind in {_CONTROL_TYPE, _USER_DEFINED_TYPE}
        ]
    )
    return tokenizer


def _as_pair(merge: str) -> tuple[str, str]:
    left, _space, right = merge.partition(" ")
    return left, right


def _unwritable_characters(tokens: set[str]) -> str:
    """A pattern of the characters for which the vocabulary has no bytes; "" if it has them all."""
    byte_characters = pre_tokenizers.ByteLevel.alphabet()
    if all(character in tokens for character in byte_characters):
        return ""
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    writable = "".join(
        re.escape(chr(code))
        for code in range(128)
        if byte_level.pre_tokenize_str(chr(code))[0][0] in tokens
    )
    return f"[^{writable}]+"
