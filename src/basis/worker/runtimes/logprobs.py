"""Log probabilities in the shapes that OpenAI gives them: one for chats, one for completions.

llama-server answers both endpoints with the chat shape, Ollama with a plain list of tokens, vLLM
as OpenAI does. Customers of a completion get OpenAI's, whatever stands behind it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class TokenLogprob(msgspec.Struct, frozen=True, kw_only=True):
    """One token of the chat shape; Ollama's tokens are the same but for what may be missing."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list[TopLogprob] = []


class TopLogprob(msgspec.Struct, frozen=True, kw_only=True):
    """One alternative of a token."""

    token: str
    logprob: float
    bytes: list[int] | None = None


class _TokenId(msgspec.Struct, frozen=True):
    id: int | None = None


class _IdsShape(msgspec.Struct, frozen=True):
    content: list[_TokenId] | None = None


class _ChatShape(msgspec.Struct, frozen=True):
    content: list[TokenLogprob] | None = None


class _CompletionShape(msgspec.Struct, frozen=True, kw_only=True):
    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]] | None
    text_offset: list[int]


def chat_logprobs(tokens: Sequence[TokenLogprob]) -> msgspec.Raw | None:
    """`choice.logprobs` of a chat for these tokens; None for none."""
    if not tokens:
        return None
    return msgspec.Raw(msgspec.json.encode(_ChatShape(content=list(tokens))))


def ids_of(logprobs: msgspec.Raw) -> tuple[int, ...]:
    """The token ids that llama-server adds to the chat shape; empty where any is missing."""
    try:
        tokens = msgspec.json.decode(logprobs, type=_IdsShape).content or []
    except msgspec.DecodeError:
        return ()
    ids = [token.id for token in tokens if token.id is not None]
    return tuple(ids) if len(ids) == len(tokens) else ()


class CompletionLogprobs:
    """Turns each piece's log probabilities into the completion shape, whose offsets run on."""

    def __init__(self) -> None:
        self._offset = 0

    def skip(self, text: str) -> None:
        """Counts a text that came without log probabilities."""
        self._offset += len(text)

    def convert(self, logprobs: msgspec.Raw, text: str) -> msgspec.Raw | None:
        """The completion shape of `logprobs`, which belong to `text`; OpenAI's own passes."""
        try:
            tokens = msgspec.json.decode(logprobs, type=_ChatShape).content
        except msgspec.DecodeError:
            tokens = None
        if tokens is None:
            self.skip(text)
            return logprobs
        return self.build(tokens, text)

    def build(self, tokens: Sequence[TokenLogprob], text: str) -> msgspec.Raw | None:
        """The completion shape of `tokens`, which belong to `text`; None for none."""
        offsets: list[int] = []
        at = self._offset
        for token in tokens:
            offsets.append(at)
            at += len(token.token)
        self._offset += len(text)
        if not tokens:
            return None
        tops = [{top.token: top.logprob for top in token.top_logprobs} for token in tokens]
        shape = _CompletionShape(
            tokens=[token.token for token in tokens],
            token_logprobs=[token.logprob for token in tokens],
            top_logprobs=tops if any(tops) else None,
            text_offset=offsets,
        )
        return msgspec.Raw(msgspec.json.encode(shape))
