"""The network itself: a small llama in torch, used only to train.

It mirrors llama.cpp's `llama` architecture exactly (RMS norm, rotary positions over interleaved
pairs, grouped-query attention, SwiGLU, tied embeddings), so that its weights go into a GGUF file
without any permutation. Inference never runs here: that is llama.cpp's and onnxruntime's work.
"""

from __future__ import annotations

import torch
from models.tiny.shape import Shape
from torch import Tensor, nn
from torch.nn import functional


class Norm(nn.Module):
    """RMS norm with a learned scale."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape.width))
        self.epsilon = shape.norm_epsilon

    def forward(self, hidden: Tensor) -> Tensor:
        return functional.rms_norm(hidden, (hidden.shape[-1],), self.weight, self.epsilon)


def compute_rotations(shape: Shape, positions: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary angles, each (positions, head_width / 2)."""
    exponents = torch.arange(0, shape.head_width, 2) / shape.head_width
    frequencies = 1.0 / shape.rope_base**exponents
    angles = torch.outer(torch.arange(positions).float(), frequencies)
    return angles.cos(), angles.sin()


def rotate(heads: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Turns each neighbouring pair of (batch, heads, positions, head_width) by its angle."""
    even, odd = heads[..., 0::2], heads[..., 1::2]
    turned = torch.stack([even * cosines - odd * sines, even * sines + odd * cosines], dim=-1)
    return turned.flatten(-2)


class Attention(nn.Module):
    """Causal attention with fewer key and value heads than query heads."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        key_width = shape.key_heads * shape.head_width
        self.query = nn.Linear(shape.width, shape.width, bias=False)
        self.key = nn.Linear(shape.width, key_width, bias=False)
        self.value = nn.Linear(shape.width, key_width, bias=False)
        self.output = nn.Linear(shape.width, shape.width, bias=False)
        # A new layer adds nothing: the residual stream starts clean.
        nn.init.zeros_(self.output.weight)

    def forward(self, hidden: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        batch, positions, width = hidden.shape
        query, key, value = (
            layer(hidden).view(batch, positions, -1, self.shape.head_width).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        repeats = self.shape.heads // self.shape.key_heads
        key = rotate(key, cosines, sines).repeat_interleave(repeats, dim=1)
        value = value.repeat_interleave(repeats, dim=1)
        mixed = functional.scaled_dot_product_attention(
            rotate(query, cosines, sines), key, value, is_causal=True
        )
        return self.output(mixed.transpose(1, 2).reshape(batch, positions, width))


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate = nn.Linear(shape.width, shape.feed_forward_width, bias=False)
        self.up = nn.Linear(shape.width, shape.feed_forward_width, bias=False)
        self.down = nn.Linear(shape.feed_forward_width, shape.width, bias=False)
        nn.init.zeros_(self.down.weight)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.down(functional.silu(self.gate(hidden)) * self.up(hidden))


class Block(nn.Module):
    """One layer: attention, then feed-forward, each behind a norm and beside a residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = Norm(shape)
        self.attention = Attention(shape)
        self.feed_forward_norm = Norm(shape)
        self.feed_forward = FeedForward(shape)

    def forward(self, hidden: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        hidden = hidden + self.attention(self.attention_norm(hidden), cosines, sines)
        return hidden + self.feed_forward(self.feed_forward_norm(hidden))


class Network(nn.Module):
    """Token ids (batch, positions) in, logits (batch, positions, vocabulary) out."""

    cosines: Tensor
    sines: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = Norm(shape)
        nn.init.normal_(self.embedding.weight, std=0.02)
        cosines, sines = compute_rotations(shape, shape.context)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        cosines, sines = self.cosines[: ids.shape[1]], self.sines[: ids.shape[1]]
        hidden = self.embedding(ids)
        for block in self.blocks:
            hidden = block(hidden, cosines, sines)
        return self.norm(hidden) @ self.embedding.weight.T
