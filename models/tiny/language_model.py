"""One trained model in memory, and its GGUF file: read, written, and nothing else.

Every export goes through here, so that the committed file, its smaller variants and the ONNX
folder hold the same weights, vocabulary and template. Writing is deterministic: equal models give
equal bytes. No torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from models.tiny.dialogue import BEGIN, END, SPECIAL_TOKENS
from models.tiny.shape import Shape
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
DESCRIPTION = (
    "A llama of about a million parameters for demonstrations and tests of the Basis network."
)


class Precision(Enum):
    """How the matrices of a GGUF file are stored; norms stay in 32-bit floats."""

    F32 = "f32"
    F16 = "f16"
    Q8_0 = "q8_0"
    Q4_0 = "q4_0"


_STORED: Mapping[Precision, tuple[gguf.GGMLQuantizationType, gguf.LlamaFileType]] = {
    Precision.F32: (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    Precision.F16: (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    Precision.Q8_0: (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    Precision.Q4_0: (gguf.GGMLQuantizationType.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageModel:
    """Weights under their GGUF names (rows first, as in torch), and all that surrounds them.

    `tokens` are in the order of their ids, written in byte-level symbols; the first of them are
    `SPECIAL_TOKENS`. `merges` are `left right`, the earlier the stronger.
    """

    name: str
    shape: Shape
    tokens: Sequence[str]
    merges: Sequence[str]
    chat_template: str
    weights: Mapping[str, FloatArray]

    @property
    def parameters(self) -> int:
        return sum(weight.size for weight in self.weights.values())


def store_gguf(model: LanguageModel, path: Path, precision: Precision) -> None:
    """Writes the model as a GGUF file that llama.cpp loads; equal models give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    matrix_type, file_type = _STORED[precision]
    writer = gguf.GGUFWriter(str(path), "llama")
    _add_description(writer, model, file_type)
    _add_tokenizer(writer, model)
    for name, weight in model.weights.items():
        if weight.ndim == 1 or precision is Precision.F32:
            writer.add_tensor(name, weight)
        elif precision is Precision.F16:
            writer.add_tensor(name, weight.astype(np.float16))
        else:
            stored = gguf.quants.quantize(weight, matrix_type)
            writer.add_tensor(name, stored, raw_dtype=matrix_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_description(
    writer: gguf.GGUFWriter, model: LanguageModel, file_type: gguf.LlamaFileType
) -> None:
    shape = model.shape
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(model.name)
    writer.add_description(DESCRIPTION)
    writer.add_organization("The Basis developers")
    writer.add_license("apache-2.0")
    writer.add_license_name("Apache License 2.0")
    writer.add_size_label(f"{model.parameters / 1e6:.1f}M")
    writer.add_languages(["en"])
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward_width)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.key_heads)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_vocab_size(shape.vocabulary)


def _add_tokenizer(writer: gguf.GGUFWriter, model: LanguageModel) -> None:
    special = len(SPECIAL_TOKENS)
    normal = len(model.tokens) - special
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(list(model.tokens))
    writer.add_token_types([gguf.TokenType.CONTROL] * special + [gguf.TokenType.NORMAL] * normal)
    writer.add_token_merges(list(model.merges))
    writer.add_bos_token_id(model.tokens.index(BEGIN))
    writer.add_eos_token_id(model.tokens.index(END))
    writer.add_pad_token_id(model.tokens.index(END))
    # The template writes the first token itself, so text and tokens are the same in every runtime.
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(model.chat_template)


def load_gguf(path: Path) -> LanguageModel:
    """Reads a file of `store_gguf`; quantised matrices come back as the floats they stand for."""
    reader = gguf.GGUFReader(str(path))

    def read(key: str) -> Any:
        return reader.fields[key].contents()

    shape = Shape(
        width=read("llama.embedding_length"),
        layers=read("llama.block_count"),
        heads=read("llama.attention.head_count"),
        key_heads=read("llama.attention.head_count_kv"),
        feed_forward_width=read("llama.feed_forward_length"),
        vocabulary=read("llama.vocab_size"),
        context=read("llama.context_length"),
        # Files hold 32-bit floats; the shortest decimal of one is the number that was meant.
        norm_epsilon=float(str(np.float32(read("llama.attention.layer_norm_rms_epsilon")))),
        rope_base=read("llama.rope.freq_base"),
    )
    weights = {
        tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        .reshape([int(size) for size in reversed(tensor.shape)])
        .astype(np.float32)
        for tensor in reader.tensors
    }
    return LanguageModel(
        name=read("general.name"),
        shape=shape,
        tokens=read("tokenizer.ggml.tokens"),
        merges=read("tokenizer.ggml.merges"),
        chat_template=read("tokenizer.chat_template"),
        weights=weights,
    )
