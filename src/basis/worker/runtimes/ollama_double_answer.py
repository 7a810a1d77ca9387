"""How the Ollama double answers a chat or a generation, line by line."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from basis.worker.runtimes.ollama_double_engine import Engine, EngineError, LoadedModel, Step
from basis.worker.runtimes.ollama_double_shapes import (
    ErrorLine,
    GenerateRequest,
    Line,
    Quirk,
    Said,
    add_metrics,
    describe_tokens,
    now_text,
)

_MAX_REPEATS = 30
"""Equal tokens in a row after which the real server gives up without a word. Source: its runner."""

_STEPS_BEFORE_ERROR = 3


class _Rendered(msgspec.Struct, frozen=True):
    prompt: str


class _Tokens(msgspec.Struct, frozen=True):
    tokens: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerer:
    """Answers one request with one model. `quirks` may change under it."""

    engine: Engine
    model: LoadedModel
    quirks: set[Quirk]
    request: GenerateRequest
    is_chat: bool
    began_ns: int

    async def prepare(self) -> dict[str, object]:
        """The body for llama-server; the context is checked before anything is streamed.

        Raises:
            EngineError: the prompt is too long and may not be truncated.
        """
        prompt = await self._render()
        tokens = msgspec.json.decode(
            await self.engine.ask(
                self.model,
                "/tokenize",
                {"content": prompt, "add_special": True, "parse_special": True},
            ),
            type=_Tokens,
        ).tokens
        room = self.model.num_ctx - 1
        if len(tokens) > room:
            if self.request.truncate is False:
                raise EngineError(400, "the input length exceeds the context length")
            tokens = tokens[-room:]
        body = self.request.settings.sampling() | {"prompt": tokens}
        if self.request.logprobs:
            body["n_probs"] = max(1, self.request.top_logprobs)
        if self.request.format == "json":
            body["json_schema"] = {"type": "object"}
        elif self.request.format:
            body["json_schema"] = self.request.format
        return body

    async def lines(self, body: dict[str, object]) -> AsyncGenerator[Line | ErrorLine, None]:
        """The lines of the answer; without `done` where the real server would end so."""
        for line in self._opening_lines():
            yield line
        said, repeats, number = "", 0, 0
        async with aclosing(self.engine.complete(self.model, body)) as steps:
            async for step in steps:
                number += 1
                if Quirk.ERROR_MID_STREAM in self.quirks and number > _STEPS_BEFORE_ERROR:
                    yield ErrorLine(error="an error was encountered while running the model")
                    return
                word = step.content.strip()
                said, repeats = word, (repeats + 1 if word == said else 0)
                if repeats > _MAX_REPEATS:
                    return
                if step.content:
                    yield self._line(step)
                if step.stop and Quirk.ENDS_WITHOUT_DONE not in self.quirks:
                    yield self._last_line(step)

    async def _render(self) -> str:
        if not self.is_chat and self.request.raw:
            return self.request.prompt
        messages = [
            {"role": message.role, "content": message.content} for message in self.request.messages
        ] or [{"role": "user", "content": self.request.prompt}]
        answer = await self.engine.ask(self.model, "/apply-template", {"messages": messages})
        return msgspec.json.decode(answer, type=_Rendered).prompt

    def _opening_lines(self) -> list[Line]:
        lines: list[Line] = []
        if self.is_chat and Quirk.THINKS in self.quirks:
            lines.append(self._say(Said(role="assistant", content="", thinking="a thought")))
        if self.is_chat and Quirk.CALLS_TOOL in self.quirks:
            call = {"function": {"name": "weather", "arguments": {"place": "Bern"}}}
            lines.append(self._say(Said(role="assistant", content="", tool_calls=[call])))
        return lines

    def _line(self, step: Step) -> Line:
        line = self._base(step.content)
        if not self.request.logprobs:
            return line
        tokens = describe_tokens(
            step.completion_probabilities, with_alternatives=self.request.top_logprobs > 0
        )
        return replace(line, logprobs=tokens)

    def _last_line(self, step: Step) -> Line:
        reason = "length" if step.stop_type == "limit" else "stop"
        line = replace(self._base(""), done=True, done_reason=reason)
        if Quirk.OMITS_METRICS in self.quirks:
            return line
        total_ns = time.monotonic_ns() - self.began_ns
        return add_metrics(line, step.timings, load_ns=self.model.load_ns, total_ns=total_ns)

    def _base(self, text: str) -> Line:
        if self.is_chat:
            return self._say(Said(role="assistant", content=text))
        name = self.request.model
        return Line(model=name, created_at=now_text(), response=text, done=False)

    def _say(self, message: Said) -> Line:
        name = self.request.model
        return Line(model=name, created_at=now_text(), message=message, done=False)


def only_loaded(request: GenerateRequest, *, is_chat: bool) -> Line:
    """The answer to a request that says nothing, which loads the model or unloads it."""
    return Line(
        model=request.model,
        created_at=now_text(),
        message=Said(role="assistant", content="") if is_chat else None,
        response=None if is_chat else "",
        done=True,
        done_reason="unload" if request.keep_alive == 0 else "load",
    )
