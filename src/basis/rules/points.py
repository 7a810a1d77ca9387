"""Llama and Waifu points of one job, with every component kept.

    points = units x multiplier x quality x latency x boost, floored once, at the end

`units` are prompt plus output tokens for LLM jobs, pixels times steps for image jobs. One Llama
Point is 1,000 tokens at 1x, one Waifu Point an image of 512x512 pixels in 20 steps at 1x.
The formula stands once, in `judge_points`, on plain integers: an auditor runs it over millions of
receipts; the functions below it look its operands up and name its result.
Source: mission P1 to P6; that latency counts as the reward's factor does is ours (P5 is open), and
that quality does too; docs/decisions/0012-points.md.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from basis.rules.gpus import ClaimedGpu, is_at_least, parse_gpu
from basis.rules.job import JobStatus
from basis.rules.points_tables import ImageRow, LlmRow, PointsTable
from basis.rules.units import LLAMA, WAIFU, WHOLE_BPS, AmountRaw, Bps, TokenCount

TOKENS_PER_POINT = 1_000
PIXEL_STEPS_PER_POINT = 512 * 512 * 20

_FOUR_FACTORS = 10_000**4
LLAMA_DIVISOR = TOKENS_PER_POINT * _FOUR_FACTORS // 10**LLAMA.decimals
"""Tokens x four factors in bps, over this, are base units of LLAMA; the quotient is exact."""
WAIFU_DIVISOR = PIXEL_STEPS_PER_POINT * _FOUR_FACTORS // 10**WAIFU.decimals
"""Pixel-steps x four factors in bps, over this, are base units of WAIFU; the quotient is exact."""

NO_BOOST = WHOLE_BPS


class PointsReason(enum.StrEnum):
    """Why a job earns no points. Where several hold the first is given."""

    NONE = ""
    """It earns some."""
    NOT_COMPLETED = "not_completed"
    NO_WALLET = "no_wallet"
    NOT_CHARGED = "not_charged"
    """The job cost its customer nothing: points that cost nothing could be had without end."""
    NO_MULTIPLIER = "no_multiplier"
    """The table gives the model or category 0, or has no row for it."""
    BELOW_HARDWARE_FLOOR = "below_hardware_floor"
    NO_QUALITY = "no_quality"
    """Quality or latency was judged as 0."""
    TOO_LITTLE = "too_little"
    """Less than one base unit of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsBreakdown:
    """What a job earns in points, and from what; the fields stand on its receipt."""

    asset: str
    amount_raw: AmountRaw
    units: int
    """Tokens of an LLM job, pixel-steps of an image job."""
    multiplier_bps: Bps
    quality_bps: Bps
    latency_bps: Bps
    boost_bps: Bps
    table: str
    """Version of the points table."""
    reason: PointsReason


def judge_points(
    units: int,
    divisor: int,
    multiplier_bps: int,
    quality_bps: int,
    latency_bps: int,
    boost_bps: int,
    is_completed: bool,
    has_wallet: bool,
    reaches_floor: bool,
    is_charged: bool,
) -> tuple[int, PointsReason]:
    """Base units of points, and why they are nothing.

    By position and on plain values, since an auditor calls it per receipt; `divisor` is
    LLAMA_DIVISOR or WAIFU_DIVISOR.

    Raises:
        ValueError: something negative, quality or latency above 1x, or a boost below 1x.
    """
    if (
        units < 0
        or multiplier_bps < 0
        or not 0 <= quality_bps <= 10_000
        or not 0 <= latency_bps <= 10_000
        or boost_bps < 10_000
    ):
        raise ValueError(
            f"points of {units} units at {multiplier_bps}, {quality_bps}, {latency_bps} and "
            f"{boost_bps} bps are out of range"
        )
    if not is_completed:
        return 0, PointsReason.NOT_COMPLETED
    if not has_wallet:
        return 0, PointsReason.NO_WALLET
    if not is_charged:
        return 0, PointsReason.NOT_CHARGED
    if not multiplier_bps:
        return 0, PointsReason.NO_MULTIPLIER
    if not reaches_floor:
        return 0, PointsReason.BELOW_HARDWARE_FLOOR
    if not quality_bps or not latency_bps:
        return 0, PointsReason.NO_QUALITY
    amount_raw = units * multiplier_bps * quality_bps * latency_bps * boost_bps // divisor
    return amount_raw, PointsReason.NONE if amount_raw else PointsReason.TOO_LITTLE


