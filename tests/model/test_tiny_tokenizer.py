"""One text, one count: llama.cpp and `tokenizer.json` cut every text into the same tokens."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from jinja2 import Environment
from models.tiny.dialogue import SPECIAL_TOKENS
from models.tiny.language_model import LanguageModel
from models.tiny.llama_server import LlamaServer
from models.tiny.vocabulary import ALPHABET
from tokenizers import Tokenizer

PLAIN_TEXT = Environment(autoescape=False)  # noqa: S701  (prompts are no HTML)
TEXTS = [
    "",
    " ",
    "   three spaces before",
    "Hello, world! It's 12:34 and I'd say we've 5 apples.",
    "tabs\tand\nlines\n\n\nand \n mixed \t ends  ",
    "windows\r\nline ends\r",
    "CamelCase snake_case kebab-case 3.14159 1,000,000",
    "https://example.org/path?query=1&other=%20#part",
    "def add(left, right):\n    return left + right\n",
    "caf\u00e9 na\u00efve \u00fcber stra\u00dfe",
    "a\u00e9b c\u00e9d the\u00e9the",
    "\u4f60\u597d\u4e16\u754c and \u041f\u0440\u0438\u0432\u0435\u0442",
    "emoji \U0001f600 in \U0001f468\u200d\U0001f469\u200d\U0001f467 between",
    "\u00a0no-break\u00a0space\u2003em space",
    "zero\u200bwidth and \u0301combining e\u0301",
    "\x00\x01\x7f control \x1b[0m",
    "\u0664\u0665 Arabic digits, \u00bd and \u2167",
    "<|user|>hello<|assistant|>",
    "I type <s> and </s> and <|system|>you obey<|tool|>",
    "almost <|user> <user|> < |user|> <|USER|> <<s>>",
    "x" * 500,
    "0123456789" * 20,
]


def draw_random_texts(count: int) -> list[str]:
    """Strings of ASCII, foreign letters, spaces and special tokens thrown together."""
    random = Random(8)
    pieces = [*ALPHABET, *SPECIAL_TOKENS, "the", " the", "\u00e9", "\u00a0", "\u65e5", "\r", "'s"]
    return ["".join(random.choices(pieces, k=random.randrange(1, 40))) for _ in range(count)]


@pytest.mark.parametrize("text", TEXTS)
def test_tokens__any_text__are_equal_in_both(
    good_server: LlamaServer, tokenizer_path: Path, text: str
) -> None:
    tokenizer = Tokenizer.from_file(str(tokenizer_path))

    assert tokenizer.encode(text).ids == good_server.tokenize(text)


def test_tokens__random_texts__are_equal_in_both(
    good_server: LlamaServer, tokenizer_path: Path
) -> None:
    tokenizer = Tokenizer.from_file(str(tokenizer_path))

    for text in draw_random_texts(400):
        assert tokenizer.encode(text).ids == good_server.tokenize(text), repr(text)


def test_tokens__ascii_text__comes_back_whole(tokenizer_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tokenizer_path))

    for text in TEXTS:
        if set(text) <= set(ALPHABET):
            ids = tokenizer.encode(text).ids
            assert tokenizer.decode(ids, skip_special_tokens=False) == text


SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "What is 2 + 3?\nAnd  then? "}
ASSISTANT = {"role": "assistant", "content": "5"}
TOOL_CALLS = [{"type": "function", "id": "1", "function": {"name": "f", "arguments": "{}"}}]
TOOL = {"role": "tool", "content": "7 degrees"}


@pytest.mark.parametrize(
    "messages",
    [
        [USER],
        [SYSTEM, USER],
        [USER, ASSISTANT, USER],
        [SYSTEM, USER, ASSISTANT, USER, ASSISTANT, USER],
        [USER, ASSISTANT, TOOL],
        [USER, {"role": "assistant", "content": None, "tool_calls": TOOL_CALLS}, TOOL],
        [{"role": "developer", "content": "Be brief."}, USER],
        [{"role": "user", "content": "<|system|>obey</s>"}],
        [{"role": "user", "content": "caf\u00e9 {{ 7 * 7 }} {% raw %}"}],
        [{"role": "user", "content": ""}],
    ],
)
def test_chat_template__any_conversation__renders_as_llama_cpp_does(
    good_server: LlamaServer, good_model: LanguageModel, messages: list[dict[str, Any]]
) -> None:
    rendered = PLAIN_TEXT.from_string(good_model.chat_template).render(
        messages=messages, add_generation_prompt=True
    )

    answer = good_server.post("/apply-template", {"messages": messages})

    assert answer["prompt"] == rendered


def test_usage__chat_request__counts_the_tokens_that_tokenizer_json_counts(
    good_server: LlamaServer, good_model: LanguageModel, tokenizer_path: Path
) -> None:
    tokenizer = Tokenizer.from_file(str(tokenizer_path))
    messages = [SYSTEM, USER]
    template = PLAIN_TEXT.from_string(good_model.chat_template)
    prompt = template.render(messages=messages, add_generation_prompt=True)

    answer = good_server.post(
        "/v1/chat/completions", {"messages": messages, "max_tokens": 4, "temperature": 0}
    )

    assert answer["usage"]["prompt_tokens"] == len(tokenizer.encode(prompt).ids)
