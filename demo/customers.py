"""The demo's customers: some 200 requests with the official `openai` client, a few at a time."""

from __future__ import annotations

import asyncio
import enum
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import openai
from openai import AsyncOpenAI

MODEL = "basis-tiny"
EMBEDDING_MODEL = "basis-tiny-embed"
_AT_ONCE = 8
_CHUNKS_BEFORE_LEAVING = 3
_LONG_STORY = "Tell me a long story."
_LONG_STORY_TOKENS = 700
_CAPITALS = {"France": "Paris", "Italy": "Rome", "Japan": "Tokyo", "Egypt": "Cairo"}


class Outcome(enum.StrEnum):
    """How a request ended, as its customer saw it."""

    COMPLETED = "completed"
    LEFT_BY_CUSTOMER = "left by its customer"
    BROKEN_OFF = "broken off with an error in-band"
    REFUSED = "refused"


class Way(enum.StrEnum):
    """How a request is made."""

    STREAM = "stream"
    PLAIN = "plain"
    LEAVE = "stream, left early"
    COMPLETION = "completion"
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request. `expected` is the exact answer, where there is one."""

    number: int
    way: Way
    prompt: str
    expected: str | None
    max_tokens: int


@dataclass(slots=True, kw_only=True)
class Answer:
    """What came of one request. Times in seconds from the sending."""

    ask: Ask
    outcome: Outcome
    job_id: str = ""
    text: str = ""
    error: str = ""
    prompt_tokens: int = 0
    output_tokens: int = 0
    first_token_s: float | None = None
    gaps_s: list[float] = field(default_factory=list[float])


def plan_requests(count: int, *, seed: int) -> list[Ask]:
    """`count` requests of every kind, the same for the same seed."""
    chance = random.Random(seed)
    ways = (
        Way.STREAM,
        Way.PLAIN,
        Way.STREAM,
        Way.PLAIN,
        Way.LEAVE,
        Way.STREAM,
        Way.PLAIN,
        Way.COMPLETION,
        Way.STREAM,
        Way.EMBEDDING,
    )
    return [_ask(number, ways[number % len(ways)], chance) for number in range(count)]


def _ask(number: int, way: Way, chance: random.Random) -> Ask:
    left, right = chance.randrange(10, 50), chance.randrange(10, 50)
    country = chance.choice(list(_CAPITALS))
    kind = chance.randrange(4)
    prompt, expected, length = f"What is {left} + {right}?", str(left + right), 16
    if way is Way.LEAVE:
        prompt, expected, length = _LONG_STORY, None, _LONG_STORY_TOKENS
    elif kind == 0:
        prompt, expected, length = _LONG_STORY, None, 160
    elif kind == 1:
        prompt, expected = f"What is the capital of {country}?", _CAPITALS[country]
    return Ask(number=number, way=way, prompt=prompt, expected=expected, max_tokens=length)


def plan_long_streams(count: int, *, first_number: int) -> list[Ask]:
    """`count` streams that all last for hundreds of tokens."""
    return [
        Ask(
            number=number,
            way=Way.STREAM,
            prompt=_LONG_STORY,
            expected=None,
            max_tokens=_LONG_STORY_TOKENS,
        )
        for number in range(first_number, first_number + count)
    ]


async def send_all(
    url: str,
    key: str,
    asks: list[Ask],
    *,
    on_answer: Callable[[Answer], None],
    on_text: Callable[[Ask], None] | None = None,
    at_once: int = _AT_ONCE,
) -> list[Answer]:
    """All answers; `on_text` is called whenever a stream has brought a piece of text."""
    gate = asyncio.Semaphore(at_once)
    # The client's own retries are off: what the network rescues is the network's doing.
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60) as client:

        async def send(ask: Ask) -> Answer:
            async with gate:
                answer = await _send_one(client, ask, on_text)
            on_answer(answer)
            return answer

        return await asyncio.gather(*(send(ask) for ask in asks))


async def _send_one(client: AsyncOpenAI, ask: Ask, on_text: Callable[[Ask], None] | None) -> Answer:
    answer = Answer(ask=ask, outcome=Outcome.COMPLETED)
    try:
        match ask.way:
            case Way.STREAM | Way.LEAVE:
                await _stream(client, ask, answer, on_text)
            case Way.PLAIN:
                await _plain(client, ask, answer)
            case Way.COMPLETION:
                await _complete(client, ask, answer)
            case Way.EMBEDDING:
                await _embed(client, ask, answer)
    except openai.APIStatusError as error:
        answer.outcome, answer.error = Outcome.REFUSED, f"{error.status_code} {error.code}"
    except openai.APIError as error:
        answer.outcome, answer.error = Outcome.BROKEN_OFF, str(error.code)
    return answer


async def _stream(
    client: AsyncOpenAI, ask: Ask, answer: Answer, on_text: Callable[[Ask], None] | None
) -> None:
    sent = last = time.perf_counter()
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": ask.prompt}],
        max_tokens=ask.max_tokens,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = 0
    async for chunk in stream:
        answer.job_id = chunk.id
        if chunk.usage is not None:
            answer.prompt_tokens = chunk.usage.prompt_tokens
            answer.output_tokens = chunk.usage.completion_tokens
        if not chunk.choices or not chunk.choices[0].delta.content:
            continue
        now = time.perf_counter()
        if answer.first_token_s is None:
            answer.first_token_s = now - sent
        else:
            answer.gaps_s.append(now - last)
        last = now
        answer.text += chunk.choices[0].delta.content
        chunks += 1
        if on_text is not None:
            on_text(ask)
        if ask.way is Way.LEAVE and chunks == _CHUNKS_BEFORE_LEAVING:
            answer.outcome = Outcome.LEFT_BY_CUSTOMER
            await stream.close()
            return


async def _plain(client: AsyncOpenAI, ask: Ask, answer: Answer) -> None:
    whole = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": ask.prompt}],
        max_tokens=ask.max_tokens,
        temperature=0,
    )
    answer.job_id = whole.id
    answer.text = whole.choices[0].message.content or ""
    if whole.usage is not None:
        answer.prompt_tokens = whole.usage.prompt_tokens
        answer.output_tokens = whole.usage.completion_tokens


async def _complete(client: AsyncOpenAI, ask: Ask, answer: Answer) -> None:
    whole = await client.completions.create(
        model=MODEL, prompt="The little fox", max_tokens=ask.max_tokens, temperature=0
    )
    answer.job_id = whole.id
    answer.text = whole.choices[0].text
    if whole.usage is not None:
        answer.prompt_tokens = whole.usage.prompt_tokens
        answer.output_tokens = whole.usage.completion_tokens


async def _embed(client: AsyncOpenAI, ask: Ask, answer: Answer) -> None:
    raw = await client.embeddings.with_raw_response.create(
        model=EMBEDDING_MODEL, input=[ask.prompt, "a little dog"]
    )
    answer.job_id = raw.headers["x-request-id"]
    vectors = raw.parse()
    answer.text = f"{len(vectors.data)} vectors of {len(vectors.data[0].embedding)}"
    answer.prompt_tokens = vectors.usage.prompt_tokens
