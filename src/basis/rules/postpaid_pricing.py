"""What a job cost before there were credits: in BASIS, billed afterwards.

Two epochs of November 2026 priced jobs so. No new job is priced by them; they stand here so that
the receipts of that time recompute. `rules/pricing.py` prices today's jobs.
Source: mission N13, N14; the figures are ours and placeholders.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from basis.rules.catalog import ModelKind
from basis.rules.errors import InvalidInput
from basis.rules.units import AmountRaw, Bps, TokenCount, mul_div_ceil

_TOKENS_PER_PRICE = 1_000_000
"""Prices are per million tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostpaidEpoch:
    """Dated prices in micro-credits per million tokens, and what a micro-credit is in BASIS."""

    version: str
    effective_from: str
    is_placeholder: bool
    prompt_price: int
    """Micro-credits per million prompt tokens, before the model's multiplier."""
    output_price: int
    """Micro-credits per million output tokens, before the model's multiplier."""
    basis_raw_per_microcredit: int
    protocol_fee_bps: Bps
    is_empty_answer_free: bool
    """Whether a text job whose answer is empty costs nothing, though its prompt was read."""


EPOCH_2026_11_21 = PostpaidEpoch(
    version="2026-11-21-placeholder",
    effective_from="2026-11-21",
    is_placeholder=True,
    prompt_price=150 * 1_000_000,
    output_price=600 * 1_000_000,
    basis_raw_per_microcredit=10**11,
    protocol_fee_bps=Bps(1_000),
    is_empty_answer_free=False,
)
"""150 and 600 credits (0.15 and 0.60 USD) per million tokens at 1x; 0.1 BASIS per credit."""

EPOCH_2026_11_23 = replace(
    EPOCH_2026_11_21,
    version="2026-11-23-placeholder",
    effective_from="2026-11-23",
    is_empty_answer_free=True,
)
"""The same prices. A worker that says `done` to every job without work earns nothing any more."""

POSTPAID_EPOCHS: tuple[PostpaidEpoch, ...] = (EPOCH_2026_11_21, EPOCH_2026_11_23)
"""Every epoch that ever priced a job, oldest first; none prices new jobs."""


def postpaid_epoch_of(version: str) -> PostpaidEpoch:
    """The epoch that a record names.

    Raises:
        InvalidInput: no epoch of this version was ever published.
    """
    for epoch in POSTPAID_EPOCHS:
        if epoch.version == version:
            return epoch
    raise InvalidInput(f"no pricing epoch {version!r} is known", param="pricing_version")


def is_free_by_epoch(
    epoch: PostpaidEpoch, *, kind: ModelKind | None, output_tokens: TokenCount
) -> bool:
    """Whether a completed job costs nothing because nothing came back for it.

    An answer may well be empty: a stop text that comes first, a model with nothing to say. But no
    one can tell it from one that was never worked on. Embeddings have no output tokens and are
    charged by their prompt. `kind` is None where the record is older than this rule.
    """
    is_text = kind in {ModelKind.CHAT, ModelKind.COMPLETION}
    return epoch.is_empty_answer_free and is_text and output_tokens == 0


def compute_postpaid_charge(
    epoch: PostpaidEpoch,
    *,
    prompt_tokens: TokenCount,
    output_tokens: TokenCount,
    multiplier_bps: Bps,
) -> AmountRaw:
    """The charge of a completed job in base units of BASIS, rounded up once, at the end.

    (prompt x prompt_price + output x output_price) x multiplier x rate / (10^6 x 10^4)

    Raises:
        ValueError: a negative count or multiplier.
    """
    if prompt_tokens < 0 or output_tokens < 0:
        raise ValueError(f"a token count is negative: {prompt_tokens}, {output_tokens}")
    microcredits_scaled = prompt_tokens * epoch.prompt_price + output_tokens * epoch.output_price
    return AmountRaw(
        mul_div_ceil(
            microcredits_scaled * multiplier_bps,
            epoch.basis_raw_per_microcredit,
            _TOKENS_PER_PRICE * 10_000,
        )
    )