def compute_llm_points(
    table: PointsTable,
    *,
    status: JobStatus,
    worker_wallet: str,
    model_id: str,
    catalog_multiplier_bps: Bps,
    prompt_tokens: TokenCount,
    output_tokens: TokenCount,
    quality_bps: Bps,
    latency_bps: Bps,
    is_charged: bool,
    boost_bps: Bps = NO_BOOST,
    gpus: Sequence[ClaimedGpu] = (),
) -> PointsBreakdown:
    """The Llama Points of a job; `gpus` are the cards that its worker claims.

    Raises:
        ValueError: a negative count, or a rate out of range.
    """
    if prompt_tokens < 0 or output_tokens < 0:
        raise ValueError(f"a token count is negative: {prompt_tokens}, {output_tokens}")
    row = find_llm_row(table, model_id=model_id, catalog_multiplier_bps=catalog_multiplier_bps)
    units = prompt_tokens + output_tokens
    amount_raw, reason = judge_points(
        units,
        LLAMA_DIVISOR,
        row.multiplier_bps,
        quality_bps,
        latency_bps,
        boost_bps,
        status is JobStatus.COMPLETED,
        worker_wallet != "",
        reaches_vram(row, gpus),
        is_charged,
    )
    return PointsBreakdown(
        asset=LLAMA.symbol,
        amount_raw=AmountRaw(amount_raw),
        units=units,
        multiplier_bps=row.multiplier_bps,
        quality_bps=quality_bps,
        latency_bps=latency_bps,
        boost_bps=boost_bps,
        table=table.version,
        reason=reason,
    )


def compute_image_points(
    table: PointsTable,
    *,
    status: JobStatus,
    worker_wallet: str,
    category: str,
    width: int,
    height: int,
    steps: int,
    quality_bps: Bps,
    latency_bps: Bps,
    is_charged: bool,
    boost_bps: Bps = NO_BOOST,
    gpus: Sequence[ClaimedGpu] = (),
) -> PointsBreakdown:
    """The Waifu Points of one image of `width` x `height` pixels, sampled in `steps`.

    Raises:
        ValueError: a negative measure, or a rate out of range.
    """
    if min(width, height, steps) < 0:
        raise ValueError(f"a measure of the image is negative: {width}, {height}, {steps}")
    row = table.image.get(category, _NO_IMAGE_ROW)
    units = width * height * steps
    amount_raw, reason = judge_points(
        units,
        WAIFU_DIVISOR,
        row.multiplier_bps,
        quality_bps,
        latency_bps,
        boost_bps,
        status is JobStatus.COMPLETED,
        worker_wallet != "",
        reaches_card(table, row, gpus),
        is_charged,
    )
    return PointsBreakdown(
        asset=WAIFU.symbol,
        amount_raw=AmountRaw(amount_raw),
        units=units,
        multiplier_bps=row.multiplier_bps,
        quality_bps=quality_bps,
        latency_bps=latency_bps,
        boost_bps=boost_bps,
        table=table.version,
        reason=reason,
    )


def find_llm_row(table: PointsTable, *, model_id: str, catalog_multiplier_bps: Bps) -> LlmRow:
    """The model's row; without one the catalog's multiplier where the table allows it, else 0."""
    row = table.llm.get(model_id)
    if row is not None:
        return row
    multiplier_bps = catalog_multiplier_bps if table.falls_back_to_catalog else Bps(0)
    return LlmRow(multiplier_bps=multiplier_bps, min_vram_mib=0)


def reaches_vram(row: LlmRow, gpus: Sequence[ClaimedGpu]) -> bool:
    """Whether the cards together claim the row's memory: runtimes spread one model over them."""
    return sum(gpu.memory_mib for gpu in gpus) >= row.min_vram_mib


def reaches_card(table: PointsTable, row: ImageRow, gpus: Sequence[ClaimedGpu]) -> bool:
    """Whether one of the cards is at least one of the row's floors: an image is made on one."""
    if not row.floors:
        return True
    cards = (parse_gpu(table.gpus, gpu.name) for gpu in gpus)
    return any(card is not None and is_at_least(card, row.floors) for card in cards)


_NO_IMAGE_ROW = ImageRow(multiplier_bps=Bps(0), floors=())
