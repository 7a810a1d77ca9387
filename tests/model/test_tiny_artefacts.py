"""What is committed: sizes, vocabulary, metadata, and that every export is deterministic."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import gguf
import pytest
from models.tiny.dialogue import SPECIAL_TOKENS
from models.tiny.gguf_to_onnx import write_onnx_folder
from models.tiny.gguf_variants import write_variants
from models.tiny.language_model import LanguageModel, Precision, load_gguf, store_gguf
from models.tiny.llama_server import LlamaServer
from models.tiny.shape import GOOD, WORSE
from models.tiny.vocabulary import ALPHABET
from tokenizers import Tokenizer

CARD = Path(__file__).parents[2] / "models" / "tiny" / "README.md"
MEGABYTE = 1_000_000


def test_gguf__committed__is_small_and_has_a_million_parameters(
    good_path: Path, worse_path: Path, good_model: LanguageModel
) -> None:
    worse_model = load_gguf(worse_path)

    assert good_path.stat().st_size <= 6 * MEGABYTE
    assert worse_path.stat().st_size <= 1 * MEGABYTE
    assert 1_000_000 <= good_model.parameters <= 3_000_000
    assert worse_model.parameters < good_model.parameters / 4
    assert (good_model.shape, worse_model.shape) == (GOOD, WORSE)


def test_gguf__metadata__names_itself_and_its_licence(good_path: Path) -> None:
    fields = gguf.GGUFReader(str(good_path)).fields

    assert fields["general.architecture"].contents() == "llama"
    assert fields["general.name"].contents() == "Basis Tiny"
    assert fields["general.license"].contents() == "apache-2.0"
    assert fields["tokenizer.ggml.pre"].contents() == "qwen2"
    assert fields["tokenizer.ggml.add_bos_token"].contents() is False


def test_vocabulary__every_token__is_ascii_and_digits_stay_single(
    tokenizer_path: Path, good_model: LanguageModel
) -> None:
    tokenizer = Tokenizer.from_file(str(tokenizer_path))
    texts = [tokenizer.decode([index], skip_special_tokens=False) for index in range(512)]

    assert texts[: len(SPECIAL_TOKENS)] == list(SPECIAL_TOKENS)
    assert all(set(text) <= set(ALPHABET) for text in texts)
    assert set(ALPHABET) <= set(texts)
    assert not [text for text in texts if re.search(r"\d", text) and len(text) > 1]
    assert len(good_model.tokens) == len(set(texts)) == 512


def test_vocabulary__both_models_and_tokenizer_json__are_the_same(
    good_model: LanguageModel, worse_path: Path, tokenizer_path: Path
) -> None:
    worse_model = load_gguf(worse_path)
    tokenizer = Tokenizer.from_file(str(tokenizer_path))

    assert list(worse_model.tokens) == list(good_model.tokens)
    assert list(worse_model.merges) == list(good_model.merges)
    assert worse_model.chat_template == good_model.chat_template
    assert tokenizer.get_vocab() == {text: index for index, text in enumerate(good_model.tokens)}


@pytest.mark.parametrize("name", ["good_path", "worse_path"])
def test_gguf__read_and_written_again__is_the_same_to_the_byte(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    path: Path = request.getfixturevalue(name)

    store_gguf(load_gguf(path), tmp_path / "again.gguf", Precision.F32)

    assert (tmp_path / "again.gguf").read_bytes() == path.read_bytes()


def test_exports__made_twice__are_the_same_to_the_byte(
    variant_paths: dict[Precision, Path],
    onnx_folder: Path,
    good_path: Path,
    tokenizer_path: Path,
    tmp_path: Path,
) -> None:
    again = write_variants(good_path, tmp_path)
    write_onnx_folder(good_path, tokenizer_path, tmp_path / "onnx")

    assert [path.read_bytes() for path in again] == [
        path.read_bytes() for path in variant_paths.values()
    ]
    files = sorted(path.relative_to(onnx_folder) for path in onnx_folder.rglob("*.*"))
    assert len(files) == 5
    for file in files:
        assert (tmp_path / "onnx" / file).read_bytes() == (onnx_folder / file).read_bytes()


def test_card__hashes__are_those_of_the_committed_files(
    good_path: Path, worse_path: Path, tokenizer_path: Path
) -> None:
    card = CARD.read_text()

    for path in (good_path, worse_path, tokenizer_path):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in card, path.name


def test_embeddings__mean_pooling__gives_one_vector_of_the_width(good_server: LlamaServer) -> None:
    answer = good_server.post("/v1/embeddings", {"input": ["a red apple", "three owls"]})
    vectors = [entry["embedding"] for entry in answer["data"]]

    assert [len(vector) for vector in vectors] == [GOOD.width, GOOD.width]
    assert vectors[0] != vectors[1]
