"""How many tokens the prompt of a request has, by the model's own tokenizer and template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec

from basis.gateway.requests import ChatRequest, CompletionRequest
from basis.metering.meter import Meter
from basis.rules.catalog import Model
from basis.rules.errors import ContextExceeded, InvalidInput
from basis.rules.units import TokenCount


async def count_chat(asked: ChatRequest, model: Model, meter: Meter) -> TokenCount:
    """The tokens of the messages as the model's template writes them, tools included.

    Raises:
        ContextExceeded: it has more characters than the context could ever hold.
        InvalidInput: the template cannot write it.
    """
    # Those of the messages' texts; what a template adds is not in it.
    characters = sum(
        len(message.content) for message in asked.messages if isinstance(message.content, str)
    )
    meter.require_fitting_length(characters, context_tokens=model.context_tokens)
    messages = [cast("dict[str, object]", msgspec.to_builtins(one)) for one in asked.messages]
    return await meter.count_chat(messages, tools=asked.tools)


async def count_completion(asked: CompletionRequest, model: Model, meter: Meter) -> TokenCount:
    """The tokens of the prompt, a text or token ids.

    Raises:
        ContextExceeded: it is longer than the context could ever hold.
        InvalidInput: an id outside the vocabulary.
    """
    meter.require_fitting_length(len(asked.prompt), context_tokens=model.context_tokens)
    if isinstance(asked.prompt, str):
        return await meter.count_prompt(asked.prompt)
    ids = cast("Sequence[int]", asked.prompt)
    if not all(0 <= token < meter.vocabulary_size for token in ids):
        raise InvalidInput(
            f"prompt holds ids outside the model's vocabulary of {meter.vocabulary_size}",
            param="prompt",
        )
    return TokenCount(len(ids))


async def count_inputs(texts: Sequence[str], model: Model, meter: Meter) -> TokenCount:
    """The tokens of all texts to embed.

    Raises:
        ContextExceeded: one of them is longer than the context.
    """
    total = 0
    for index, text in enumerate(texts):
        meter.require_fitting_length(len(text), context_tokens=model.context_tokens)
        count = await meter.count_prompt(text)
        if count > model.context_tokens:
            raise ContextExceeded(
                f"input {index} has {count} tokens; {model.name} takes {model.context_tokens}",
                param=f"input[{index}]",
            )
        total += count
    return TokenCount(total)
