"""The shipped models under test: real inference through llama.cpp's own server, and onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from models.tiny.gguf_to_onnx import TOKENIZER, write_onnx_folder
from models.tiny.gguf_variants import ARTEFACTS, GGUF, VARIANTS, write_variants
from models.tiny.language_model import LanguageModel, Precision, load_gguf
from models.tiny.llama_server import LlamaServer
from models.tiny.onnx_runner import OnnxModel

WORSE_GGUF = ARTEFACTS / "basis-tiny-worse.gguf"


@pytest.fixture(scope="session")
def good_path() -> Path:
    return GGUF


@pytest.fixture(scope="session")
def worse_path() -> Path:
    return WORSE_GGUF


@pytest.fixture(scope="session")
def tokenizer_path() -> Path:
    return TOKENIZER


@pytest.fixture(scope="session")
def good_model() -> LanguageModel:
    return load_gguf(GGUF)


@pytest.fixture(scope="session")
def good_server() -> Iterator[LlamaServer]:
    with LlamaServer(GGUF) as server:
        yield server


@pytest.fixture(scope="session")
def worse_server() -> Iterator[LlamaServer]:
    with LlamaServer(WORSE_GGUF) as server:
        yield server


@pytest.fixture(scope="session")
def variant_paths(tmp_path_factory: pytest.TempPathFactory) -> dict[Precision, Path]:
    """The f16, q8_0 and q4_0 files, made anew from the committed one."""
    paths = write_variants(GGUF, tmp_path_factory.mktemp("variants"))
    return dict(zip(VARIANTS, paths, strict=True))


@pytest.fixture(scope="session")
def onnx_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    write_onnx_folder(GGUF, TOKENIZER, folder)
    return folder


@pytest.fixture(scope="session")
def onnx_model(onnx_folder: Path) -> OnnxModel:
    return OnnxModel(onnx_folder)
