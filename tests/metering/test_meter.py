"""Counting: deterministic, alike from both vocabulary files, and where it cannot be done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from basis.metering.gguf_tokenizer import load_gguf_vocabulary
from basis.metering.meter import Meter, MeterShelf, load_meter
from basis.rules.catalog import PUBLISHED
from basis.rules.errors import (
    InvalidInput,
    Misconfigured,
    UnknownModel,
    UnsupportedFeature,
)
from tests.metering.llama import LlamaServer
from tests.support.artefacts import TINY_GGUF

TINY_JSON = TINY_GGUF.with_name("basis-tiny.tokenizer.json")
PIECES = ["the", " the", "\u00e9", "\u00a0", "\u65e5", "\r\n", "'s", "<s>", "<|user|>", "  ", "1"]
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=12).map("".join)


@given(text=TEXTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_sources__any_text__tokenizer_json_and_gguf_agree(meter: Meter, text: str) -> None:
    from_json = load_meter(str(TINY_JSON))

    assert await from_json.count_text(text) == await meter.count_text(text)


def test_sources__vocabulary__is_equal_in_both() -> None:
    from_json = Tokenizer.from_file(str(TINY_JSON))
    from_gguf = load_gguf_vocabulary(TINY_GGUF).tokenizer

    assert from_gguf.get_vocab() == from_json.get_vocab()


@pytest.mark.parametrize("text", ["", "\u00e9", "\u65e5\u672c", "a\u00e9b", "\U0001f600", "\x00"])
async def test_unwritable__characters__count_as_llama_cpp_drops_them(
    llama: LlamaServer, meter: Meter, text: str
) -> None:
    tokens = llama.post("/tokenize", content=text, add_special=False, parse_special=True)["tokens"]

    assert await meter.count_text(text) == len(tokens)


async def test_count__text_beyond_the_inline_bound__is_the_same_in_a_thread(meter: Meter) -> None:
    text = "Hello there. " * 2_000

    assert await meter.count_text(text) == meter._count(text)


async def test_count__again__is_the_same(meter: Meter) -> None:
    assert len({await meter.count_text("Hello there.") for _ in range(5)}) == 1


def test_longest_token__bounds_every_token(meter: Meter) -> None:
    vocabulary = load_gguf_vocabulary(TINY_GGUF).tokenizer

    texts = [vocabulary.decode([index]) for index in range(meter.vocabulary_size)]

    assert max(len(text.encode()) for text in texts) <= meter.longest_token_bytes


async def test_prompt__vocabulary_that_adds_bos__counts_it_unless_it_is_written(
    tmp_path: Path,
) -> None:
    path = write_tokenizer(tmp_path, {"bos_token": "<s>", "add_bos_token": True})

    meter = load_meter(str(path))

    assert await meter.count_prompt("a b") == 3
    assert await meter.count_prompt("<s>a b") == 3
    assert await meter.count_text("a b") == 2


def write_tokenizer(folder: Path, config: dict[str, object] | None = None) -> Path:
    """A small word-level tokenizer.json, with a tokenizer_config.json if given."""
    words = {word: index for index, word in enumerate(("a", "b", "<s>", "</s>", "?"))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="?"))
    tokenizer.add_special_tokens(["<s>", "</s>"])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    if config is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return path


async def test_json__template_beside_it__is_used(tmp_path: Path) -> None:
    path = write_tokenizer(tmp_path, {"chat_template": "a a a", "bos_token": {"content": "<s>"}})
    (tmp_path / "chat_template.jinja").write_text("{{ bos_token }} a {{ messages[0].content }}")

    counted = await load_meter(str(path)).count_chat([{"content": "b b"}], tools=None)

    assert counted == 4


async def test_json__no_template__refuses_chats(tmp_path: Path) -> None:
    meter = load_meter(str(write_tokenizer(tmp_path)))

    with pytest.raises(UnsupportedFeature, match="no chat template"):
        await meter.count_chat([{"role": "user", "content": "a"}], tools=None)


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.json", b"{}"), ("x.json", b"\xff"), ("x.gguf", b"GGUF"), ("x.gguf", b""), ("x.txt", b"")],
)
def test_load__broken_file__is_misconfigured(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(Misconfigured):
        load_meter(str(path))


def test_load__broken_config__is_misconfigured(tmp_path: Path) -> None:
    path = write_tokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{")

    with pytest.raises(Misconfigured, match="no JSON"):
        load_meter(str(path))


@pytest.mark.parametrize("source", ["shipped:nothing.gguf", "nowhere/tokenizer.json"])
def test_load__no_file__is_misconfigured(source: str) -> None:
    with pytest.raises(Misconfigured, match="no tokenizer file"):
        load_meter(source)


def test_shelf__two_models_of_one_vocabulary__share_a_meter() -> None:
    shelf = MeterShelf(PUBLISHED)

    assert shelf.meter_of("basis-tiny") is shelf.meter_of("basis-echo")


def test_shelf__name_that_is_not_mapped__is_misconfigured() -> None:
    with pytest.raises(Misconfigured, match="basis-default"):
        MeterShelf(PUBLISHED).meter_of("basis-default")


def test_shelf__unknown_model__is_unknown() -> None:
    with pytest.raises(UnknownModel):
        MeterShelf(PUBLISHED).meter_of("gpt-4o")


async def test_chat__template_refuses__names_the_messages(tmp_path: Path) -> None:
    path = write_tokenizer(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("{{ raise_exception('roles must alternate') }}")

    with pytest.raises(InvalidInput, match="roles must alternate") as caught:
        await load_meter(str(path)).count_chat([], tools=None)

    assert caught.value.param == "messages"
