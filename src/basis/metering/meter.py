"""A meter per model: how many tokens a prompt and an answer are.

Counting is deterministic: the same text is always the same number. An answer is counted as the
model's tokenizer would write it; a worker that chose other tokens for the same text is paid alike.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import cast

from tokenizers import Tokenizer

from basis.metering.chat_template import ChatTemplate
from basis.metering.gguf_tokenizer import Vocabulary, load_gguf_vocabulary
from basis.rules.catalog import Catalog
from basis.rules.errors import ContextExceeded, Misconfigured, UnsupportedFeature
from basis.rules.units import TokenCount

SHIPPED_PREFIX = "shipped:"
_INLINE_CHARACTERS = 16_384
"""Texts up to this length are counted at once, some 2 ms; longer ones in a thread."""

_COUNTING = ThreadPoolExecutor(max_workers=1, thread_name_prefix="basis-meter")
"""Long texts are counted one after the other, and keep no other thread from its work."""


class Meter:
    """Counts for one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._tokenizer = vocabulary.tokenizer
        self._bos_token = vocabulary.bos_token
        self._adds_bos = vocabulary.adds_bos
        self._template: ChatTemplate | None = None
        if vocabulary.chat_template:
            self._template = ChatTemplate(
                vocabulary.chat_template,
                bos_token=vocabulary.bos_token,
                eos_token=vocabulary.eos_token,
            )
        self.vocabulary_size: int = vocabulary.tokenizer.get_vocab_size()
        self.longest_token_bytes = max(
            len(token.encode()) for token in vocabulary.tokenizer.get_vocab()
        )
        """Upper bound of the text that one token can be, in bytes."""

    async def count_text(self, text: str) -> TokenCount:
        """Tokens of `text` alone."""
        if not text:
            return TokenCount(0)
        if len(text) <= _INLINE_CHARACTERS:
            return self._count(text)
        return await asyncio.get_running_loop().run_in_executor(_COUNTING, self._count_apart, text)

    async def count_prompt(self, text: str) -> TokenCount:
        """Tokens of a plain prompt, with the BOS token that its runtime puts in front."""
        has_bos = bool(self._bos_token) and text.startswith(self._bos_token)
        return TokenCount(await self.count_text(text) + int(self._adds_bos and not has_bos))

    async def count_chat(
        self,
        messages: Sequence[Mapping[str, object]],
        *,
        tools: Sequence[Mapping[str, object]] | None,
    ) -> TokenCount:
        """Tokens of a chat's prompt, rendered by the model's own template.

        Raises:
            InvalidInput: the template refuses the messages.
            UnsupportedFeature: the model has no chat template.
        """
        if self._template is None:
            raise UnsupportedFeature(
                "this model has no chat template: use /v1/completions", param="messages"
            )
        return await self.count_prompt(self._template.render(messages, tools=tools))

    def require_fitting_length(self, characters: int, *, context_tokens: int) -> None:
        """Refuses, without counting, a prompt that no tokenization brings into the context.

        Raises:
            ContextExceeded: more characters than the context's tokens can be.
        """
        if characters > context_tokens * self.longest_token_bytes:
            raise ContextExceeded(
                f"This model's maximum context length is {context_tokens} tokens; a prompt of "
                f"{characters} characters is longer than that in any case.",
                param="messages",
            )

    def _count(self, text: str) -> TokenCount:
        return TokenCount(len(self._tokenizer.encode(text, add_special_tokens=False)))

    def _count_apart(self, text: str) -> TokenCount:
        # Only the batch call lets other threads run, the event loop's among them.
        return TokenCount(len(self._tokenizer.encode_batch([text], add_special_tokens=False)[0]))


class MeterShelf:
    """The meters of a catalog, each loaded when it is first needed and shared by its models."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._by_source: dict[str, Meter] = {}

    def load_all(self) -> dict[str, str]:
        """Loads every mapped model's meter, so that no job waits for it; what failed, and why."""
        problems: dict[str, str] = {}
        for model in self._catalog.models:
            if model.is_ready:
                try:
                    self.meter_of(model.name)
                except Misconfigured as error:
                    problems[model.name] = error.message
        return problems

    def meter_of(self, model: str) -> Meter:
        """The meter of a model.

        Raises:
            UnknownModel: it is not in the catalog.
            Misconfigured: the operator has not mapped it, or its tokenizer cannot be loaded.
        """
        entry = self._catalog.get(model)
        if not entry.is_ready:
            raise Misconfigured(f"{model}: {entry.reason}")
        meter = self._by_source.get(entry.tokenizer)
        if meter is None:
            meter = load_meter(entry.tokenizer)
            self._by_source[entry.tokenizer] = meter
        return meter


def load_meter(source: str) -> Meter:
    """The meter of `source`: `shipped:NAME`, or a path to a .gguf or a tokenizer.json.

    Raises:
        Misconfigured: it is not there, or it cannot be used.
    """
    path = _path_of(source)
    if not path.is_file():
        raise Misconfigured(f"there is no tokenizer file {path}")
    if path.suffix == ".gguf":
        return Meter(load_gguf_vocabulary(path))
    return Meter(_load_json_vocabulary(path))


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _path_of(source: str) -> Path:
    if source.startswith(SHIPPED_PREFIX):
        return Path(str(resources.files("basis") / "artefacts" / source[len(SHIPPED_PREFIX) :]))
    return Path(source).expanduser()


def _load_json_vocabulary(path: Path) -> Vocabulary:
    """A tokenizer.json with the tokenizer_config.json and chat_template.jinja beside it."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        # The tokenizers package raises plain Exception for whatever is wrong with a file.
        raise Misconfigured(f"{path} is no tokenizer.json: {error}") from error
    settings: dict[str, object] = {}
    config_path = path.with_name("tokenizer_config.json")
    if config_path.is_file():
        try:
            settings = cast("dict[str, object]", json.loads(config_path.read_text("utf-8")))
        except ValueError as error:
            raise Misconfigured(f"{config_path} is no JSON: {error}") from error
    template_path = path.with_name("chat_template.jinja")
    template = settings.get("chat_template", "")
    if template_path.is_file():
        template = template_path.read_text("utf-8")
    return Vocabulary(
        tokenizer=tokenizer,
        chat_template=template if isinstance(template, str) else "",
        bos_token=_token_text(settings.get("bos_token")),
        eos_token=_token_text(settings.get("eos_token")),
        adds_bos=settings.get("add_bos_token") is True,
    )


def _token_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return str(cast("dict[str, object]", value).get("content", ""))
    return ""
