"""One set of weights, two runtimes: llama.cpp and onnxruntime choose the same tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from models.tiny.dialogue import END, SPECIAL_TOKENS
from models.tiny.llama_server import LlamaServer
from models.tiny.onnx_runner import OnnxModel
from models.tiny.shape import GOOD

TOLERANCE_NATS = 1e-3
ALTERNATIVES = 5
PROMPTS = [
    "<s><|user|>What is 27 + 58?<|assistant|>",
    "<s><|user|>Spell the word garden.<|assistant|>",
    "<s><|user|>Count from 7 to 40.<|assistant|>",
    "<s><|user|>List 12 animals.<|assistant|>",
    "<s><|system|>Your name is Rosa.<|user|>Who are you?<|assistant|>",
    "<s><|user|>Tell me a long story about a fox.<|assistant|>",
    "The old bear went to the river",
]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_greedy__both_runtimes__same_tokens_and_log_probabilities(
    good_server: LlamaServer, onnx_model: OnnxModel, prompt: str
) -> None:
    ids = good_server.tokenize(prompt)
    answer = good_server.post(
        "/completion",
        {
            "prompt": ids,
            "n_predict": 150,
            "temperature": 0,
            "n_probs": ALTERNATIVES,
            "cache_prompt": False,
            "return_tokens": True,
        },
    )
    generation = onnx_model.generate(ids, 150)

    tokens: list[int] = answer["tokens"]
    entries = answer["completion_probabilities"]
    if tokens[-1] == SPECIAL_TOKENS.index(END):
        tokens, entries = tokens[:-1], entries[: len(tokens) - 1]
    assert generation.tokens == tokens
    for entry, row in zip(entries, generation.log_probabilities, strict=True):
        for other in entry["top_logprobs"]:
            assert abs(other["logprob"] - row[other["id"]]) <= TOLERANCE_NATS


def test_cache__step_by_step__gives_what_one_pass_gives(onnx_model: OnnxModel) -> None:
    prompt = [0, 3, 40, 90, 91, 92, 4]
    generation = onnx_model.generate(prompt, 40)

    whole = onnx_model.score(prompt + generation.tokens)

    last_of_prompt = len(prompt) - 1
    expected = whole[last_of_prompt : last_of_prompt + len(generation.tokens)]
    assert np.abs(generation.log_probabilities - expected).max() <= TOLERANCE_NATS


def test_onnx__names__are_those_that_transformers_js_expects(onnx_folder: Path) -> None:
    graph = onnx.load(onnx_folder / "onnx" / "model.onnx").graph
    parts = [f"{layer}.{part}" for layer in range(GOOD.layers) for part in ("key", "value")]

    assert [entry.name for entry in graph.input] == [
        "input_ids",
        "attention_mask",
        "position_ids",
        *(f"past_key_values.{part}" for part in parts),
    ]
    assert [entry.name for entry in graph.output] == [
        "logits",
        *(f"present.{part}" for part in parts),
    ]
    assert {node.domain for node in graph.node} == {""}
