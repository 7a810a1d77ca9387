"""Renders a model's own chat template, as the runtime does, to count what the prompt really is.

Templates come from model files, so they run in Jinja's immutable sandbox.
Source: the environment that Hugging Face's templates are written for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from jinja2 import TemplateError
from jinja2.ext import LoopControlExtension
from jinja2.sandbox import ImmutableSandboxedEnvironment

from basis.rules.errors import InvalidInput, Misconfigured

_BREAKDOWNS = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a template can raise that meets messages for which it was not written."""


class ChatTemplate:
    """A compiled template with its model's special tokens."""

    def __init__(self, source: str, *, bos_token: str, eos_token: str) -> None:
        """Compiles `source`.

        Raises:
            Misconfigured: it is no valid template.
        """
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[LoopControlExtension]
        )
        environment.filters["tojson"] = _to_json
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise Misconfigured(f"the model's chat template does not compile: {error}") from error
        self._special = {"bos_token": bos_token, "eos_token": eos_token}

    def render(
        self,
        messages: Sequence[Mapping[str, object]],
        *,
        tools: Sequence[Mapping[str, object]] | None,
    ) -> str:
        """The prompt text that asks for the next assistant message.

        Raises:
            InvalidInput: the template refuses these messages (for instance two of one role).
        """
        try:
            return self._template.render(
                messages=messages,
                tools=tools,
                add_generation_prompt=True,
                raise_exception=_refuse,
                **self._special,
            )
        except _BREAKDOWNS as error:
            raise InvalidInput(
                f"the model's chat template refuses these messages: {error}", param="messages"
            ) from error


def _to_json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> None:
    raise TemplateError(message)
