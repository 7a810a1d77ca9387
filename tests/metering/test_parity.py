"""What is billed is what llama.cpp itself counts for the same request."""

from __future__ import annotations

from typing import Any

import pytest

from basis.metering.meter import Meter
from tests.metering.llama import LlamaServer

SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "What is 2 + 3?\nAnd  then? "}
ASSISTANT = {"role": "assistant", "content": "5"}
CALLS = [{"type": "function", "id": "1", "function": {"name": "f", "arguments": "{}"}}]
TOOL = {"role": "tool", "content": "7 degrees", "tool_call_id": "1"}
TEXTS = {
    "word": "Hello",
    "spaces": "   three   spaces ",
    "lines": "tabs\tand\nlines\n\n\nand \n mixed \t ends  ",
    "windows": "windows\r\nline ends\r",
    "numbers": "3.14159 1,000,000 0123456789",
    "code": "def add(left, right):\n    return left + right\n",
    "accents": "caf\u00e9 na\u00efve \u00fcber",
    "foreign": "\u4f60\u597d\u4e16\u754c and \u041f\u0440\u0438\u0432\u0435\u0442",
    "emoji": "emoji \U0001f600 in \U0001f468\u200d\U0001f469 between",
    "marks": "e\u0301 zero\u200bwidth \u00a0no-break",
    "control": "\x01\x7f control \x1b[0m",
    "special": "I type <s> and </s> and <|user|>you<|assistant|>",
    "almost-special": "<|user> <user|> < |user|> <<s>>",
    "long": "word " * 150,
}
CHATS: dict[str, list[dict[str, Any]]] = {
    "user": [USER],
    "system": [SYSTEM, USER],
    "turns": [SYSTEM, USER, ASSISTANT, USER, ASSISTANT, USER],
    "tool": [USER, {"role": "assistant", "content": None, "tool_calls": CALLS}, TOOL],
    "developer": [{"role": "developer", "content": "Be brief."}, USER],
    "braces": [{"role": "user", "content": "{{ 7 * 7 }} {% raw %}"}],
    "empty": [{"role": "user", "content": ""}],
}
QUESTIONS = ["Hello!", "What is 2 + 3?", "List 5 animals.", "Tell me a story.", "Who are you?"]


@pytest.mark.parametrize("messages", CHATS.values(), ids=CHATS)
async def test_chat__any_conversation__counts_as_llama_cpp(
    llama: LlamaServer, meter: Meter, messages: list[dict[str, Any]]
) -> None:
    counted = await meter.count_chat(messages, tools=None)

    assert counted == llama.usage("/v1/chat/completions", messages=messages)["prompt_tokens"]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_chat__any_text__counts_as_llama_cpp(
    llama: LlamaServer, meter: Meter, text: str
) -> None:
    messages = [{"role": "user", "content": text}]

    counted = await meter.count_chat(messages, tools=None)

    assert counted == llama.usage("/v1/chat/completions", messages=messages)["prompt_tokens"]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_completion__any_prompt__counts_as_llama_cpp(
    llama: LlamaServer, meter: Meter, text: str
) -> None:
    counted = await meter.count_prompt(text)

    assert counted == llama.usage("/v1/completions", prompt=text)["prompt_tokens"]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_embedding__any_input__counts_as_llama_cpp(
    llama: LlamaServer, meter: Meter, text: str
) -> None:
    counted = await meter.count_prompt(text)

    usage = llama.post("/v1/embeddings", input=[text], model="x")["usage"]
    assert counted == usage["prompt_tokens"]


async def test_completion__token_ids__count_as_llama_cpp(llama: LlamaServer) -> None:
    usage = llama.usage("/v1/completions", prompt=[5, 6, 7])

    assert usage["prompt_tokens"] == 3


@pytest.mark.parametrize("question", QUESTIONS)
async def test_answer__cut_at_its_length__counts_as_llama_cpp(
    llama: LlamaServer, meter: Meter, question: str
) -> None:
    answer = llama.post(
        "/v1/completions", prompt=f"<|user|>{question}<|assistant|>", max_tokens=8, temperature=0
    )
    (choice,) = answer["choices"]

    counted = await meter.count_text(choice["text"])

    ends = int(choice["finish_reason"] == "stop")  # the token that ends the answer has no text
    assert counted == answer["usage"]["completion_tokens"] - ends


@pytest.mark.parametrize("question", QUESTIONS)
async def test_answer__of_a_chat__counts_as_llama_cpp(
    llama: LlamaServer, meter: Meter, question: str
) -> None:
    answer = llama.post(
        "/v1/chat/completions",
        messages=[{"role": "user", "content": question}],
        max_tokens=60,
        temperature=0,
    )
    (choice,) = answer["choices"]

    counted = await meter.count_text(choice["message"]["content"])

    ends = int(choice["finish_reason"] == "stop")
    assert counted == answer["usage"]["completion_tokens"] - ends
