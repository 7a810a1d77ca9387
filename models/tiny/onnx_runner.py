"""Greedy generation in onnxruntime over the exported folder: the other half of the parity test."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """Token ids in order, and the log-probabilities of the whole vocabulary at each, in nats."""

    tokens: list[int]
    log_probabilities: FloatArray


def compute_log_softmax(logits: FloatArray) -> FloatArray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


class OnnxModel:
    """One exported model on the processor, one thread."""

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        self._end: int = config["eos_token_id"]
        self._layers: int = config["num_hidden_layers"]
        self._heads: int = config["num_key_value_heads"]
        self._head_width: int = config["head_dim"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / "onnx" / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def _empty_cache(self) -> dict[str, FloatArray]:
        empty = np.zeros((1, self._heads, 0, self._head_width), np.float32)
        return {
            f"past_key_values.{layer}.{part}": empty
            for layer in range(self._layers)
            for part in ("key", "value")
        }

    def _step(
        self, ids: list[int], position: int, cache: dict[str, FloatArray]
    ) -> tuple[FloatArray, dict[str, FloatArray]]:
        """Logits of the new positions, (positions, vocabulary), and the longer cache."""
        every = position + len(ids)
        outputs = self._session.run(
            None,
            {
                "input_ids": np.array([ids], np.int64),
                "attention_mask": np.ones((1, every), np.int64),
                "position_ids": np.arange(position, every, dtype=np.int64)[None],
                **cache,
            },
        )
        return outputs[0][0], dict(zip(cache, outputs[1:], strict=True))

    def score(self, ids: list[int]) -> FloatArray:
        """Log-probabilities after each of the given tokens, in one pass without a cache."""
        logits, _ = self._step(ids, 0, self._empty_cache())
        return compute_log_softmax(logits)

    def generate(self, prompt: list[int], count: int) -> Generation:
        """The likeliest continuation, at most `count` tokens; the end token is not part of it."""
        tokens: list[int] = []
        rows: list[FloatArray] = []
        cache, position, ids = self._empty_cache(), 0, prompt
        while len(tokens) < count:
            logits, cache = self._step(ids, position, cache)
            position += len(ids)
            row = compute_log_softmax(logits[-1])
            token = int(row.argmax())
            if token == self._end:
                break
            tokens.append(token)
            rows.append(row)
            ids = [token]
        return Generation(tokens=tokens, log_probabilities=np.array(rows, np.float32))
