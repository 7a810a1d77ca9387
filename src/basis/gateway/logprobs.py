"""The log probabilities of a plain answer: kept as they came, put together once at its end.

As Python lists they would take some thirty times their bytes, and a worker chooses what they hold.
"""

from __future__ import annotations

import msgspec

from basis.wire.frames import Chunk, Vector

MOST_BYTES_PER_TOKEN = 8 << 10
"""Twenty alternatives of a token are some 2 KiB; long tokens and spaces need more."""


class _Piece(msgspec.Struct, frozen=True, omit_defaults=True):
    """OpenAI's lists: the first two of a chat, the others of a completion."""

    content: msgspec.Raw = msgspec.Raw()
    refusal: msgspec.Raw = msgspec.Raw()
    tokens: msgspec.Raw = msgspec.Raw()
    token_logprobs: msgspec.Raw = msgspec.Raw()
    top_logprobs: msgspec.Raw = msgspec.Raw()
    text_offset: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Piece).decode


class Logprobs:
    """The pieces of one answer, in order."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def add(self, chunk: Chunk) -> None:
        """Keeps what the chunk has, without the frame around it."""
        if not isinstance(chunk.logprobs, msgspec.UnsetType):
            self._pieces.append(bytes(chunk.logprobs))

    def clear(self) -> None:
        """Forgets everything."""
        self._pieces.clear()

    def joined(self) -> msgspec.Raw | None:
        """OpenAI's logprobs object, lists joined; None if there was none."""
        lists: dict[str, list[bytes]] = {}
        for piece in self._pieces:
            for name, elements in _lists_of(piece).items():
                lists.setdefault(name, []).append(elements)
        if not lists:
            return None
        parts = (
            b'"%s":[%s]' % (name.encode(), b",".join(filter(None, elements)))
            for name, elements in lists.items()
        )
        return msgspec.Raw(b"{" + b",".join(parts) + b"}")


def logprobs_bytes(frame: Chunk | Vector) -> int:
    """What a frame counts towards the bound of its answer's log probabilities."""
    if isinstance(frame, Vector) or isinstance(frame.logprobs, msgspec.UnsetType):
        return 0
    return len(bytes(frame.logprobs))


def _lists_of(piece: bytes) -> dict[str, bytes]:
    """The JSON between the brackets of each list; nothing of what has another shape."""
    try:
        fields = _decode(piece)
    except msgspec.DecodeError:
        return {}
    values = {name: bytes(getattr(fields, name)).strip() for name in fields.__struct_fields__}
    return {name: value[1:-1].strip() for name, value in values.items() if value.startswith(b"[")}
