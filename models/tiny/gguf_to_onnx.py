"""Writes the folder that transformers.js loads: ONNX graph, tokenizer and configurations.

Made from the committed GGUF file and tokenizer without torch; equal input gives equal bytes.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import onnx
from models.tiny.dialogue import BEGIN, END
from models.tiny.gguf_variants import ARTEFACTS, GGUF
from models.tiny.language_model import LanguageModel, load_gguf
from models.tiny.onnx_graph import build_graph

TOKENIZER = ARTEFACTS / "basis-tiny.tokenizer.json"


def compute_config(model: LanguageModel) -> dict[str, Any]:
    """The `config.json` of a Hugging Face llama with these sizes."""
    shape = model.shape
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_heads,
        "head_dim": shape.head_width,
        "intermediate_size": shape.feed_forward_width,
        "hidden_act": "silu",
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.norm_epsilon,
        "rope_theta": shape.rope_base,
        "tie_word_embeddings": True,
        "bos_token_id": model.tokens.index(BEGIN),
        "eos_token_id": model.tokens.index(END),
        "pad_token_id": model.tokens.index(END),
        "torch_dtype": "float32",
        "use_cache": True,
    }


def compute_generation_config(model: LanguageModel) -> dict[str, Any]:
    config = compute_config(model)
    ids = {name: config[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    return ids | {"do_sample": False, "max_length": model.shape.context}


def compute_tokenizer_config(model: LanguageModel) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BEGIN,
        "eos_token": END,
        "pad_token": END,
        "add_bos_token": False,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": model.shape.context,
        "chat_template": model.chat_template,
    }


def write_onnx_folder(source: Path, tokenizer: Path, folder: Path) -> None:
    """Fills the folder, which need not exist."""
    model = load_gguf(source)
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    onnx.save(build_graph(model), str(folder / "onnx" / "model.onnx"))
    shutil.copyfile(tokenizer, folder / "tokenizer.json")
    for name, content in (
        ("config", compute_config(model)),
        ("generation_config", compute_generation_config(model)),
        ("tokenizer_config", compute_tokenizer_config(model)),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=GGUF)
    parser.add_argument("--tokenizer", type=Path, default=TOKENIZER)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "build" / "onnx")
    arguments = parser.parse_args()
    write_onnx_folder(arguments.source, arguments.tokenizer, arguments.out)
    size = (arguments.out / "onnx" / "model.onnx").stat().st_size
    print(f"{arguments.out}: onnx/model.onnx of {size:,} bytes, tokenizer and configurations")


if __name__ == "__main__":
    main()
