"""Turns trained weights and the vocabulary into the GGUF file that ships, in 32-bit floats.

Names change, nothing else: positions are rotated in interleaved pairs in training as in llama.cpp.
16-bit matrices would halve the file, but llama.cpp then also rounds what it multiplies them with
to 16 bits, and log-probabilities leave those of other runtimes by 2e-3 nats instead of 4e-5.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from models.tiny.language_model import FloatArray, LanguageModel, Precision, store_gguf
from models.tiny.shape import GOOD, WORSE
from models.tiny.vocabulary import BUILD
from safetensors.numpy import load_file

CHAT_TEMPLATE = Path(__file__).parent / "chat_template.jinja"
SHAPES = {"good": GOOD, "worse": WORSE}
NAMES = {"good": "Basis Tiny", "worse": "Basis Tiny Worse"}
# In the order in which llama.cpp's own converter writes a layer.
BLOCK_NAMES = {
    "attention_norm": "attn_norm",
    "attention.query": "attn_q",
    "attention.key": "attn_k",
    "attention.value": "attn_v",
    "attention.output": "attn_output",
    "feed_forward_norm": "ffn_norm",
    "feed_forward.gate": "ffn_gate",
    "feed_forward.up": "ffn_up",
    "feed_forward.down": "ffn_down",
}


def rename_weights(trained: dict[str, FloatArray], layers: int) -> dict[str, FloatArray]:
    """The weights under GGUF names."""
    names = {"embedding.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}
    for layer in range(layers):
        for ours, theirs in BLOCK_NAMES.items():
            names[f"blocks.{layer}.{ours}.weight"] = f"blk.{layer}.{theirs}.weight"
    if set(names) != set(trained):
        raise ValueError(f"unexpected weights: {sorted(set(names) ^ set(trained))}")
    return {theirs: trained[ours].astype(np.float32) for ours, theirs in names.items()}


def load_trained(model: str, weights: Path, vocabulary: Path) -> LanguageModel:
    """Joins the weights, the vocabulary and the chat template."""
    shape = SHAPES[model]
    bpe = json.loads(vocabulary.read_text())["model"]
    return LanguageModel(
        name=NAMES[model],
        shape=shape,
        tokens=sorted(bpe["vocab"], key=bpe["vocab"].__getitem__),
        merges=[" ".join(merge) for merge in bpe["merges"]],
        chat_template=CHAT_TEMPLATE.read_text(),
        weights=rename_weights(load_file(weights), shape.layers),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=sorted(SHAPES))
    parser.add_argument("out", type=Path, help="the GGUF file to write")
    parser.add_argument("--weights", type=Path, help="default: build/MODEL.safetensors")
    parser.add_argument("--vocabulary", type=Path, default=BUILD / "vocabulary.json")
    arguments = parser.parse_args()
    weights = arguments.weights or BUILD / f"{arguments.model}.safetensors"
    model = load_trained(arguments.model, weights, arguments.vocabulary)
    store_gguf(model, arguments.out, Precision.F32)
    print(
        f"{arguments.out}: {model.parameters:,} parameters, {arguments.out.stat().st_size:,} bytes"
    )


if __name__ == "__main__":
    main()
