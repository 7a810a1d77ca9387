"""`echo`: a simulator that repeats the last thing said. It proves the path, not any model."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence

import msgspec

from basis.wire.frames import FinishReason, Job, JobKind, ModelOffer
from basis.wire.registration import RuntimeName
from basis.worker.models import ServedModel
from basis.worker.runtimes.base import Finish, Piece, RuntimeFacts, TextPiece
from basis.worker.runtimes.request import (
    PLAIN_FIELDS,
    find_served,
    read_as,
    read_fields,
    unsupported,
)

_WORDS = re.compile(r"\S+\s*|\s+")
_VERSION = "1"


class _Part(msgspec.Struct, frozen=True):
    type: str
    text: str = ""


class _Message(msgspec.Struct, frozen=True):
    role: str
    content: str | list[_Part] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class _Request(msgspec.Struct, frozen=True, kw_only=True):
    messages: list[_Message] = []
    prompt: str | list[int] = ""
    stop: str | list[str] = []
    max_tokens: int | None = None
    max_completion_tokens: int | None = None

    @property
    def last_said(self) -> str:
        if isinstance(self.prompt, list):
            raise unsupported("'prompt' as token ids")
        said = (message.text for message in reversed(self.messages) if message.role == "user")
        return self.prompt or next(said, "")

    @property
    def stops(self) -> list[str]:
        return [self.stop] if isinstance(self.stop, str) else self.stop


class EchoRuntime:
    """Repeats the last user message, or the prompt, word by word; a word counts as a token."""

    name = RuntimeName.ECHO

    def __init__(self, served: Sequence[ServedModel]) -> None:
        self._served = {model.model: model for model in served}

    async def start(self) -> None:
        """Nothing to make ready."""

    async def facts(self) -> RuntimeFacts:
        """It has no artefact, so it tells no digest."""
        offers = tuple(
            ModelOffer(model=model.model, context_tokens=model.context_tokens)
            for model in self._served.values()
        )
        return RuntimeFacts(version=_VERSION, offers=offers)

    async def run(self, job: Job) -> AsyncGenerator[Piece, None]:
        """The words of the last message, one piece each."""
        find_served(job, self._served)
        if job.kind is JobKind.EMBEDDING:
            raise unsupported("embeddings")
        request = read_as(read_fields(job, PLAIN_FIELDS[job.kind]), _Request)
        said = request.last_said
        words = _WORDS.findall(_cut_at_stop(said, request.stops))
        answer = words[: request.max_completion_tokens or request.max_tokens]
        for word in answer:
            yield TextPiece(text=word)
            await asyncio.sleep(0)  # so that other jobs go on between two words
        yield Finish(
            finish_reason=FinishReason.STOP if answer == words else FinishReason.LENGTH,
            prompt_tokens=len(_WORDS.findall(said)),
            output_tokens=len(answer),
        )

    async def stop(self) -> None:
        """Nothing to free."""


def _cut_at_stop(text: str, stops: Sequence[str]) -> str:
    ends = [text.find(stop) for stop in stops if stop]
    return text[: min((end for end in ends if end >= 0), default=len(text))]
