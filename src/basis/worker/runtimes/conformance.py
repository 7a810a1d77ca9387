"""What any runtime must do, as named checks: for tests, and for `basis worker doctor`.

A check returns when the runtime keeps the promise of its name, and raises `ConformanceFailure`
when it does not. The subject is a started runtime, whichever models stand behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

import msgspec

from basis.wire.frames import FinishReason, Job, JobKind, WorkerFault
from basis.worker.runtimes.base import (
    Finish,
    Piece,
    Runtime,
    RuntimeFailure,
    TextPiece,
    VectorPiece,
    whole_answer,
)

_DEADLINE_S = 120
"""Bound of one check; a large model on a slow machine needs some of it."""

_PROMPT = "Tell a short story about a lamp and a river and a bird."
_UNKNOWN_FIELD = "basis_conformance_field"
_SHORT = 12
_LONG = 512


class ConformanceFailure(Exception):
    """The runtime broke the promise; the message says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A started runtime with the network's names of what it serves, "" for none."""

    runtime: Runtime
    text_model: str = ""
    embedding_model: str = ""
    slots: int = 1

    def open(self, kind: JobKind, model: str, **fields: object) -> AsyncGenerator[Piece, None]:
        """The pieces of one request, not yet begun."""
        request = msgspec.Raw(msgspec.json.encode({"model": model, **fields}))
        job = Job(
            lease_id="lease-conformance",
            job_id="job-conformance",
            kind=kind,
            model=model,
            request=request,
            timeout_s=_DEADLINE_S,
        )
        return self.runtime.run(job)

    def open_chat(self, **fields: object) -> AsyncGenerator[Piece, None]:
        """A chat of one message about `_PROMPT`, greedy unless `fields` say otherwise."""
        messages = [{"role": "user", "content": _PROMPT}]
        asked = {"messages": messages, "temperature": 0, "max_tokens": _SHORT, "stream": True}
        return self.open(JobKind.CHAT, self.text_model, **(asked | fields))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Everything that one request brought."""

    texts: list[str]
    vectors: list[VectorPiece]
    finish: Finish

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise. `needs` is the kind of model without which it cannot be tried."""

    name: str
    needs: JobKind
    run: Callable[[Subject], Awaitable[None]]

    def applies_to(self, subject: Subject) -> bool:
        """Whether the subject has a model to try it with."""
        if self.needs is JobKind.EMBEDDING:
            return subject.embedding_model != ""
        return subject.text_model != ""


async def run_check(check: Check, subject: Subject) -> None:
    """Tries one promise within a bound of time.

    Raises:
        ConformanceFailure: it is broken; failures of jobs and delays are turned into this.
    """
    try:
        async with asyncio.timeout(_DEADLINE_S):
            await check.run(subject)
    except RuntimeFailure as failure:
        raise ConformanceFailure(f"the job failed: {failure}") from failure
    except TimeoutError as error:
        raise ConformanceFailure(f"no end within {_DEADLINE_S} s") from error


async def gather_answer(pieces: AsyncGenerator[Piece, None]) -> Answer:
    """The whole answer, checked for its one finish at the end."""
    texts: list[str] = []
    vectors: list[VectorPiece] = []
    finish: Finish | None = None
    async for piece in whole_answer(pieces):
        match piece:
            case TextPiece():
                texts.append(piece.text)
            case VectorPiece():
                vectors.append(piece)
            case Finish():
                finish = piece
    if finish is None:
        raise ConformanceFailure("the answer has no finish")
    return Answer(texts=texts, vectors=vectors, finish=finish)


async def _streams_text(subject: Subject) -> None:
    answer = await gather_answer(subject.open_chat())
    _require(len(answer.texts) > 1, f"{_SHORT} tokens came in {len(answer.texts)} piece(s)")
    _require(answer.text != "", "there is no text")


async def _honours_max_tokens(subject: Subject) -> None:
    answer = await gather_answer(subject.open_chat(max_tokens=3))
    reason = answer.finish.finish_reason
    _require(reason is FinishReason.LENGTH, f"3 tokens ended with {reason.value}, not length")


async def _counts_usage(subject: Subject) -> None:
    finish = (await gather_answer(subject.open_chat(max_tokens=3))).finish
    _require(finish.prompt_tokens > 0, "the prompt's tokens are not counted")
    _require(finish.output_tokens == 3, f"3 tokens were counted as {finish.output_tokens}")


