"""What the Ollama double reads and writes: requests, options, and its switchable quirks."""

from __future__ import annotations

import enum
from datetime import UTC, datetime

import msgspec

from basis.worker.runtimes.ollama_double_engine import Probability, Timings


class Quirk(enum.StrEnum):
    """A habit of the real server that is off until it is asked for."""

    ERROR_MID_STREAM = "error_mid_stream"
    ENDS_WITHOUT_DONE = "ends_without_done"
    OMITS_METRICS = "omits_metrics"
    SPLITS_LINES = "splits_lines"
    BUSY = "busy"
    CLOUD_MODELS = "cloud_models"
    THINKS = "thinks"
    CALLS_TOOL = "calls_tool"
    OUT_OF_MEMORY = "out_of_memory"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Those of Ollama's `options` that change an answer, with its defaults; others are ignored."""

    num_ctx: int | None = None
    num_predict: int = -1
    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.9
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int = -1
    stop: list[str] | None = None

    def sampling(self) -> dict[str, object]:
        """llama-server's names of them."""
        return {
            "n_predict": self.num_predict,
            "temperature": self.temperature,
            "top_k": self.top_k,
            "top_p": self.top_p,
            "min_p": self.min_p,
            "repeat_penalty": self.repeat_penalty,
            "presence_penalty": self.presence_penalty,
            "frequency_penalty": self.frequency_penalty,
            "seed": self.seed,
            "stop": self.stop or [],
            "cache_prompt": True,
            "stream": True,
        }


class ChatMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a chat."""

    role: str
    content: str = ""


class GenerateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`/api/chat` and `/api/generate`; `messages` or `prompt` is there."""

    model: str
    messages: list[ChatMessage] = []
    prompt: str = ""
    raw: bool = False
    stream: bool | None = None
    format: object = None
    options: Options | None = None
    keep_alive: str | int | float | None = None
    truncate: bool | None = None
    shift: bool | None = None
    logprobs: bool = False
    top_logprobs: int = 0

    @property
    def settings(self) -> Options:
        """The options, or the defaults."""
        return self.options or Options()


class EmbedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`/api/embed`."""

    model: str
    input: str | list[str]
    truncate: bool | None = None
    dimensions: int | None = None
    options: Options | None = None


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """One alternative of a token."""

    token: str
    logprob: float
    bytes: list[int]


class TokenLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One token of a line's `logprobs`: never its id, alternatives only if asked."""

    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[Alternative] = []


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The message of a chat's line."""

    content: str
    role: str
    thinking: str = ""
    tool_calls: list[object] = []


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an answer; a count of 0 is left out, as the real server does."""

    model: str
    created_at: str
    message: Said | None = None
    response: str | None = None
    done: bool
    done_reason: str = ""
    logprobs: list[TokenLine] = []
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0


class ErrorLine(msgspec.Struct, frozen=True, kw_only=True):
    """A failure in the middle of an answer, under HTTP 200."""

    error: str


def now_text() -> str:
    """The time as Ollama writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def describe_tokens(
    probabilities: list[Probability], *, with_alternatives: bool
) -> list[TokenLine]:
    """The `logprobs` of one line."""
    return [
        TokenLine(
            token=token.token,
            logprob=token.logprob,
            bytes=token.bytes,
            top_logprobs=[
                Alternative(token=top.token, logprob=top.logprob, bytes=top.bytes)
                for top in (token.top_logprobs if with_alternatives else [])
            ],
        )
        for token in probabilities
    ]


def add_metrics(line: Line, timings: Timings, *, load_ns: int, total_ns: int) -> Line:
    """The last line with its counts and durations in nanoseconds."""
    return msgspec.structs.replace(
        line,
        total_duration=total_ns,
        load_duration=load_ns,
        prompt_eval_count=timings.cache_n + timings.prompt_n,
        prompt_eval_duration=int(timings.prompt_ms * 1e6),
        eval_count=timings.predicted_n,
        eval_duration=int(timings.predicted_ms * 1e6),
    )


def join_lines(lines: list[Line | ErrorLine]) -> Line | ErrorLine:
    """The one object that a request without streaming gets."""
    last = lines[-1]
    if isinstance(last, ErrorLine):
        return last
    whole = [line for line in lines if isinstance(line, Line)]
    logprobs = [token for line in whole for token in line.logprobs]
    if last.message is None:
        text = "".join(line.response or "" for line in whole)
        return msgspec.structs.replace(last, response=text, logprobs=logprobs)
    said = [line.message for line in whole if line.message is not None]
    message = Said(
        role="assistant",
        content="".join(part.content for part in said),
        thinking="".join(part.thinking for part in said),
        tool_calls=[call for part in said for call in part.tool_calls],
    )
    return msgspec.structs.replace(last, message=message, logprobs=logprobs)
