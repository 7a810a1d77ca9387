"""The sizes of the two models: what training, export and tests must agree on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of one llama; widths and heads are counts, `context` is in tokens."""

    width: int
    layers: int
    heads: int
    key_heads: int
    feed_forward_width: int
    vocabulary: int = 512
    context: int = 1024
    norm_epsilon: float = 1e-5
    rope_base: float = 10_000.0

    @property
    def head_width(self) -> int:
        return self.width // self.heads


GOOD = Shape(width=128, layers=6, heads=4, key_heads=2, feed_forward_width=384)
# The cheat's model: it talks the same language and knows visibly less.
WORSE = Shape(width=64, layers=3, heads=4, key_heads=2, feed_forward_width=160)