async def _honours_stop(subject: Subject) -> None:
    whole = (await gather_answer(subject.open_chat())).text
    middle = whole[len(whole) // 2 :][:3]
    answer = await gather_answer(subject.open_chat(stop=[middle]))
    expected = whole[: whole.index(middle)]
    _require(answer.text == expected, "the text does not end just before the stop sequence")
    _require(answer.finish.finish_reason is FinishReason.STOP, "the finish is not stop")


async def _repeats_greedy_answers(subject: Subject) -> None:
    await _require_repeats(subject, temperature=0)


async def _repeats_seeded_answers(subject: Subject) -> None:
    await _require_repeats(subject, temperature=0.7, seed=7)


async def _require_repeats(subject: Subject, **asked: object) -> None:
    texts = {(await gather_answer(subject.open_chat(**asked))).text for _ in range(3)}
    _require(len(texts) == 1, f"one request, sent 3 times, got {len(texts)} different answers")


async def _completes_prompts(subject: Subject) -> None:
    asked = {"prompt": _PROMPT, "temperature": 0, "max_tokens": 3}
    answer = await gather_answer(subject.open(JobKind.COMPLETION, subject.text_model, **asked))
    _require(answer.text != "", "there is no text")
    _require(answer.finish.finish_reason is FinishReason.LENGTH, "the finish is not length")


async def _frees_cancelled_slots(subject: Subject) -> None:
    for _ in range(3):
        await asyncio.gather(*(_begin_and_leave(subject) for _ in range(subject.slots)))
    await gather_answer(subject.open_chat(max_tokens=2))


async def _begin_and_leave(subject: Subject) -> None:
    async with aclosing(subject.open_chat(max_tokens=_LONG)) as pieces:
        async for _ in pieces:
            break


async def _serves_all_slots(subject: Subject) -> None:
    answers = await asyncio.gather(
        *(gather_answer(subject.open_chat()) for _ in range(subject.slots))
    )
    _require(all(answer.text for answer in answers), "an answer beside others is empty")


async def _refuses_unknown_fields(subject: Subject) -> None:
    failure = await _require_failure(subject.open_chat(**{_UNKNOWN_FIELD: 1}))
    _require(failure.reason is WorkerFault.UNSUPPORTED, f"it failed with {failure.reason.value}")
    _require(_UNKNOWN_FIELD in str(failure), "the failure does not name the field")


async def _refuses_unknown_models(subject: Subject) -> None:
    messages = [{"role": "user", "content": _PROMPT}]
    failure = await _require_failure(
        subject.open(JobKind.CHAT, "basis-no-such-model", messages=messages)
    )
    _require(
        failure.reason is WorkerFault.MODEL_UNAVAILABLE, f"it failed with {failure.reason.value}"
    )


async def _embeds_each_input(subject: Subject) -> None:
    inputs = ["a lamp", "a river and a bird", "a lamp"]
    answer = await gather_answer(
        subject.open(JobKind.EMBEDDING, subject.embedding_model, input=inputs)
    )
    _require([piece.index for piece in answer.vectors] == [0, 1, 2], "not one vector per input")
    lengths = {len(piece.values) for piece in answer.vectors}
    _require(len(lengths) == 1 and lengths != {0}, f"the vectors have lengths {sorted(lengths)}")
    _require(answer.finish.prompt_tokens > 0, "the inputs' tokens are not counted")


async def _require_failure(pieces: AsyncGenerator[Piece, None]) -> RuntimeFailure:
    try:
        await gather_answer(pieces)
    except RuntimeFailure as failure:
        return failure
    raise ConformanceFailure("it was answered")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ConformanceFailure(otherwise)


CHECKS = (
    Check(name="streams text", needs=JobKind.CHAT, run=_streams_text),
    Check(name="honours max_tokens", needs=JobKind.CHAT, run=_honours_max_tokens),
    Check(name="counts usage", needs=JobKind.CHAT, run=_counts_usage),
    Check(name="honours stop", needs=JobKind.CHAT, run=_honours_stop),
    Check(name="repeats greedy answers", needs=JobKind.CHAT, run=_repeats_greedy_answers),
    Check(name="repeats seeded answers", needs=JobKind.CHAT, run=_repeats_seeded_answers),
    Check(name="completes prompts", needs=JobKind.COMPLETION, run=_completes_prompts),
    Check(name="serves all slots", needs=JobKind.CHAT, run=_serves_all_slots),
    Check(name="frees cancelled slots", needs=JobKind.CHAT, run=_frees_cancelled_slots),
    Check(name="refuses unknown fields", needs=JobKind.CHAT, run=_refuses_unknown_fields),
    Check(name="refuses unknown models", needs=JobKind.CHAT, run=_refuses_unknown_models),
    Check(name="embeds each input", needs=JobKind.EMBEDDING, run=_embeds_each_input),
)
